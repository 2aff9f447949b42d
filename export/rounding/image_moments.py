"""Counts explained by the image: what a drive can correct, and what is left for rounding.

Rounding changes the inhibition by dG, and a neuron's input by -dG z. The part of z that is affine
in the image, m + B^T (x - mean x), is known to the host, which adds dG times it to the drive.
Rounding needs to be accurate only for the rest of z.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.export.rounding.bias_correction import LOG_STEPS

MOST_BITS = 5
"""Weight bits up to which the drive is corrected; above, the error of rounding is small."""
FIRST_STEP = 24
"""First of the steps (`LOG_STEPS`) that count; before it the code is not yet sparse. On
models/mnist at 4 bits zeros after 1000 steps are better with 24 than with 1."""
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties of the ridge regression, in units of the mean variance of a pixel."""
HELD_OUT = 5
"""One image out of this number judges the penalties."""
LEAST_IMAGES = 20
"""Images without which no regression is tried."""


@dataclass(frozen=True, eq=False)
class ImageMoments:
    """Moments of counts on calibration images, with their regression on the pixels.

    Attributes
    ----------
    mean : (K,) float64, mean counts
    image : (M,) float64, mean image, real values
    slopes : (M, K) float64, counts per real pixel value; 0 if no regression predicts new images
    covariance : (K, K) float64, of what the regression leaves
    """

    mean: np.ndarray
    image: np.ndarray
    slopes: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, images: np.ndarray) -> "ImageMoments":
        """Return the moments of counts (steps of LOG_STEPS, N, K) on images (N, M), real values."""
        late = counts[[i for i, step in enumerate(LOG_STEPS) if step >= FIRST_STEP]]
        per_image = late.mean(axis=0, dtype=np.float64)
        mean, image = per_image.mean(axis=0), images.mean(axis=0)
        slopes = _slopes(images - image, per_image - mean)
        fitted = (images - image) @ slopes
        covariance = np.zeros((len(mean),) * 2)
        for step in late:
            left = (step - mean - fitted).astype(np.float32)
            covariance += left.T @ left
        return cls(mean, image, slopes, covariance / (len(late) * len(images)))

    def drive(self, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the correction of the drive, (K, M) for each real pixel value, and of the bias.

        Parameters
        ----------
        change : (K, K) float64, inhibition after rounding minus before; the result has its units
        """
        weights = change @ self.slopes.T
        return weights, change @ self.mean - weights @ self.image


def _slopes(images: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Ridge regression of counts (N, K) on images (N, M), both centred."""
    none = np.zeros((images.shape[1], counts.shape[1]))
    if len(images) < LEAST_IMAGES:
        return none
    held = np.arange(len(images)) % HELD_OUT == HELD_OUT - 1
    fits = _ridge(images[~held], counts[~held])
    errors = [np.square(images[held] @ fit - counts[held]).sum() for fit in fits]
    best = int(np.argmin(errors))
    if errors[best] >= np.square(counts[held]).sum():
        return none
    return _ridge(images, counts, STRENGTHS[best : best + 1])[0]


def _ridge(
    images: np.ndarray, counts: np.ndarray, strengths: tuple[float, ...] = STRENGTHS
) -> list[np.ndarray]:
    """Slopes (M, K) for each penalty, by one eigendecomposition."""
    values, vectors = np.linalg.eigh(images.T @ images / len(images))
    unit = float(values.mean())
    if unit <= 0:
        return [np.zeros((images.shape[1], counts.shape[1])) for _ in strengths]
    projected = vectors.T @ (images.T @ counts) / len(images)
    return [vectors @ (projected / (values + s * unit)[:, None]) for s in strengths]
