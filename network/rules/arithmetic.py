"""Integer rules: shifts, clips and the fixed-point constants of the log-rate.

Each rule has one implementation; ``docs/spec/`` is its specification. All arrays are
widened to int64 explicitly, so that NumPy 1.26 and 2.x agree, and narrowed when a range is known.
"""

import math

import numpy as np

FRAC_BITS = 12
"""Fraction bits of the log-rate: one octave (factor 2 in rate) is 4096."""

STATE_MAX = 2**23 - 1
"""Largest value of a 24-bit signed variable."""

TERM_MAX = 2**21 - 1
"""Bound of the drive and of the scaled recurrent input (`L` in the documents)."""

CHANGE_MAX = 2**22 - 1
"""Bound of one update after its clip, so that log-rate + update stays in 24 bits."""

SELF_MAX = 2**22 - 1
"""Bound of the self-inhibition."""


def shift(value: np.ndarray, exponent: int) -> np.ndarray:
    """Multiply by 2**exponent, rounding toward minus infinity.

    Parameters
    ----------
    value : int array
    exponent : int
        Left shift if positive, arithmetic right shift if negative: -5 by -1 is -3.

    Returns
    -------
    int64 array
    """
    wide = np.asarray(value, dtype=np.int64)
    return wide << exponent if exponent >= 0 else wide >> -exponent


def clip(value: np.ndarray, low: int, high: int) -> np.ndarray:
    """Limit to [low, high]; int64 array."""
    # Two calls take a third of the time of np.clip for arrays of a layer's size.
    return np.minimum(np.maximum(np.asarray(value, dtype=np.int64), low), high)


def scale_input(a_in: np.ndarray, exponent: int) -> np.ndarray:
    """Scale accumulated input to log-rate units within 24 bits.

    For a positive exponent the clip precedes the shift, so that no intermediate value exceeds
    TERM_MAX; for a negative one it follows the shift.

    Parameters
    ----------
    a_in : (..., K) int, sum of weight_rec * count
    exponent : int, `weightExp`

    Returns
    -------
    (..., K) int64, Q11.12 octaves, within +-TERM_MAX
    """
    if exponent >= 0:
        return shift(clip(a_in, -input_limit(exponent), input_limit(exponent)), exponent)
    return clip(shift(a_in, exponent), -TERM_MAX, TERM_MAX)


def input_limit(exponent: int) -> int:
    """Largest `a_in` that `scale_input` passes unclipped at an exponent of 0 or more."""
    return TERM_MAX >> exponent


def input_clipped(a_in: np.ndarray, exponent: int) -> np.ndarray:
    """Mark values that `scale_input` clips; bool array of the shape of `a_in`."""
    if exponent >= 0:
        return np.abs(np.asarray(a_in, dtype=np.int64)) > input_limit(exponent)
    return np.abs(shift(a_in, exponent)) > TERM_MAX


def self_inhibition(self_weight: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Multiply self-weights by the neurons' own last counts, within SELF_MAX.

    A count is limited to SELF_MAX // self_weight, a constant of each neuron, so that the product
    never leaves its range. This limit is more than 500 octaves.

    Parameters
    ----------
    self_weight : (K,) int, Q11.12 octaves, in [0, SELF_MAX]
    count : (..., K) int, at least 0

    Returns
    -------
    (..., K) int64, Q11.12 octaves, in [0, SELF_MAX]
    """
    weight = np.asarray(self_weight, dtype=np.int64)
    return weight * np.minimum(count, SELF_MAX // np.maximum(weight, 1))


def to_octaves(nats: float, frac_bits: int = FRAC_BITS) -> int:
    """Convert a natural-log value to octaves with some fraction bits, rounding half to even.

    >>> to_octaves(math.log(2.0))
    4096
    """
    return round(nats / math.log(2.0) * 2**frac_bits)


def to_nats(octaves: np.ndarray, frac_bits: int = FRAC_BITS) -> np.ndarray:
    """Convert octaves with some fraction bits to natural-log values, float64.

    >>> float(to_nats(np.array(4096))) == math.log(2.0)
    True
    """
    return octaves * (math.log(2.0) / 2**frac_bits)
