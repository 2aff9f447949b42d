"""Interval arithmetic on a whole layer: smallest and largest value of a variable in each neuron."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """Smallest and largest value of a variable.

    Attributes
    ----------
    low, high : (K,) int64, or () where all neurons have the same
    """

    low: np.ndarray
    high: np.ndarray

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Interval") -> "Interval":
        return Interval(self.low - other.high, self.high - other.low)

    def through(self, rising: Callable[[np.ndarray], np.ndarray]) -> "Interval":
        """Image under a nondecreasing function, such as a shift or a clip."""
        return Interval(rising(self.low), rising(self.high))

    @property
    def ends(self) -> tuple[int, int]:
        """The extremes over all neurons."""
        return int(self.low.min()), int(self.high.max())


def between(low: np.ndarray | int, high: np.ndarray | int) -> Interval:
    """Interval from its ends, widened to int64."""
    return Interval(np.asarray(low, dtype=np.int64), np.asarray(high, dtype=np.int64))


def weighted_sums(weight: np.ndarray, low: int, high: int) -> tuple[Interval, Interval]:
    """Bound the sums of rows of weights times values in [low, high].

    The terms of one sign may all come first in an order of summation, so a partial sum can be
    further from 0 than the whole sum.

    Parameters
    ----------
    weight : (K, N) int8 or int16
    low, high : int

    Returns
    -------
    partial, whole : Interval
        Of any partial sum, the empty one included, and of the whole sum; (K,) each.
    """
    up = weight.clip(min=0).sum(axis=1, dtype=np.int64)
    down = weight.clip(max=0).sum(axis=1, dtype=np.int64)
    whole = between(up * low + down * high, up * high + down * low)
    below, above = min(low, 0), max(high, 0)
    return between(up * below + down * above, up * above + down * below), whole
