"""Arrival-time draws on the CPU: numba, no torch. Each element has its own random numbers."""

import math

import numpy as np
from numba import njit

# Above this rate a relaxed draw is a normal one of the same mean and variance (error of its
# distribution function below 0.4 / sqrt(256) by Berry-Esseen); trained rates stay near 100.
MAX_RELAXED_RATE = 256.0

# Exact draws count arrivals one by one; beyond the soft clamp's e^10 they are normal, rounded.
_MAX_COUNTED_RATE = np.float32(32768.0)
_TAIL = 8.0  # arrivals later than 1 + 8 tau add less than sigmoid(-8) = 3.4e-4 each
_ELEMENT = np.uint64(0xD1342543DE82EF95)
_ARRIVAL = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S40 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(40)
_UNIT = np.float32(2.0**-24)
_ONE = np.float32(1.0)


def stop_time(temperature: float) -> float:
    """Return the time after which arrivals are left out, 1 + 8 tau."""
    return 1.0 + _TAIL * temperature


def normal_moments(temperature: float) -> tuple[float, float]:
    """Return mean and variance of a relaxed count, both divided by the rate.

    Campbell's theorem: the integrals of s((1 - t) / tau) and of its square over t > 0.
    """
    if temperature == 0:
        return 1.0, 1.0
    x = 1.0 / temperature
    mean = temperature * (x + math.log1p(math.exp(-x)))
    return mean, mean - temperature / (1.0 + math.exp(-x))


def fill_draws(
    rate: np.ndarray,
    temperature: float,
    *,
    key: int,
    first: int,
    z: np.ndarray,
    slope: np.ndarray,
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
    """
    mean, variance = normal_moments(temperature)
    _fill(
        rate,
        np.float32(temperature),
        np.uint64(key),
        np.uint64(first),
        np.float32(mean),
        np.float32(variance),
        z,
        slope,
    )


def exponentials(key: int, first: int, n_elements: int, n_arrivals: int) -> np.ndarray:
    """Return the waiting times that `fill_draws` uses, (n_arrivals, n_elements) float32."""
    out = np.empty((n_arrivals, n_elements), dtype=np.float32)
    _fill_exponentials(np.uint64(key), np.uint64(first), out)
    return out


@njit(inline="always")
def _fraction(state):
    """Return splitmix64's output for `state` as float32 in [0, 1), 24 bits."""
    word = (state ^ (state >> _S30)) * _M1
    word = (word ^ (word >> _S27)) * _M2
    word = word ^ (word >> _S31)
    return np.float32(np.int64(word >> _S40)) * _UNIT


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(rate, tau, key, first, mean, variance, z, slope):
    stop = _ONE + np.float32(_TAIL) * tau
    for i in range(rate.shape[0]):
        state = key + (first + np.uint64(i)) * _ELEMENT
        r = rate[i]
        v = _fraction(state)
        # -log(1 - v) >= v: with v beyond r * stop the first arrival is too late.
        if v >= r * stop:
            z[i] = np.float32(0.0)
            slope[i] = np.float32(0.0)
        elif tau == 0:
            slope[i] = np.float32(0.0)
            if r <= _MAX_COUNTED_RATE:
                z[i] = _count(state, r)
            else:
                z[i] = np.floor(_normal(state, r, mean, variance)[0] + np.float32(0.5))
        elif r <= np.float32(MAX_RELAXED_RATE):
            z[i], slope[i] = _relaxed(state, r, tau, stop)
        else:  # NaN comes here too, and stays NaN
            z[i], slope[i] = _normal(state, r, mean, variance)


@njit(inline="always", error_model="numpy")
def _relaxed(state, r, tau, stop):
    total = np.float32(0.0)
    slope = np.float32(0.0)
    wait = np.float32(0.0)  # in units of the mean interval
    last = r * stop
    sharp = _ONE / tau
    while True:
        wait -= math.log(_ONE - _fraction(state))
        if wait >= last:
            return total, slope * sharp
        state += _ARRIVAL
        t = wait / r
        s = _ONE / (_ONE + math.exp((t - _ONE) * sharp))
        total += s
        slope += s * (_ONE - s) * t


@njit(inline="always", error_model="numpy")
def _count(state, r):
    n = 0
    wait = 0.0
    while True:
        wait -= math.log(1.0 - np.float64(_fraction(state)))
        if not wait < r:
            return np.float32(n)
        state += _ARRIVAL
        n += 1


@njit(error_model="numpy")
def _normal(state, r, mean, variance):
    radius = math.sqrt(-2.0 * math.log(1.0 - np.float64(_fraction(state))))
    angle = 2.0 * math.pi * np.float64(_fraction(state + _ARRIVAL))
    noise = np.float32(math.sqrt(r * variance) * radius * math.cos(angle))
    z = r * mean + noise
    if z < 0:
        return np.float32(0.0), np.float32(0.0)
    return z, r * mean + np.float32(0.5) * noise


@njit(cache=True)
def _fill_exponentials(key, first, out):
    for i in range(out.shape[1]):
        state = key + (first + np.uint64(i)) * _ELEMENT
        for j in range(out.shape[0]):
            out[j, i] = -math.log(_ONE - _fraction(state))
            state += _ARRIVAL
