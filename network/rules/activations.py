"""Smooth functions of neurons in integers, by tables with linear interpolation.

Both are a straight line minus a correction that depends only on a distance. One table of 257
entries, 16 for each unit, is therefore enough for each. Specified in docs/spec/tables.md.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache

import numpy as np

LINEAR, SWISH = "linear", "swish"
NAMES = (LINEAR, SWISH)
SWISH_BITS = 12
"""Fraction bits of a swish neuron's potential."""
CEILING_BITS = 16
"""Fraction bits of a log-rate with a soft ceiling."""

_ROWS = 256
_PER_UNIT_BITS = 4


@lru_cache(maxsize=1)
def swish_table() -> np.ndarray:
    """Return round(2**12 * a / (1 + e**a)) at a = i / 16, half to even: (257,) int32."""
    return _table(lambda a: a / (1 + a.exp()), SWISH_BITS)


@lru_cache(maxsize=1)
def ceiling_table() -> np.ndarray:
    """Return round(2**16 * log2(1 + 2**-a)) at a = i / 16, half to even: (257,) int32."""
    two = Decimal(2)
    return _table(lambda a: (1 + two**-a).ln() / two.ln(), CEILING_BITS)


def _table(bump: Callable[[Decimal], Decimal], bits: int) -> np.ndarray:
    with localcontext() as context:
        context.prec = 50
        context.rounding = ROUND_HALF_EVEN
        entries = [
            int((bump(Decimal(i) / 16) * 2**bits).to_integral_value()) for i in range(_ROWS + 1)
        ]
    table = np.array(entries, dtype=np.int32)
    table.setflags(write=False)
    return table


def _bump(table: np.ndarray, distance: np.ndarray, bits: int) -> np.ndarray:
    """Interpolate at a distance of 0 or more with `bits` fraction bits; 0 from 16 units on."""
    shift = bits - _PER_UNIT_BITS
    near = np.minimum(distance, (_ROWS << shift) - 1)
    i, f = near >> shift, near & ((1 << shift) - 1)
    wide = table.astype(np.int64)
    value = wide[i] + (((wide[i + 1] - wide[i]) * f) >> shift)
    return np.where(distance >= _ROWS << shift, 0, value)


def swish(u: np.ndarray) -> np.ndarray:
    """Return u / (1 + e**-u), both with 12 fraction bits: int64 of the shape of `u`."""
    wide = np.asarray(u, dtype=np.int64)
    return np.maximum(wide, 0) - _bump(swish_table(), np.abs(wide), SWISH_BITS)


def soft_ceiling(v: np.ndarray, ceiling: int) -> np.ndarray:
    """Return C - log2(1 + 2**(C - v)), octaves with 16 fraction bits: int64.

    The base-2 form of C - softplus(C - v), which limits the log-rates of an amortized P-VAE to C
    (arXiv 2405.14473, released code).
    """
    wide = np.asarray(v, dtype=np.int64)
    return np.minimum(wide, ceiling) - _bump(ceiling_table(), np.abs(ceiling - wide), CEILING_BITS)
