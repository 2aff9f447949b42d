"""Float32 exponentials and logarithms that numba's compiler vectorises. No torch.

The C library's are called once for each element; these are a few multiplications in line, eight
or sixteen elements at a time.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

_F = np.float32
_LOG2_E = _F(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_ROUND = _F(1.5 * 2**23)  # added and taken away, it leaves the nearest integer
_LEAST, _LARGEST = _F(-87.0), _F(88.0)


@intrinsic
def _float_of_bits(typingctx: Any, bits: Any) -> Any:  # noqa: ARG001
    """Read 32 bits as a float32."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), code


@njit(inline="always")
def exp32(x):
    """Return exp(x) of a float32, x cut to [-87, 88]; relative error below 1e-7.

    exp(x) = 2^n exp(f), |f| <= ln(2) / 2; polynomial of Cephes' expf (Moshier, public domain).
    """
    x = min(max(x, _LEAST), _LARGEST)
    n = (x * _LOG2_E + _ROUND) - _ROUND
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = _F(1.9875691500e-4)
    p = p * f + _F(1.3981999507e-3)
    p = p * f + _F(8.3334519073e-3)
    p = p * f + _F(4.1665795894e-2)
    p = p * f + _F(1.6666665459e-1)
    p = p * f + _F(5.0000001201e-1)
    power = _float_of_bits(  # pyright: ignore[reportCallIssue]
        (np.int32(n) + np.int32(127)) << np.int32(23)
    )
    return (p * f * f + f + _F(1.0)) * power


@njit(inline="always")
def log1p32(t):
    """Return log(1 + t) of a float32 in [0, 1]; relative error below 4e-7.

    log(1 + t) = 2 artanh(s), s = t / (2 + t) <= 1/3, by its series to s^11.
    """
    s = t / (_F(2.0) + t)
    q = s * s
    p = _F(2.0 / 11.0)
    p = p * q + _F(2.0 / 9.0)
    p = p * q + _F(2.0 / 7.0)
    p = p * q + _F(2.0 / 5.0)
    p = p * q + _F(2.0 / 3.0)
    p = p * q + _F(2.0)
    return s * p
