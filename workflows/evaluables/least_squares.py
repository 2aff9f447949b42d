"""Least squares on a dictionary: the limit of dense real codes."""

from pathlib import Path

import numpy as np

from ipvae.workflows.evaluables.base import Evaluable, Inferred
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Advance


class LeastSquares(Evaluable):
    """Real codes z = pinv(Phi) x with the least squared error on a dictionary.

    No other code, dense or sparse, has a smaller squared error with this decoder.
    """

    def __init__(self, of: Evaluable) -> None:
        self._of = of
        self.decoder = of.decoder.astype(np.float64)
        self._encoder = np.linalg.pinv(self.decoder)
        self.name, self.preset, self.format = of.name, of.preset, of.format
        self.steps = 1
        self.facts = {}

    def test_images(
        self,
        samples: int | None,
        data_dir: str | Path | None = None,
        images: ImagesLike = None,
        labels: LabelsLike = None,
    ) -> LabelledImages:
        """Test images of the model or network with the dictionary."""
        return self._of.test_images(samples, data_dir, images, labels)

    def infer(
        self,
        pixels: np.ndarray,
        steps: list[int],
        seed: int,  # noqa: ARG002
        progress: Advance | None = None,  # noqa: ARG002
    ) -> Inferred:
        """Return codes, which are also the features; they are the same at all steps."""
        codes = self.real(pixels) @ self._encoder.T
        return Inferred(dict.fromkeys(steps, (codes, codes)))

    def prior_images(self, n: int, seed: int) -> np.ndarray:  # noqa: ARG002
        """Return zeros, since there is no prior."""
        return np.zeros((n, len(self.decoder)))
