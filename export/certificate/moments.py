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
    """

    mean: np.ndarray
    covariance: np.ndarray
    largest_error: np.ndarray | None
    largest_code: float
    images: np.ndarray
