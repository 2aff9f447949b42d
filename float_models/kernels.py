"""All compiled functions of float models and of their training: numba, no torch.

They are in one file because numba looks at no other before it takes a function from its cache.
Equations: `ipvae.float_models.steps`, `ipvae.train.loss`; draws: `ipvae.float_models.draws`.
Exponential and logarithm are a few multiplications in line, which the compiler vectorises; the C
library's are called once for each element. A row is an image's K neurons.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from ipvae.compiled import compiled

MAX_RELAXED_RATE = 256.0
"""Above this rate a relaxed draw is a normal one of the same mean and variance (error of its
distribution function below 0.4 / sqrt(256) by Berry-Esseen); trained rates stay near 100."""

_F = np.float32
_LOG2_E = _F(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_ROUND = _F(1.5 * 2**23)  # added and taken away, it leaves the nearest integer
_LEAST, _LARGEST = _F(-87.0), _F(88.0)
# Exact draws count arrivals; beyond the soft clamp's e^10 they are normal, rounded.
_MAX_COUNTED_RATE = np.float32(32768.0)
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
_FLOOR = np.float32(-8.0)  # of log-rates


def _kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile without the interpreter lock."""
    return compiled(nogil=True, error_model="numpy", **options)


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


@_kernel(fastmath={"contract"})
def fill_row(rate, how, key, first, hot, where, z, slope):
    """Draw one row: a vectorised pass that finds who has an arrival, then one over those.

    Parameters
    ----------
    rate : (n,) float32, expected counts
    how : of `ipvae.float_models.draws.draw_constants`
    key, first : uint64, stream of the draws and the index of the first element in it
    hot, where : (n,) uint8 and int64, memory to work in
    z, slope : (n,) float32, written: counts and their derivative by the log-rate
    """
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


@_kernel()
def fill_fractions(key, first, out):
    """Write the first numbers of each element into `out`, (n, n_elements) float32."""
    for i in range(out.shape[1]):
        state = key + (first + np.uint64(i)) * _ELEMENT
        for j in range(out.shape[0]):
            out[j, i] = _fraction(state)
            state += _NEXT


@njit(inline="always")
def _clamped(v, limit) -> Any:
    """Return SC(v) = C - softplus(C - max(v, -8)) and exp(-|C - max(v, -8)|)."""
    v = max(v, _FLOOR)
    t = exp32(-abs(limit - v))
    return min(v, limit) - log1p32(t), t


@_kernel(fastmath={"contract"})
def forward(before, heard, drive, step_size, limit, how, key, first, after, z, slope):
    """Update log-rates and draw counts: u' = SC(u + SC(b - a R)), z' ~ Poisson(exp u').

    Parameters
    ----------
    before : (B, K) float32, u
    heard : (B, K) float32, R = z H of the counts before, H = Phi^T D Phi, or H as it is rounded
    drive : (B, K) float32, b
    step_size, limit : float32, a and C
    how : of `ipvae.float_models.draws.draw_constants`
    key, first : uint64, stream of the draws and the index of the first element in it
    after, z, slope : (B, K) float32, written: u', z' and dz'/du'
    """
    n_rows, n = before.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        # Three loops: in one, too few registers are left to vectorise well.
        for k in range(n):
            after[b, k], _ = _clamped(drive[b, k] - step_size * heard[b, k], limit)
        for k in range(n):
            after[b, k], _ = _clamped(before[b, k] + after[b, k], limit)
        for k in range(n):
            rate[k] = exp32(after[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@_kernel(fastmath={"contract"})
def draw(log_rate, how, key, first, z, slope):
    """Draw counts of given log-rates (B, K); as in `forward`."""
    n_rows, n = log_rate.shape
    rate = np.empty(n, np.float32)
    hot = np.empty(n, np.uint8)
    where = np.empty(n, np.int64)
    for b in range(n_rows):
        for k in range(n):
            rate[k] = exp32(log_rate[b, k])
        fill_row(rate, how, key, first + np.uint64(b * n), hot, where, z[b], slope[b])


@_kernel(fastmath={"contract"})
def product(codes, matrix, out):
    """Write codes @ matrix, skipping zeros; each row is summed in an order of its own.

    So a row of the result depends on its codes alone, not on the batch, the threads or a BLAS.

    Parameters
    ----------
    codes : (B, N) float32
    matrix : (N, K) float32, row by row in memory
    out : (B, K) float32, written
    """
    n_rows, n_codes = codes.shape
    n = matrix.shape[1]
    active = np.empty(n_codes, np.int64)
    for b in range(n_rows):
        z, total = codes[b], out[b]
        n_active = 0
        for i in range(n_codes):
            active[n_active] = i
            n_active += z[i] != _ZERO
        for k in range(n):
            total[k] = _ZERO
        j = 0
        while j + 4 <= n_active:
            i0, i1, i2, i3 = active[j], active[j + 1], active[j + 2], active[j + 3]
            m0, m1, m2, m3 = matrix[i0], matrix[i1], matrix[i2], matrix[i3]
            z0, z1, z2, z3 = z[i0], z[i1], z[i2], z[i3]
            for k in range(n):
                total[k] += (z0 * m0[k] + z1 * m1[k]) + (z2 * m2[k] + z3 * m3[k])
            j += 4
        while j < n_active:
            for k in range(n):
                total[k] += z[active[j]] * matrix[active[j], k]
            j += 1


@_kernel()
def normal_cdf(x, out):
    """Write the standard normal distribution function of each element of x, (n,) float64."""
    for i in range(x.shape[0]):
        out[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))


@_kernel(fastmath={"contract"})
def backward(
    u,
    before,
    overlap,
    overlap_before,
    heard_before,
    z,
    slope,
    drive,
    match,
    from_feedback,
    weights,
    official,
    step_size,
    limit,
    carry,
    feedback,
    drive_gradient,
    sums,
):
    """Go back through one update and the loss of its counts.

    Rounding of H is passed straight through: the gradient by R is taken as the one by V. On the
    way, `overlap` becomes A = (gradient by V) + w z / 2, so that the gradient by H is the
    sum over steps of A^T z.

    Parameters
    ----------
    u, before : (B, K) float32, log-rates after and before the update
    overlap, overlap_before : (B, K) float32, V of the counts after and before; the first is
        overwritten
    heard_before : (B, K) float32, R of the counts before; V where nothing is rounded
    z, slope : (B, K) float32, counts after the update and their derivative
    drive, match : (B, K) float32, b and P = x D Phi
    from_feedback : (B, K) float32, gradient by z that came through the next update
    weights : two float32, of an image's squared error and of its divergence in the loss
    official : form of the divergence
    step_size, limit : float32, a and C
    carry : (B, K) float32, gradient by u from the next update; becomes the one by `before`
    feedback : (B, K) float32, gradient by V from the next update; becomes the one by
        `overlap_before`
    drive_gradient : (B, K) float32, added to
    sums : (3,) float64, added to: squared errors without x^T D x, divergences, and the gradient
        by a
    """
    n_rows, n = u.shape
    w_error, w_kl = weights
    least_gate = exp32(-limit)
    error = np.empty(n, np.float32)
    divergence = np.empty(n, np.float32)
    by_step = np.empty(n, np.float32)
    for b in range(n_rows):
        for k in range(n):
            v, p, count = overlap[b, k], match[b, k], z[b, k]
            error[k] = count * (v - p - p)
            overlap[b, k] = feedback[b, k] + _HALF * w_error * count
            by_count = w_error * (v - p) + from_feedback[b, k]

            old, new = exp32(before[b, k]), exp32(u[b, k])
            d = u[b, k] - before[b, k]
            if official:
                ratio = exp32(d)
                divergence[k] = new * (_ONE + ratio * (d - _ONE))
                by_new = divergence[k] + new * ratio * d
                by_old = -new * ratio * d
            else:
                divergence[k] = old + new * (d - _ONE)
                by_new = new * d
                by_old = old - new

            by_u = carry[b, k] + slope[b, k] * by_count + w_kl * by_new
            inner = drive[b, k] - step_size * heard_before[b, k]
            s, t = _clamped(inner, limit)
            # SC'(v) = sigmoid(C - v) above -8; by its value SC(y) = u it is 1 - exp(u - C).
            gate = _ONE - new * least_gate if before[b, k] + s >= _FLOOR else _ZERO
            by_y = by_u * gate
            gate = (_ONE if inner < limit else t) / (_ONE + t) if inner >= _FLOOR else _ZERO
            by_inner = by_y * gate
            carry[b, k] = by_y + w_kl * by_old
            feedback[b, k] = -step_size * by_inner
            drive_gradient[b, k] += by_inner
            by_step[k] = by_inner * overlap_before[b, k]
        sums[0] += _sum(error)
        sums[1] += _sum(divergence)
        sums[2] -= _sum(by_step)


@njit(nogil=True, fastmath={"reassoc", "contract"})
def _sum(row):
    total = _ZERO
    for i in range(row.shape[0]):
        total += row[i]
    return total
