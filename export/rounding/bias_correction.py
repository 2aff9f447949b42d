"""Bias correction for the mean error that rounding adds to a neuron's input."""

import numpy as np

LOG_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Steps whose mean counts represent an inference. It begins with a burst and becomes sparser for
hundreds of steps; logarithmic spacing lets a bias fit both phases."""


def mean_correction(exact: np.ndarray, runs: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the change of the drive, (K,), that restores the exact mean of the synaptic input.

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
