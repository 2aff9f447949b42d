"""Arrival-time draws on the CPU: numba, no torch. Each element has its own random numbers.

A Poisson process of rate r on [0, W] has N ~ Poisson(r W) arrivals, and these lie there
independently and uniformly. So one number tells most elements that they have no arrival at all;
the others count theirs by inversion and place them. Law of counts and derivatives: that of
cumulated waiting times, which need a logarithm each and all arrivals in order.
"""

import math

import numpy as np
from numba import njit

from ipvae.train.vector_math import exp32

RELAXATIONS = ("eat", "eat-cubic")

# Above this rate a relaxed draw is a normal one of the same mean and variance (error of its
# distribution function below 0.4 / sqrt(256) by Berry-Esseen); trained rates stay near 100.
MAX_RELAXED_RATE = 256.0

# Exact draws count arrivals; beyond the soft clamp's e^10 they are normal, rounded.
_MAX_COUNTED_RATE = np.float32(32768.0)
_TAIL = 8.0  # sigmoid: arrivals later than 1 + 8 tau add less than sigmoid(-8) = 3.4e-4 each
_PIECE = 16.0  # largest mean that is drawn by one inversion
_LAST = 127  # P(more than that) is below 1e-60 for the largest piece
_RECIPROCALS = 1.0 / np.maximum(np.arange(_LAST + 1), 1)
_ELEMENT = np.uint64(0xD1342543DE82EF95)
_NEXT = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31, _S40 = (np.uint64(n) for n in (11, 27, 30, 31, 40))
_UNIT24, _UNIT53 = np.float32(2.0**-24), 2.0**-53
_ZERO, _HALF, _ONE, _THREE = (np.float32(v) for v in (0.0, 0.5, 1.0, 3.0))


def stop_time(temperature: float, relaxation: str = "eat") -> float:
    """Return the time W after which arrivals are left out: 1 + 8 tau, cubic 1 + tau."""
    return 1.0 + (_TAIL if relaxation == "eat" else 1.0) * temperature


def normal_moments(temperature: float, relaxation: str = "eat") -> tuple[float, float]:
    """Return mean and variance of a relaxed count, both divided by the rate.

    Campbell's theorem: the integrals of h((1 - t) / tau) and of its square over t > 0, h the
    sigmoid or the smoothstep 3 w^2 - 2 w^3, w = (v + 1) / 2 cut to [0, 1].
    """
    if temperature == 0:
        return 1.0, 1.0
    if relaxation == "eat":
        x = 1.0 / temperature
        mean = temperature * (x + math.log1p(math.exp(-x)))
        return mean, mean - temperature / (1.0 + math.exp(-x))
    full = max(0.0, 1.0 - temperature)  # arrivals so early that they count 1
    w = min(1.0, 0.5 + 0.5 / temperature)
    mean = full + 2.0 * temperature * (w**3 - w**4 / 2.0)
    return mean, full + 2.0 * temperature * (1.8 * w**5 - 2.0 * w**6 + 4.0 / 7.0 * w**7)


def draw_constants(temperature: float, relaxation: str) -> tuple:
    """Return what `fill_rows` wants to know of a relaxation: tau, W, cubic, mean, variance."""
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
    """Write relaxed counts into `z` and their derivative by the log-rate into `slope`.

    Runs on the calling thread without the interpreter lock.

    Parameters
    ----------
    rate : (n,) float32, expected counts
    temperature : tau >= 0; 0 gives exact whole counts and slope 0
    key : 64-bit stream; element i uses the numbers (key, first + i)
    first : index of the first element
    z, slope : (n,) float32, written
    relaxation : one of `RELAXATIONS`
    """
    hot = np.empty(rate.shape[0], dtype=np.uint8)
    where = np.empty(rate.shape[0], dtype=np.int64)
    how = draw_constants(temperature, relaxation)
    fill_row(rate, how, np.uint64(key), np.uint64(first), hot, where, z, slope)


def fractions(key: int, first: int, n_elements: int, n: int) -> np.ndarray:
    """Return the first n numbers of each element, (n, n_elements) float32 in [0, 1), 24 bits."""
    out = np.empty((n, n_elements), dtype=np.float32)
    _fill_fractions(np.uint64(key), np.uint64(first), out)
    return out


@njit(inline="always")
def _word(state):
    """Return splitmix64's output for `state`."""
    word = (state ^ (state >> _S30)) * _M1
    word = (word ^ (word >> _S27)) * _M2
    return word ^ (word >> _S31)


@njit(inline="always")
def _fraction(state):
    """Return a float32 in [0, 1) of 24 bits."""
    return np.float32(np.int64(_word(state) >> _S40)) * _UNIT24


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def fill_row(rate, how, key, first, hot, where, z, slope):
    """Draw one row: a vectorised pass that finds who has an arrival, then one over those."""
    stop = how[1]
    n = rate.shape[0]
    for i in range(n):
        # P(no arrival) = exp(-r W) >= 1 - r W: with v beyond r W there is none. NaN goes on.
        v = _fraction(key + (first + np.uint64(i)) * _ELEMENT)
        hot[i] = not v >= rate[i] * stop
        z[i] = _ZERO
        slope[i] = _ZERO
    n_hot = 0
    for i in range(n):  # no branch to mispredict
        where[n_hot] = i
        n_hot += hot[i]
    for j in range(n_hot):
        i = where[j]
        z[i], slope[i] = _draw(key + (first + np.uint64(i)) * _ELEMENT, rate[i], how)


@njit(error_model="numpy", fastmath={"contract"})
def _draw(state, r, how):
    tau, stop, cubic, mean, variance = how
    if tau == 0:
        if r <= _MAX_COUNTED_RATE:
            return np.float32(_count(state, np.float64(r))[0]), _ZERO
        return np.floor(_normal(state, r, mean, variance)[0] + _HALF), _ZERO
    if not r <= np.float32(MAX_RELAXED_RATE):  # NaN comes here too, and stays NaN
        return _normal(state, r, mean, variance)
    n, state = _count(state, np.float64(r) * np.float64(stop))
    sharp = _ONE / tau
    total, slope = _ZERO, _ZERO
    for _ in range(n):
        state += _NEXT
        t = _fraction(state) * stop
        if cubic:
            w = min(_HALF * (_ONE - t) * sharp + _HALF, _ONE)
            total += w * w * (_THREE - w - w)
            slope += _THREE * w * (_ONE - w) * t
        else:
            s = _ONE / (_ONE + exp32((t - _ONE) * sharp))
            total += s
            slope += s * (_ONE - s) * t
    return total, slope * sharp


@njit(error_model="numpy")
def _count(state, mean):
    """Return a Poisson count and the state that it came to; means above 16 in equal pieces."""
    pieces = max(1, math.ceil(mean / _PIECE))
    piece = mean / pieces
    none = math.exp(-piece)
    n = 0
    for i in range(pieces):
        if i > 0:
            state += _NEXT
        v = np.float64(_word(state) >> _S11) * _UNIT53
        k, p, above = 0, none, 1.0 - none  # P(k), P(more than k)
        while v < above and k < _LAST:
            k += 1
            p *= piece * _RECIPROCALS[k]
            above -= p
        n += k
    return n, state


@njit(error_model="numpy")
def _normal(state, r, mean, variance):
    radius = math.sqrt(-2.0 * math.log(1.0 - np.float64(_fraction(state))))
    angle = 2.0 * math.pi * np.float64(_fraction(state + _NEXT))
    noise = np.float32(math.sqrt(r * variance) * radius * math.cos(angle))
    z = r * mean + noise
    if z < 0:
        return _ZERO, _ZERO
    return z, r * mean + _HALF * noise


@njit(cache=True)
def _fill_fractions(key, first, out):
    for i in range(out.shape[1]):
        state = key + (first + np.uint64(i)) * _ELEMENT
        for j in range(out.shape[0]):
            out[j, i] = _fraction(state)
            state += _NEXT
