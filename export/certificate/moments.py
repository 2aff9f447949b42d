"""Statistics of the float model on the calibration images, which rounding and certificate use."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Moments:
    """Statistics of a run of the float model on calibration images.

    Attributes
    ----------
    mean : (K,) float64
        Mean counts.
    covariance : (K, K) float64
    largest_error : (M,) float64 or None
        Largest |x - Phi z| of each pixel; of the layout error-units.
    largest_code : float
        Largest code of all images, for LCA.
    images : (N, M) float64
        Calibration images, real pixel values.
    slopes : (M, K) float64 or None
        Regression of counts on real pixel values, for few bits; `covariance` is of the rest.
    image : (M,) float64 or None
        Mean image of that regression.
    """

    mean: np.ndarray
    covariance: np.ndarray
    largest_error: np.ndarray | None
    largest_code: float
    images: np.ndarray
    slopes: np.ndarray | None = None
    image: np.ndarray | None = None
