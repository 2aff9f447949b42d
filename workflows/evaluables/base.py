"""Interface of everything that can be evaluated or compared."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.metrics import quality_of_images
from ipvae.network.description import InputFormat
from ipvae.network.pixels import to_real
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.estimates import steps_seconds

DEFAULT_STEPS = 64

States = dict[int, tuple[np.ndarray, np.ndarray]]
"""Codes and classifier features, (N, K) each, by step; Poisson: counts and rates exp(u)."""


@dataclass(frozen=True, eq=False)
class Inferred:
    """Codes of images.

    Attributes
    ----------
    states : States
        States after each requested step.
    """

    states: States

    @property
    def counts(self) -> dict[int, np.ndarray]:
        """Codes (N, K) by step."""
        return {step: codes for step, (codes, _) in self.states.items()}

    @property
    def last(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes and features after the last step."""
        return self.states[max(self.states)]

    def figures(self, images: LabelledImages) -> dict[str, Any]:  # noqa: ARG002
        """JSON keys other than error, fit and sparsity; `images` are the inferred images."""
        return {}


class Evaluable(ABC):
    """A network, a model or a baseline.

    Attributes
    ----------
    name : str
        For titles.
    preset : str
        Data set on which it was trained.
    format : InputFormat
        Range, scale and shape of pixels.
    decoder : (M, K) array
        Phi, real pixel units.
    trained_steps : int or None
        Updates unrolled in training, if known.
    metrics : path or None
        File with one line for each epoch; it may be missing.
    steps : int
        Default number of updates.
    counts : bool
        Whether codes are spike counts.
    facts : dict
        JSON keys that describe it.
    """

    name: str
    preset: str
    format: InputFormat
    decoder: np.ndarray
    trained_steps: int | None = None
    metrics: Path | None = None
    steps: int = DEFAULT_STEPS
    counts: bool = False
    facts: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image."""
        return self.format.shape

    @property
    def signed(self) -> bool:
        """True if pixels can be negative."""
        return self.format.minimum < 0

    @property
    def n_neurons(self) -> int:
        """K, the length of a code."""
        return self.decoder.shape[1]

    def reconstructions(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, M) of codes (N, K), real pixel values."""
        return codes.astype(np.float32) @ self.decoder.T.astype(np.float32)

    def curve(self, real: np.ndarray, codes: Mapping[int, np.ndarray]) -> list[dict[str, float]]:
        """Quality of codes (N, K) of images (N, M) by number of steps, with its `step`."""
        return [
            {"step": step, **quality_of_images(real, self.reconstructions(z), z)}
            for step, z in sorted(codes.items())
        ]

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        return to_real(pixels, self.format)

    @abstractmethod
    def test_images(
        self,
        samples: int | None,
        data_dir: str | Path | None = None,
        images: ImagesLike = None,
        labels: LabelsLike = None,
    ) -> LabelledImages:
        """First given images, else the first images of its test set."""

    @abstractmethod
    def infer(
        self, pixels: np.ndarray, steps: list[int], seed: int, progress: Advance | None = None
    ) -> Inferred:
        """Infer codes after increasing numbers of steps.

        `progress` receives numbers of finished images, if they are known.
        """

    def seconds(self, images: int, steps: int) -> float:
        """Rough time of a run on this machine, in seconds."""
        n_pixels, n_neurons = self.decoder.shape
        return steps_seconds(images * steps, 2 * n_pixels * n_neurons, n_neurons)

    def averaged(
        self,
        pixels: np.ndarray,  # noqa: ARG002
        steps: list[int],  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> dict[int, np.ndarray]:
        """Codes averaged over the last quarter of each number of steps, (N, K) float32.

        Raises
        ------
        InputError
            If the codes of successive steps are no draws of one state.
        """
        raise InputError(f"readout=mean: {self.name} has no counts to average; allowed is draw")

    @abstractmethod
    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images (n, M) drawn from the prior, real pixel values."""
