"""Exact distribution of the sampler, from its table, and its distance to Poisson's.

No random sampling is used. A uniform takes each of 2**24 values once, so every probability of a
single draw is a multiple of 2**-24. The distribution of a sum of sub-draws is their convolution.
Uniforms are assumed to be independent; the random source must ensure this.
"""

import numpy as np

from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.poisson import (
    LOG_RATE_MAX,
    LOG_RATE_MIN,
    UNIFORM_VALUES,
    interpolated_thresholds,
    largest_draw,
    octaves_above,
)

_TRANSFORM = 1 << largest_draw().bit_length()


def probabilities(log_rate: np.ndarray, count_max: int | None = None) -> np.ndarray:
    """Probability of each drawn count.

    Parameters
    ----------
    log_rate : (n,) int, Q11.12 octaves in [LOG_RATE_MIN, LOG_RATE_MAX]
    count_max : int, optional
        Limit of a count; larger counts are drawn as `count_max`.

    Returns
    -------
    (n, C) float64
        C = 865, or count_max + 1 where that is smaller. Rounding errors stay below 1e-13.

    Raises
    ------
    ValueError
        If a log-rate is outside the sampler's range.
    """
    log_rate = np.asarray(log_rate, dtype=np.int64)
    if log_rate.size and not LOG_RATE_MIN <= log_rate.min() <= log_rate.max() <= LOG_RATE_MAX:
        raise ValueError(f"log-rates outside {LOG_RATE_MIN}..{LOG_RATE_MAX}")
    halvings = octaves_above(log_rate)
    found = np.zeros((len(log_rate), largest_draw() + 1))
    single = _single(log_rate - (halvings << FRAC_BITS))
    found[:, : single.shape[1]] = single
    split = halvings > 0
    transform = np.fft.rfft(single[split], n=_TRANSFORM, axis=1)
    power = (1 << halvings[split])[:, None]
    summed = np.fft.irfft(transform**power, n=_TRANSFORM, axis=1)[:, : found.shape[1]]
    found[split] = np.maximum(summed, 0.0)
    if count_max is not None and count_max < largest_draw():
        found[:, count_max] = found[:, count_max:].sum(axis=1)
        found = found[:, : count_max + 1]
    return found


def _single(log_rate: np.ndarray) -> np.ndarray:
    """Distribution of one draw: (n, N + 1) float64, exact."""
    threshold = interpolated_thresholds(log_rate)
    edges = np.pad(threshold, ((0, 0), (1, 1)), constant_values=((0, 0), (0, UNIFORM_VALUES)))
    return np.diff(edges, axis=1) / UNIFORM_VALUES


def poisson_probabilities(log_rate: np.ndarray) -> np.ndarray:
    """Poisson's distribution at the rates 2**(log_rate / 4096): (n, 865) float64."""
    exponent = np.asarray(log_rate, dtype=np.float64)[:, None] / 2**FRAC_BITS
    count = np.arange(largest_draw() + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(count[1:]))])
    return np.exp(count * (exponent * np.log(2.0)) - 2.0**exponent - log_factorial)


def distance_to_poisson(log_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Total-variation distance to Poisson's distribution, and relative error of the mean.

    Parameters
    ----------
    log_rate : (n,) int, Q11.12 octaves in [LOG_RATE_MIN, LOG_RATE_MAX]

    Returns
    -------
    total_variation : (n,) float64
        Half the summed absolute differences, including Poisson's tail above 864.
    mean_error : (n,) float64
        (mean of the draws) / rate - 1.
    """
    drawn, exact = probabilities(log_rate), poisson_probabilities(log_rate)
    tail = np.maximum(1.0 - exact.sum(axis=1), 0.0)
    rate = 2.0 ** (np.asarray(log_rate) / 2**FRAC_BITS)
    mean = drawn @ np.arange(drawn.shape[1])
    return 0.5 * (np.abs(drawn - exact).sum(axis=1) + tail), mean / rate - 1.0
