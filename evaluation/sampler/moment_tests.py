"""Tests of sums over draws whose first three moments under the sampler's distribution are exact."""

import numpy as np

from ipvae.evaluation.gamma import pearson3_tails
from ipvae.evaluation.sampler.poisson_pit import Moments


def total(away: np.ndarray, index: np.ndarray, moments: Moments) -> tuple[float, float]:
    """Sum of z - mean, a test of the mean.

    Parameters
    ----------
    away : (n,) float64
        z - mean.
    index : (n,) int
        Index into `moments`.

    Returns
    -------
    statistic : float
        The sum in standard deviations.
    p_value : float
        Two-sided.
    """
    return _judged(away.sum(), moments.variance[index].sum(), moments.third[index].sum())


def spread(away: np.ndarray, index: np.ndarray, moments: Moments) -> tuple[float, float]:
    """Sum of ((z - mean)**2 - variance) / (1 + 2 variance), a test of the variance.

    For Poisson counts this weight has the most power against a variance wrong by one factor at all
    rates. Arguments and results as for `total`.
    """
    weight = 1.0 / (1.0 + 2.0 * moments.variance)
    by_rate = np.bincount(index, minlength=weight.size)
    sum_of_squares = (away * away * weight[index]).sum()
    return _judged(
        float(sum_of_squares - by_rate @ (moments.variance * weight)),
        float(by_rate @ (moments.spread_variance * weight**2)),
        float(by_rate @ (moments.spread_third * weight**3)),
    )


def product(
    away: np.ndarray, index: np.ndarray, moments: Moments, axis: int
) -> tuple[float, float] | None:
    """Sum of the products of neighbours' (z - mean) / sqrt(1 + variance), a test of dependence.

    Moments are conditional on the earlier of two neighbours, since the later log-rate may depend on
    it.

    Parameters
    ----------
    away : float64 array
        z - mean.
    index : int array of the same shape
        Index into `moments`.
    axis : int
        Axis of the neighbours; pairs overlap, so each element except at the ends is in two pairs.

    Returns
    -------
    statistic, p_value : float
        As for `total`; None if there are no neighbours.
    """
    if away.shape[axis] < 2:
        return None
    scale = 1.0 / np.sqrt(1.0 + moments.variance)
    earlier = np.moveaxis(away * scale[index], axis, 0)[:-1]
    later = np.moveaxis(index, axis, 0)[1:]
    following = np.moveaxis(away, axis, 0)[1:] * scale[later]
    return _judged(
        (earlier * following).sum(),
        (earlier**2 * (moments.variance * scale**2)[later]).sum(),
        (earlier**3 * (moments.third * scale**3)[later]).sum(),
    )


def _judged(value: float, variance: float, third: float) -> tuple[float, float]:
    """Standardize a sum of mean 0; its two-sided p-value by Pearson's type III distribution.

    This distribution has the three moments of the sum, and is normal if the third is 0. For a
    Poisson count it is the gamma approximation.
    """
    if variance <= 0.0:  # the sum is not random
        return 0.0, 1.0 if abs(value) < 1e-6 else 0.0
    standard = float(value / np.sqrt(variance))
    return standard, min(1.0, 2.0 * min(pearson3_tails(standard, float(third / variance**1.5))))
