"""Random draws on the CPU without torch; each element has its own random numbers.

A Poisson process of rate r on [0, W] has N ~ Poisson(r W) arrivals at independent uniform times.
For most elements, one random number shows that there is no arrival; for the others, inversion gives
the number of arrivals, which are then placed. Counts and derivatives have the same distribution as
with cumulative waiting times, which need a logarithm each and all arrivals in order. `eat` omits
arrivals after W = 1 + 8 tau, which lowers its mean by tau log(1 + e^-8) = 3.4e-4 tau of the rate.
"""

import math

import numpy as np

from ipvae.float_models.inference.kernels import draw_counts, fill_fractions
from ipvae.float_models.inference.relaxed_kernels import fill_row

_MASK = (1 << 64) - 1
_TAIL = 8.0  # sigmoid: arrivals later than 1 + 8 tau add less than sigmoid(-8) = 3.4e-4 each


def stream_key(*words: int) -> int:
    """Hash integers (seed, iteration, step, ...) to a 64-bit key of a stream of draws."""
    key = 0x243F6A8885A308D3
    for word in words:
        key = _mix((key ^ (word & _MASK)) + 0x9E3779B97F4A7C15 & _MASK)
    return key


def stop_time(temperature: float, relaxation: str = "eat") -> float:
    """Return the time W after which arrivals are omitted: 1 + 8 tau, cubic 1 + tau."""
    return 1.0 + (_TAIL if relaxation == "eat" else 1.0) * temperature


def normal_moments(temperature: float, relaxation: str = "eat") -> tuple[float, float]:
    """Return mean and variance of a relaxed count, both divided by the rate.

    Campbell's theorem: the integrals of h((1 - t) / tau) and of its square over t > 0, h the
    sigmoid or the smoothstep 3 w^2 - 2 w^3, w = (v + 1) / 2 clipped to [0, 1].
    """
    if temperature == 0:
        return 1.0, 1.0
    if relaxation == "eat":
        x = 1.0 / temperature
        mean = temperature * (x + math.log1p(math.exp(-x)))
        return mean, mean - temperature / (1.0 + math.exp(-x))
    full = max(0.0, 1.0 - temperature)  # arrivals before this time count 1
    w = min(1.0, 0.5 + 0.5 / temperature)
    mean = full + 2.0 * temperature * (w**3 - w**4 / 2.0)
    return mean, full + 2.0 * temperature * (1.8 * w**5 - 2.0 * w**6 + 4.0 / 7.0 * w**7)


def draw_constants(temperature: float, relaxation: str) -> tuple:
    """Return the constants of a relaxation for `fill_row`: tau, W, cubic, mean, variance."""
    mean, variance = normal_moments(temperature, relaxation)
    return (
        np.float32(temperature),
        np.float32(stop_time(temperature, relaxation)),
        relaxation == "eat-cubic",
        np.float32(mean),
        np.float32(variance),
    )


def fill_draws(
    rate: np.ndarray,
    temperature: float,
    *,
    key: int,
    first: int,
    z: np.ndarray,
    slope: np.ndarray,
    relaxation: str = "eat",
) -> None:
    """Write relaxed counts into `z` and their derivative with respect to log-rate into `slope`.

    The function runs in the calling thread without the GIL.

    Parameters
    ----------
    rate : (n,) float32, expected counts
    temperature : tau >= 0; 0 gives exact integer counts and slope 0
    key : 64-bit stream; element i uses the numbers (key, first + i)
    first : index of the first element
    z, slope : (n,) float32, written
    relaxation : one of `ipvae.float_models.zoo.RELAXATIONS`
    """
    hot = np.empty(rate.shape[0], dtype=np.uint8)
    where = np.empty(rate.shape[0], dtype=np.int64)
    how = draw_constants(temperature, relaxation)
    fill_row(rate, how, np.uint64(key), np.uint64(first), hot, where, z, slope)


def fractions(key: int, first: int, n_elements: int, n: int) -> np.ndarray:
    """Return the first n numbers of each element, (n, n_elements) float32 in [0, 1), 24 bits."""
    out = np.empty((n, n_elements), dtype=np.float32)
    fill_fractions(np.uint64(key), np.uint64(first), out)
    return out


def poisson(log_rate: np.ndarray, key: int, *, first: int = 0) -> np.ndarray:
    """Draw integer Poisson counts; element i depends only on (key, first + i).

    Parameters
    ----------
    log_rate : any shape, float32; natural logarithm of the expected count
    key : 64-bit stream, see `stream_key`
    first : index of the first element within the stream

    Returns
    -------
    same shape, float32
    """
    rows = np.ascontiguousarray(np.atleast_2d(log_rate), dtype=np.float32)
    rows = rows.reshape(-1, rows.shape[-1])
    z, k = np.empty_like(rows), rows.shape[1]
    work = np.empty((2, k), dtype=np.int32), np.empty((4, k))
    draw_counts(rows, np.uint64(key), np.uint64(first), *work, z)
    return z.reshape(log_rate.shape)


def normal(shape: tuple[int, ...], key: int, *, first: int = 0) -> np.ndarray:
    """Draw standard normal numbers, float32; element i depends only on (key, first + i).

    The Box-Muller transform of 24-bit numbers limits them to 5.8 deviations.

    Parameters
    ----------
    shape : shape of the result
    key : 64-bit stream, see `stream_key`
    first : index of the first element within the stream
    """
    size, turns = fractions(key, first, math.prod(shape), 2)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - size))
    return (radius * np.cos(np.float32(2.0 * np.pi) * turns)).reshape(shape)


def _mix(word: int) -> int:
    """Apply the finalizer of splitmix64."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _MASK
    return word ^ (word >> 31)
