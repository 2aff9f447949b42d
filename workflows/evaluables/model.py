"""Float models, with their own inference or with sparse coding on their dictionary."""

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.workflows.evaluables.averaging import RunningMeans
from ipvae.workflows.evaluables.base import DEFAULT_STEPS, Evaluable, Inferred
from ipvae.workflows.image_input.images import (
    ImagesLike,
    LabelledImages,
    given_images,
    preset_images,
)
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Advance
from ipvae.workflows.running.number import AtMost

if TYPE_CHECKING:
    from ipvae.float_models.inference.infer import State

METRICS = "metrics.jsonl"
"""File of training metrics, in the folder of a training."""


class NonzeroCodes:
    """Nonzero codes of each step, summed over images; thread-safe."""

    def __init__(self) -> None:
        self._by_step: Counter[int] = Counter()
        self._lock = threading.Lock()

    def __call__(self, step: int, codes: np.ndarray) -> None:
        """Add nonzero codes of a step."""
        self.add(step, int(np.count_nonzero(codes)))

    def add(self, step: int, number: int) -> None:
        """Add a number to a step."""
        with self._lock:
            self._by_step[step] += number

    def before(self, step: int) -> int:
        """Number of nonzero codes sent before the update of a step."""
        return sum(n for t, n in self._by_step.items() if t < step)


@dataclass(frozen=True, eq=False)
class CountedInferred(Inferred):
    """Codes of a float model.

    Attributes
    ----------
    sent : NonzeroCodes
        Nonzero codes of all steps.
    """

    sent: NonzeroCodes


@dataclass(frozen=True, eq=False)
class ModelInferred(CountedInferred):
    """Codes of a float model by its own inference, with the last state."""

    checkpoint: Checkpoint
    state: "State"
    real: np.ndarray

    def figures(self, images: LabelledImages) -> dict[str, Any]:  # noqa: ARG002
        """ELBO, NLL, KL and active latents."""
        from ipvae.float_models.figures import figures

        return figures(self.checkpoint, self.real, self.state).as_dict()


class EvaluableModel(Evaluable):
    """A trained float model.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
    folder : path, optional
        Folder of its training, with metrics.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, folder: Path | None = None) -> None:

        self.checkpoint, self.name = checkpoint, name
        self.decoder = checkpoint.params["phi"]
        self.preset = checkpoint.data.preset
        self.format = checkpoint.data.pixel_format
        config = checkpoint.config
        self.trained_steps = None if config is None else config.steps
        self.metrics = None if folder is None else folder / METRICS
        self.amortized = checkpoint.member.inference == "amortized"
        self.steps = 1 if self.amortized else DEFAULT_STEPS
        self.counts = checkpoint.member.latent == "poisson"
        self.facts = {"model": checkpoint.model}

    def test_images(
        self,
        samples: int | None,
        data_dir: str | Path | None = None,
        images: ImagesLike = None,
        labels: LabelsLike = None,
    ) -> LabelledImages:
        """Given images, else the test images of its data set."""
        if images is not None:
            found = given_images(images, self.format, labels, samples)
        else:
            found = preset_test_images(self.preset, data_dir)
        return first_images(found, samples)

    def infer(
        self,
        pixels: np.ndarray,
        steps: list[int],
        seed: int,
        progress: Advance | None = None,  # noqa: ARG002
    ) -> CountedInferred:
        """Infer codes and features after each number of steps."""
        from ipvae.float_models.inference.infer import infer

        checkpoint, sent, real = self.checkpoint, NonzeroCodes(), self.real(pixels)
        found = infer(
            checkpoint.params,
            real.astype(np.float32),
            steps,
            seed=seed,
            model=checkpoint.model,
            image_shape=checkpoint.data.image_shape,
            watch=sent,
        )
        states = {t: (state.counts, self._features(state.belief[0])) for t, state in found.items()}
        return ModelInferred(states, sent, checkpoint, found[steps[-1]], real)

    def averaged(self, pixels: np.ndarray, steps: list[int], seed: int) -> dict[int, np.ndarray]:
        """Codes averaged over the last quarter of each number of steps."""
        from ipvae.float_models.inference.infer import visit_steps

        checkpoint, real = self.checkpoint, self.real(pixels).astype(np.float32)
        if self.amortized:
            return super().averaged(pixels, steps, seed)
        means = RunningMeans(steps, (len(real), self.decoder.shape[1]))
        visit_steps(
            checkpoint.params,
            real,
            steps[-1],
            lambda step, first, codes, _: means.add(step, codes, first),
            checkpoint.model,
            self.shape,
            seed=seed,
        )
        return means.means()

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images drawn from the prior."""
        from ipvae.float_models.inference.infer import sample

        return sample(self.checkpoint.params, n, seed, self.checkpoint.model)

    def _features(self, belief: np.ndarray) -> np.ndarray:
        """Rates of Poisson latents, or means of other latents, rectified if the code is."""
        latent = self.checkpoint.member.latent
        if latent == "poisson":
            return np.exp(belief)
        return np.maximum(belief, 0.0) if latent == "rectified" else belief


class EvaluableLca(EvaluableModel):
    """Sparse codes by LCA on a model's dictionary with columns of length 1."""

    def __init__(
        self, checkpoint: Checkpoint, name: str, threshold: float, folder: Path | None = None
    ) -> None:
        from ipvae.float_models.lca import lca

        super().__init__(checkpoint, name, folder)
        nonnegative = checkpoint.member.latent != "gaussian"
        self.solver = lca(self.decoder, threshold, nonnegative=nonnegative)
        self.decoder, self.steps, self.amortized = self.solver.atoms, DEFAULT_STEPS, False
        self.metrics, self.trained_steps = None, None  # these belong to the model's own inference
        self.counts = False
        self.facts = {
            **self.facts,
            "inference": "lca",
            "threshold": threshold,
            "nonnegative": nonnegative,
        }

    def infer(
        self,
        pixels: np.ndarray,
        steps: list[int],
        seed: int,  # noqa: ARG002
        progress: Advance | None = None,  # noqa: ARG002
    ) -> CountedInferred:
        """Infer codes, which are also the features, after each number of steps."""
        from ipvae.float_models.lca import lca_codes

        sent = NonzeroCodes()
        found = lca_codes(self.solver, self.real(pixels), steps, sent)
        return CountedInferred({step: (codes, codes) for step, codes in found.items()}, sent)

    def averaged(self, pixels: np.ndarray, steps: list[int], seed: int) -> dict[int, np.ndarray]:
        """Refuse averages: codes of LCA are not drawn."""
        return Evaluable.averaged(self, pixels, steps, seed)


def preset_test_images(preset: str, data_dir: str | Path | None) -> LabelledImages:
    """Return the test images of a model's data set, with their labels."""
    data = preset_images(require_preset(preset), data_dir)
    return LabelledImages(data.test_pixels.astype(np.int16), data.test_labels)


def first_images(found: LabelledImages, samples: int | None) -> LabelledImages:
    """Return the first images; raise InputError if fewer are there than were asked for."""
    if samples is not None and samples > len(found.pixels) and not isinstance(samples, AtMost):
        raise InputError(f"samples: found {samples}, allowed up to {len(found.pixels)}")
    return found.first(samples)


def require_preset(preset: str) -> str:
    """Return the name of a data set; raise InputError if ipvae does not provide it."""
    from ipvae.float_models.config import PRESETS

    if preset not in PRESETS:
        raise InputError(
            f"images: none given, and the model names no known data set (found '{preset}', "
            f"allowed {', '.join(PRESETS)}); give images="
        )
    return preset
