"""Compiled functions of inference: products of counts, updates of log-rates, exact draws.

Equations: `ipvae.float_models.inference.steps`; draws: `ipvae.float_models.inference.draws`.
Exponentials and logarithms are inline polynomials, which the compiler vectorises; C library
functions would run once per element. A row is an image's K neurons.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ipvae.float_models.inference.compiling import inner, kernel

COLUMNS = 64
"""Postsynaptic neurons in a block of weights: four vectors of 16."""
_LANES = 16

_F = np.float32
_LOG2_E = _F(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_ROUND = _F(1.5 * 2**23)  # adding and subtracting it rounds to the nearest integer
_LEAST, _LARGEST = _F(-87.0), _F(88.0)
_LOG2_E64 = 1.4426950408889634
_LN2_HIGH64, _LN2_LOW64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND64 = 1.5 * 2.0**52
_TAYLOR = tuple(1.0 / math.factorial(n) for n in range(13, 2, -1))
# Exact draws count arrivals; above the soft clamp's e^10 they are rounded normal numbers.
_MAX_COUNTED_RATE = _F(32768.0)
PIECE = 16.0  # largest mean of one inversion
LAST = 127  # P(count > LAST) is below 1e-60 for the largest piece
_AT_ONCE = 4  # counts compared before finished ones are removed
RECIPROCALS = 1.0 / np.maximum(np.arange(LAST + _AT_ONCE + 1), 1)
ELEMENT = np.uint64(0xD1342543DE82EF95)
NEXT = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31, _S40 = (np.uint64(n) for n in (11, 27, 30, 31, 40))
_UNIT24, _UNIT53 = _F(2.0**-24), 2.0**-53
ZERO, HALF, ONE = (_F(v) for v in (0.0, 0.5, 1.0))
FLOOR = _F(-8.0)  # lower limit of log-rates


def _bits_of(integer: types.Type, real: types.Type, kind: ir.Type) -> Any:
    """Return a function that reinterprets the bits of an integer as a floating-point number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(args[0], kind)

    def typed(typingctx: Any, bits: Any) -> Any:  # noqa: ARG001
        return real(integer), code

    return intrinsic(typed)


_float_of_bits = _bits_of(types.int32, types.float32, ir.FloatType())
_double_of_bits = _bits_of(types.int64, types.float64, ir.DoubleType())


@inner()
def exp32(x):
    """Return exp(x) of a float32, x clipped to [-87, 88]; relative error below 1e-7.

    exp(x) = 2^n exp(f), |f| <= ln(2) / 2; polynomial of Cephes' expf (Moshier, public domain).
    """
    x = _LEAST if x < _LEAST else x
    x = _LARGEST if x > _LARGEST else x
    n = (x * _LOG2_E + _ROUND) - _ROUND
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = _F(1.9875691500e-4)
    p = p * f + _F(1.3981999507e-3)
    p = p * f + _F(8.3334519073e-3)
    p = p * f + _F(4.1665795894e-2)
    p = p * f + _F(1.6666665459e-1)
    p = p * f + _F(5.0000001201e-1)
    power = _float_of_bits((np.int32(n) + np.int32(127)) << np.int32(23))
    return (p * f * f + f + _F(1.0)) * power


@inner()
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


@inner()
def exp64(x):
    """Return exp(x) of a float64 in [-700, 0]; relative error below 4e-16.

    See `exp32`, with Taylor's series to f^13.
    """
    n = (x * _LOG2_E64 + _ROUND64) - _ROUND64
    f = (x - n * _LN2_HIGH64) - n * _LN2_LOW64
    p = _TAYLOR[0]
    p = p * f + _TAYLOR[1]
    p = p * f + _TAYLOR[2]
    p = p * f + _TAYLOR[3]
    p = p * f + _TAYLOR[4]
    p = p * f + _TAYLOR[5]
    p = p * f + _TAYLOR[6]
    p = p * f + _TAYLOR[7]
    p = p * f + _TAYLOR[8]
    p = p * f + _TAYLOR[9]
    p = p * f + _TAYLOR[10]
    p = p * f + 0.5
    power = _double_of_bits((np.int64(n) + np.int64(1023)) << np.int64(52))
    return (p * f * f + f + 1.0) * power


@inner()
def word(state):
    """Return splitmix64's output for `state`."""
    found = (state ^ (state >> _S30)) * _M1
    found = (found ^ (found >> _S27)) * _M2
    return found ^ (found >> _S31)


@inner()
def fraction(state):
    """Return a float32 in [0, 1) with 24 random bits."""
    return np.float32(np.int64(word(state) >> _S40)) * _UNIT24


@inner()
def fraction53(state):
    """Return a float64 in [0, 1) with 53 random bits."""
    return np.float64(np.int64(word(state) >> _S11)) * _UNIT53


@inner()
def clamped(v, limit) -> Any:
    """Return SC(v) = C - softplus(C - max(v, -8)) and exp(-|C - max(v, -8)|)."""
    v = FLOOR if v < FLOOR else v
    t = exp32(-abs(limit - v))
    return (limit if v > limit else v) - log1p32(t), t


def _add_rows(typingctx: Any, n: Any, places: Any, values: Any, weights: Any, out: Any) -> Any:  # noqa: ARG001
    """Write the input of a block of neurons from `n` presynaptic neurons into `out` (64,) float32.

    It is the sum of values times weights (64,), which start at `places` (int32) in `weights`. The
    order is (0 + ((z0 w0 + z1 w1) + (z2 w2 + z3 w3))) + ..., the last up to three one by one.
    """
    return types.void(types.int64, places, values, weights, out), _write_add_rows


add_rows: Any = intrinsic(_add_rows)
_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_INDEX = ir.IntType(64)
_FUSED = ("contract",)  # allow fused multiply-add instructions


def _write_add_rows(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Emit the instructions of `add_rows`; the sums of four vectors stay in registers."""
    places, values, weights, out = (
        context.make_array(signature.args[i])(context, builder, given[i]).data for i in range(1, 5)
    )
    parts = [ir.Constant(_INDEX, i) for i in range(COLUMNS // _LANES)]
    sums = [cgutils.alloca_once(builder, _VECTOR) for _ in parts]
    for total in sums:
        builder.store(ir.Constant(_VECTOR, [0.0] * _LANES), total)

    def sender(at: Any) -> tuple[Any, Any]:
        """Value of a presynaptic neuron in all lanes, and the address of its weights."""
        place = builder.sext(builder.load(builder.gep(places, [at])), _INDEX)
        row = builder.bitcast(builder.gep(weights, [place]), _VECTOR.as_pointer())
        return _everywhere(builder, builder.load(builder.gep(values, [at]))), row

    def add(first: Any, number: int) -> None:
        """Add the input from some presynaptic neurons, in pairs."""
        found = [sender(builder.add(first, ir.Constant(_INDEX, i))) for i in range(number)]
        for part, total in zip(parts, sums, strict=True):
            terms = [
                builder.fmul(z, builder.load(builder.gep(row, [part]), align=4), flags=_FUSED)
                for z, row in found
            ]
            while len(terms) > 1:
                pairs = zip(terms[::2], terms[1::2], strict=True)
                terms = [builder.fadd(a, b, flags=_FUSED) for a, b in pairs]
            builder.store(builder.fadd(builder.load(total), terms[0], flags=_FUSED), total)

    four = ir.Constant(_INDEX, 4)
    fours = builder.udiv(given[0], four)
    with cgutils.for_range(builder, fours) as loop:
        add(builder.mul(loop.index, four), 4)
    done = builder.mul(fours, four)
    with cgutils.for_range(builder, builder.sub(given[0], done)) as loop:
        add(builder.add(done, loop.index), 1)
    result = builder.bitcast(out, _VECTOR.as_pointer())
    for part, total in zip(parts, sums, strict=True):
        builder.store(builder.load(total), builder.gep(result, [part]), align=4)
    return context.get_dummy_value()


def _everywhere(builder: Any, value: Any) -> Any:
    """Broadcast a number to all lanes."""
    blank, lane = ir.Constant(_VECTOR, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(blank, value, ir.Constant(lane, 0))
    mask = ir.Constant(ir.VectorType(lane, _LANES), [0] * _LANES)
    return builder.shuffle_vector(first, blank, mask)


@kernel()
def product(codes, blocks, places, values, out):
    """Write codes @ matrix, skipping zeros, with a fixed order of summation for each row.

    A row of the result depends only on its codes, not on the batch, the threads or a BLAS.

    Parameters
    ----------
    codes : (B, N) float32
    blocks : (ceil(K / 64), N, 64) float32
        Matrix (N, K), 64 columns per block, which stays in a cache for all rows of codes.
    places, values : (B, N + 1) int32 and float32, scratch memory
    out : (B, ceil(K / 64) * 64) float32, written
    """
    n_rows, n_codes = codes.shape
    for b in range(n_rows):
        n = 0
        for i in range(n_codes):
            places[b, n + 1] = i * COLUMNS
            values[b, n] = codes[b, i]
            n += codes[b, i] != ZERO
        places[b, 0] = n
    for block in range(blocks.shape[0]):
        for b in range(n_rows):
            sums = out[b, block * COLUMNS :]
            add_rows(np.int64(places[b, 0]), places[b, 1:], values[b], blocks[block], sums)


@kernel(fastmath={"contract"})
def update(before, received, drive, limit, after):
    """Update log-rates: u' = SC(u + SC(b - R)).

    Parameters
    ----------
    before : (B, K) float32, u
    received : (B, K) float32, R = a z H of the counts before, H = Phi^T D Phi
    drive : (B, K) float32, b
    limit : float32, C
    after : (B, K) float32, written: u'
    """
    n_rows, n = before.shape
    for b in range(n_rows):
        # Two separate loops: a single one lacks registers for good vectorisation.
        for k in range(n):
            after[b, k] = clamped(drive[b, k] - received[b, k], limit)[0]
        for k in range(n):
            after[b, k] = clamped(before[b, k] + after[b, k], limit)[0]


@kernel(fastmath={"contract"})
def draw_counts(log_rate, key, first, whole, real, z):
    """Draw counts for log-rates.

    One pass finds the neurons with an arrival, another counts their arrivals, many neurons at a
    time. The count is the number of n with v < P(more than n).

    Parameters
    ----------
    log_rate : (B, K) float32
    key, first : uint64, stream of the draws and the index of the first element in it
    whole, real : (2, K) int32 and (4, K) float64, scratch memory
    z : (B, K) float32, written
    """
    who, other = whole[0], whole[1]
    v, mean, term, above = real[0], real[1], real[2], real[3]
    for b in range(log_rate.shape[0]):
        at = key + (first + np.uint64(b * log_rate.shape[1])) * ELEMENT
        for k in range(log_rate.shape[1]):
            rate = exp32(log_rate[b, k])
            # P(no arrival) = exp(-r) >= 1 - r: no arrival if v is above r. NaN passes.
            other[k] = not fraction(at + np.uint64(k) * ELEMENT) >= rate
            z[b, k] = rate if other[k] else ZERO
        m = 0
        for k in range(log_rate.shape[1]):  # no branch to mispredict
            who[m] = k
            m += other[k]
        n = 0
        for j in range(m):
            k = who[j]
            if z[b, k] <= PIECE:
                who[n], mean[n] = k, z[b, k]
                n += 1
            else:
                z[b, k] = large_count(at + np.uint64(k) * ELEMENT, z[b, k])
        for j in range(n):
            v[j] = fraction53(at + np.uint64(who[j]) * ELEMENT)
            term[j] = exp64(-mean[j])
            above[j] = 1.0 - term[j]
        count = 0
        while n > 0 and count <= LAST:
            for j in range(n):
                p, more, reached = term[j], above[j], 0
                for i in range(_AT_ONCE):
                    reached += v[j] < more
                    p *= mean[j] * RECIPROCALS[count + i + 1]
                    more -= p
                term[j], above[j], other[j] = p, more, reached
            m = 0
            for j in range(n):
                z[b, who[j]] = count + other[j]
                who[m], v[m], mean[m], term[m], above[m] = who[j], v[j], mean[j], term[j], above[j]
                m += other[j] == _AT_ONCE
            n, count = m, count + _AT_ONCE


@inner()
def large_count(state, rate):
    """Return a Poisson count for a large rate, or a rounded normal number for a very large one."""
    if rate <= _MAX_COUNTED_RATE:
        return np.float32(counted(state, np.float64(rate))[0])
    return np.floor(normal(state, rate, ONE, ONE)[0] + HALF)


@inner()
def counted(state, mean):
    """Return a Poisson count and the next random state; means above 16 are split evenly."""
    pieces = math.ceil(mean / PIECE) if mean > PIECE else 1
    piece = mean / pieces
    none = math.exp(-piece)
    n = 0
    for i in range(pieces):
        if i > 0:
            state += NEXT
        v = fraction53(state)
        k, p, above = 0, none, 1.0 - none  # P(k), P(more than k)
        while v < above and k < LAST:
            k += 1
            p *= piece * RECIPROCALS[k]
            above -= p
        n += k
    return n, state


@inner()
def normal(state, r, mean, variance):
    """Return max(0, normal number) of mean r * mean, and its derivative with respect to log r."""
    radius = math.sqrt(-2.0 * math.log(1.0 - np.float64(fraction(state))))
    angle = 2.0 * math.pi * np.float64(fraction(state + NEXT))
    noise = np.float32(math.sqrt(r * variance) * radius * math.cos(angle))
    z = r * mean + noise
    if z < 0:
        return ZERO, ZERO
    return z, r * mean + HALF * noise


@kernel()
def fill_fractions(key, first, out):
    """Write the first numbers of each element into `out`, (n, n_elements) float32."""
    for i in range(out.shape[1]):
        state = key + (first + np.uint64(i)) * ELEMENT
        for j in range(out.shape[0]):
            out[j, i] = fraction(state)
            state += NEXT


@kernel()
def normal_cdf(x, out):
    """Write the standard normal distribution function of each element of x, (n,) float64."""
    for i in range(x.shape[0]):
        out[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))
