"""What rounding takes from a neuron's mean input, given back as a bias."""

import numpy as np

LOG_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Steps whose mean counts stand for an inference: it begins with a burst and then thins out for
hundreds of steps; equal distances in the logarithm of time let a bias fit both ends."""


def mean_correction(exact: np.ndarray, runs: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what to add to the drive, (K,), so that the mean received input is the exact one.

    Parameters
    ----------
    exact, runs : (K, K) float64, inhibition by one count, receiver first, before and after
        rounding; the result has their units
    mean : (K,) float64, mean counts

    References
    ----------
    Bias correction: arXiv 1906.04721, section 4.2.
    """
    return (runs - exact) @ mean
