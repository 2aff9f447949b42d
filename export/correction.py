"""What rounding takes from a neuron's mean input, given back as a bias."""

from collections.abc import Iterable

import numpy as np


def mean_activity(counts: Iterable[np.ndarray]) -> np.ndarray:
    """Return mean counts over images and over the logarithm of time, (K,) float64.

    An inference begins with a burst and then thins out for hundreds of steps; steps 1, 2-3, 4-7,
    8-15 ... weigh the same, so that a bias fits both ends. A last, unfinished group counts too.

    Parameters
    ----------
    counts : (N, K) counts of steps 0, 1, 2 ..., two at least; the first, drawn from the prior
        before anything was received, is left out
    """
    groups: list[list[np.ndarray]] = []
    for step, z in enumerate(counts):
        if step == 0:
            continue
        if step & (step - 1) == 0:  # a power of two
            groups.append([])
        groups[-1].append(np.asarray(z, dtype=np.float64).mean(axis=0))
    return np.mean([np.mean(group, axis=0) for group in groups], axis=0)


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
