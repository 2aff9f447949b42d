"""Sparse coding with the locally competitive algorithm (LCA) on shared kernels.

    u' = u + h ( A^T x - u - (A^T A - 1) a ),  a = max(u - L, 0)

A has the kernels of a convolutional model, of unit norm, at all places of the grid; see
`ipvae.float_models.lca` for dense dictionaries and the reference.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from ipvae.errors import DataError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import cross_correlations, largest_eigenvalue
from ipvae.float_models.convolutional.steps import Prepared, as_pictures


def unit_kernels(kernels: np.ndarray) -> np.ndarray:
    """Return kernels (C, c, k, k) scaled to unit norm, float64; a kernel of zeros stays."""
    norms = np.sqrt(np.square(kernels.astype(np.float64)).sum(axis=(1, 2, 3)))
    return kernels / np.where(norms > 0, norms, 1.0)[:, None, None, None]


class ConvolutionalLca:
    """Kernels prepared for LCA on images of one size.

    Parameters
    ----------
    kernels : (C, c, k, k), scaled to unit norm; a kernel of zeros stays
    canvas : size of the images, kernels and stride
    threshold : L above 0, pixel units

    Attributes
    ----------
    kernels : (C, c, k, k) float64, of unit norm
    step_size : h, 1 over the largest eigenvalue of A^T A on an unlimited grid, at most 1

    Raises
    ------
    DataError
        If the threshold is not above 0.
    """

    def __init__(self, kernels: np.ndarray, canvas: Canvas, threshold: float) -> None:
        if not 0 < threshold < np.inf:
            raise DataError(
                f"threshold is {threshold}; allowed are numbers above 0, in the units of pixels. "
                "Pass for example 0.1."
            )
        self.kernels = unit_kernels(kernels)
        self.canvas, self.threshold = canvas, threshold
        gram = cross_correlations(self.kernels, self.kernels, canvas.stride)
        self.step_size = 1.0 / max(1.0, largest_eigenvalue(gram))
        self._of = Prepared.of(self._as_model(), canvas)

    def code(self, u: np.ndarray) -> np.ndarray:
        """Return the nonnegative code of potentials: max(u - L, 0)."""
        return np.maximum(u - np.float32(self.threshold), np.float32(0.0))

    def codes(
        self,
        images: np.ndarray,
        steps: Iterable[int],
        watch: Callable[[int, np.ndarray], None] | None = None,
    ) -> dict[int, np.ndarray]:
        """Return codes (N, K) float32 after the given numbers of steps, starting at u = 0.

        Parameters
        ----------
        images : (N, M) or (N, c, h, w), real values
        steps : 0 or more each
        watch : callback with the number and the codes (1, K) of every step of each image

        Raises
        ------
        DataError
            If images have another size than the canvas, or a step is negative.
        """
        wanted = sorted(set(steps))
        if not wanted or wanted[0] < 0:
            raise DataError(f"steps: found {wanted}, allowed 0 and above; give at least one")
        pictures, h = as_pictures(images, self.canvas), np.float32(self.step_size)
        kept = {t: np.empty((len(pictures), self.canvas.neurons), np.float32) for t in wanted}
        for index, image in enumerate(pictures):
            drive = self._of.drive_of(image)
            u = np.zeros_like(drive)
            for step in range(wanted[-1] + 1):
                a = self.code(u)
                if watch is not None:
                    watch(step, a.reshape(1, -1))
                if step in kept:
                    kept[step][index] = a.ravel()
                u = u + h * (drive - u - self._of.received(a) + a)
        return kept

    def _as_model(self) -> Mapping[str, np.ndarray]:
        """Tensors with unit step size and precision, whose drive has no bias."""
        maps, channels = self.kernels.shape[:2]
        return {
            "kernels": self.kernels,
            "u0": np.zeros(maps),
            "log_bias": np.full(maps, -np.inf),
            "log_lr": np.zeros(()),
            "log_sigma_raw": np.zeros(channels),
        }
