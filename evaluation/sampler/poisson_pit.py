"""Probability integral transform of draws by the sampler's exact law, and the law's moments."""

from dataclasses import dataclass

import numpy as np

from ipvae.evaluation.gamma import poisson_tails
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.distribution import probabilities
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN

BINS = 256
"""Number of bins for the transformed draws."""
CUT = 2.0**-20
"""Tail probability below which the table's rounding, 1/16 of it, may matter."""
ROWS = 512
"""Number of log-rates whose laws are in memory at a time: 3.5 MB for each table of them."""


@dataclass(frozen=True)
class Moments:
    """Moments of the count's law, by log-rate; 0 for log-rates without draws.

    Attributes
    ----------
    mean, variance, third : (82 k,) float64
        Moments of the count; variance and third moment are about the mean.
    spread_variance, spread_third : (82 k,) float64
        Moments of (count - mean)**2 about its mean, which is `variance`.
    """

    mean: np.ndarray
    variance: np.ndarray
    third: np.ndarray
    spread_variance: np.ndarray
    spread_third: np.ndarray


@dataclass(frozen=True)
class Placed:
    """Draws transformed by their law.

    Attributes
    ----------
    index : int32, the shape of the draws
        Index into `moments`.
    moments : Moments
    place : uint8, the shape of the draws
        Bin in 0..BINS - 1 of F(z - 1) + w * (F(z) - F(z - 1)), w uniform. Bins are uniform and
        independent if the counts follow the law, for any log-rates.
    rarest : float
        Smallest of P(count <= z) and P(count >= z) among all draws. Poisson's law replaces a tail
        that the table's rounding to 2**-24 cuts off, so that exact draws pass.
    """

    index: np.ndarray
    moments: Moments
    place: np.ndarray
    rarest: float


def place(log_rate: np.ndarray, counts: np.ndarray, count_max: int, seed: int) -> Placed:
    """Transform draws by the law of `network.distribution.probabilities`.

    Parameters
    ----------
    log_rate : int array, Q11.12 octaves in [LOG_RATE_MIN, LOG_RATE_MAX]
    counts : int array of the same shape
        Any integers; one outside the support is at its end, with probability 0.
    count_max : int
        Limit of a count.
    seed : int
        Seed of w.

    Raises
    ------
    ValueError
        If the shapes differ or a log-rate is outside its range.
    """
    if log_rate.shape != counts.shape:
        raise ValueError(f"log-rates are {log_rate.shape}, counts {counts.shape}; give one each")
    index = (np.asarray(log_rate, dtype=np.int64) - LOG_RATE_MIN).astype(np.int32)
    flat, z = index.reshape(-1), np.asarray(counts).reshape(-1)
    w = np.random.default_rng(seed).random(z.size, dtype=np.float32)
    order = np.argsort(flat, kind="stable")
    present, starts = np.unique(flat[order], return_index=True)
    if present.size and not 0 <= present[0] <= present[-1] <= LOG_RATE_MAX - LOG_RATE_MIN:
        raise ValueError(f"log-rates outside {LOG_RATE_MIN}..{LOG_RATE_MAX}")
    ends = np.append(starts[1:], z.size)
    tables = np.zeros((5, LOG_RATE_MAX - LOG_RATE_MIN + 1))
    found = np.zeros(z.size, dtype=np.uint8)
    rarest = 1.0
    for first in range(0, len(present), ROWS):
        rows = present[first : first + ROWS]
        law = probabilities(rows.astype(np.int64) + LOG_RATE_MIN, count_max)
        tables[:, rows] = _moments(law)
        chosen = order[starts[first] : ends[first + len(rows) - 1]]
        at, tail = _places(law, np.searchsorted(rows, flat[chosen]), z[chosen], w[chosen])
        found[chosen] = np.clip(at * BINS, 0, BINS - 1)
        cut = np.flatnonzero(tail < CUT)
        exact = _poisson_tail(flat[chosen[cut]] + LOG_RATE_MIN, z[chosen[cut]], count_max)
        tail[cut] = np.maximum(tail[cut], exact)
        rarest = min(rarest, float(tail.min()))
    return Placed(index, Moments(*tables), found.reshape(index.shape), rarest)


def _places(
    law: np.ndarray, row: np.ndarray, z: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Transformed value of each count, in [0, 1], and its smaller tail."""
    width = law.shape[1]
    edged = np.pad(law, ((0, 0), (1, 1)))  # a count beyond either end has probability 0
    at_most = np.cumsum(edged, axis=1)
    at_least = np.cumsum(edged[:, ::-1], axis=1)[:, ::-1]
    column = np.clip(z, -1, width) + 1
    low, high = at_most[row, column], at_least[row, column]
    return low - (1.0 - w) * edged[row, column], np.minimum(low, high)


def _poisson_tail(log_rate: np.ndarray, z: np.ndarray, count_max: int) -> np.ndarray:
    """Smaller tail of counts in Poisson's law; 0 for counts above their limit."""
    rate = 2.0 ** (log_rate / 2**FRAC_BITS)
    tail = np.minimum(*poisson_tails(z, rate))
    return np.where(z > count_max, 0.0, tail)


def _moments(law: np.ndarray) -> np.ndarray:
    """The five rows of `Moments` for the given laws: (5, n) float64."""
    count = np.arange(law.shape[1], dtype=np.float64)
    mean = law @ count
    away = count - mean[:, None]
    square = away * away
    variance = (law * square).sum(axis=1)
    spread = square - variance[:, None]
    return np.stack(
        [
            mean,
            variance,
            (law * square * away).sum(axis=1),
            (law * spread * spread).sum(axis=1),
            (law * spread**3).sum(axis=1),
        ]
    )
