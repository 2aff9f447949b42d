"""Vectorized parts of the kernels, 16 neurons at a time: docs/spec/.

All take addresses of int32 arrays whose length is a multiple of 16. `ipvae.network` has the same
loops in readable form.
"""

from typing import Any

from llvmlite import ir
from numba.core import types

from ipvae.emulator.simd.int32x16 import ADDRESS, BYTES, LANES, Int32x16, IrBuilder, kernel, zero

WEYL_A, WEYL_B = 0x9E3779, 0xD80165
MULTIPLIERS = (0xB5297B, 0xD35A2D, 0xC9E635, 0xF3864B, 0xD6D9AB, 0xF30E65)
WORD = 0xFFFFFF
_TOP = 1 << 24
_ONE = (127 + 24) << 23
"""Bits of the float32 2**24."""

MIX = (*MULTIPLIERS[1:], *(WORD >> s for s in (12, 13, 11, 14, 10)), WORD, _TOP, _ONE)
"""Constants of `uniform` and `draw`, for an array argument."""

BLOCK = 64
"""Receiving neurons in a block of weights: four vectors, with 4 senders in each lane."""
HALF = LANES // 2

QUAD = 4 * BLOCK
"""Bytes of a block's weights from 4 senders."""

COUNTED = 16
"""Thresholds compared at once; a row of the table has two such parts."""

_int, _count = types.int32, types.int64
_nothing = types.void


def mixed(h: Int32x16, shift: int, kept: Int32x16 | int) -> Int32x16:
    """Compute h ^ (h >> shift) of 24-bit words; their higher bits may have any value."""
    return h ^ (h.unsigned_shift(shift) & kept)


def uniform(start: Int32x16, nb: Int32x16, y: Int32x16, mix: list[Int32x16]) -> Int32x16:
    """Uniforms from na + ia + c * 0x9E3779, nb and y."""
    m1, m2, m3, m4, m5, k12, k13, k11, k14, k10, word = mix[:11]
    h = mixed(start, 12, k12) * m1
    h = mixed(h, 13, k13) * m2
    h = mixed(h, 11, k11) + (nb ^ y)
    h = h * m3
    h = mixed(h, 14, k14) * m4
    h = mixed(h, 10, k10) * m5
    return mixed(h, 12, k12) & word


@kernel(_nothing, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
def sub_draw_words(c: IrBuilder, ia: Any, ib: Any, counter: Any, starts: Any, ys: Any) -> None:
    """Write ia + c * 0x9E3779 and y of 32 counters starting at 1, then of the first 8 twice."""
    numbers = (c.numbers(), c.numbers() + LANES, c.numbers() & (HALF - 1))
    for part, of_part in enumerate(numbers):
        first = part * LANES
        number = c.lanes(c.builder.trunc(counter, ir.IntType(32))) + of_part
        a, b = (c.lanes(c.builder.trunc(word, ir.IntType(32))) for word in (ia, ib))
        y = number * WEYL_B + b
        y = mixed(mixed(y, 12, WORD >> 12) * MULTIPLIERS[0], 11, WORD >> 11)
        c.store(number * WEYL_A + a, c.offset(starts, first))
        c.store(y, c.offset(ys, first))


@kernel(_nothing, _int, _int, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
def sub_draws(c: IrBuilder, na: Any, nb: Any, starts: Any, ys: Any, mix: Any, out: Any) -> None:
    """Write 16 uniforms of a neuron."""
    words = c.constants(mix, len(MIX))
    start = c.load(starts) + c.lanes(na)
    c.store(uniform(start, c.lanes(nb), c.load(ys), words), out)


@kernel(_nothing, *[_int] * 8, *[ADDRESS] * 5)
def sub_draws_of_two(
    c: IrBuilder,
    na: Any,
    nb: Any,
    n: Any,
    position: Any,
    other_na: Any,
    other_nb: Any,
    other_n: Any,
    other_position: Any,
    starts: Any,
    ys: Any,
    mix: Any,
    out: Any,
    places: Any,
) -> None:
    """Append uniforms of two neurons, at most 8 each, and their positions as often.

    `starts` and `ys` contain the words of 8 counters twice.
    """
    words = c.constants(mix, len(MIX))
    first = c.numbers().is_("<", HALF)

    def either(one: Any, other: Any) -> Int32x16:
        return c.lanes(one).where(first, c.lanes(other))

    start = c.load(starts) + either(na, other_na)
    drawn = uniform(start, either(nb, other_nb), c.load(ys), words)
    wanted = (c.numbers() & (HALF - 1)).is_("<", either(n, other_n))
    c.append(wanted, drawn, out)
    c.append(wanted, either(position, other_position), places)


@kernel(_nothing, _count, *[ADDRESS] * 8)
def update_log_rates(
    c: IrBuilder,
    n: Any,
    a_in: Any,
    start: Any,
    u: Any,
    drive: Any,
    own: Any,
    real: Any,
    given: Any,
    saturated: Any,
) -> None:
    """Set u = clip(start + clip(drive + scale * clip(a_in >> right) - own)), then own = 0.

    `given` contains right, limit, scale, dmin, dmax, umin, umax. `real` is 1 for neurons, 0 for the
    padding of the last block. The numbers of clipped inputs and of u = umax are added to
    `saturated`.
    """
    right, limit, scale, low, high, u_min, u_max = c.constants(given, 7)
    clear = c.lanes(0)
    below = clear - limit
    clipped, at_max = c.variable(clear), c.variable(clear)
    with c.loop(n) as i:
        one = c.load(c.offset(real, i, BYTES))
        received = c.load(c.offset(a_in, i, BYTES)) >> right
        g = received.clip(below, limit)
        clipped.add(one.where(g.is_("!=", received), clear))
        own_at = c.offset(own, i, BYTES)
        change = c.load(c.offset(drive, i, BYTES)) + g * scale - c.load(own_at)
        c.store(clear, own_at)
        v = c.load(c.offset(start, i, BYTES)) + change.clip(low, high)
        v = v.clip(u_min, u_max)
        c.store(v, c.offset(u, i, BYTES))
        at_max.add(one.where(v.is_("==", u_max), clear))
    c.add_to(clipped.get().total(), saturated, 0)
    c.add_to(at_max.get().total(), saturated, 1)


@kernel(types.UniTuple(_count, 2), _count, *[ADDRESS] * 8)
def draw(
    c: IrBuilder,
    n: Any,
    u: Any,
    na: Any,
    nb: Any,
    given: Any,
    mix: Any,
    uniforms: Any,
    active: Any,
    split: Any,
) -> Any:
    """Draw uniforms; list neurons that may send, and neurons that draw more than once.

    `given` contains the shift of u to 23 fraction bits, the largest u of a single draw, and the
    words combined with na and nb for this image and step. A neuron sends nothing if 2**24 - U, as a
    float32, exceeds 2**24 * (1 + f) * 2**i, with i the integer part of its log-rate and f the
    fraction. This is at least 2**24 times its rate, and its bits are the log-rate's, shifted.
    """
    finer, single, ia, y = c.constants(given, 4)
    words = c.constants(mix, len(MIX))
    top, one = words[11:]
    found, splits = c.variable(zero()), c.variable(zero())
    number = c.variable(c.numbers())
    with c.loop(n) as i:
        start = c.load(c.offset(na, i, BYTES)) + ia
        drawn = uniform(start, c.load(c.offset(nb, i, BYTES)), y, words)
        c.store(drawn, c.offset(uniforms, i, BYTES))
        v = c.load(c.offset(u, i, BYTES))
        may = (top - drawn).float_bits().is_("<=", (v << finer) + one)
        twice = v.is_(">", single)
        for mask, count, listed in ((may, found, active), (twice, splits, split)):
            place = count.get()
            c.append(mask, number.get(), c.offset(listed, place))
            count.set(c.builder.add(place, c.ones(mask)))
        number.set(number.get() + LANES)
    return found.get(), splits.get()


@kernel(_count, ADDRESS, _int, _int)
def reached(c: IrBuilder, part: Any, fraction: Any, value: Any) -> Any:
    """Number of thresholds a uniform reaches in part of a row: 16 values, then 16 differences."""
    low, difference = c.load(part), c.load(c.offset(part, COUNTED))
    threshold = low + ((difference * c.lanes(fraction)) >> 7)
    return c.ones(threshold.is_("<=", c.lanes(value)))


@kernel(_nothing, _int, ADDRESS)
def fill(c: IrBuilder, value: Any, out: Any) -> None:
    """Write a number 16 times."""
    c.store(c.lanes(value), out)


@kernel(_nothing, _count, ADDRESS)
def clear(c: IrBuilder, n: Any, out: Any) -> None:
    """Write zeros to `n` vectors."""
    nothing = c.lanes(0)
    with c.loop(n) as i:
        c.store(nothing, c.offset(out, i, BYTES))


@kernel(_nothing, ADDRESS)
def times_256(c: IrBuilder, sums: Any) -> None:
    """Multiply the sums of half a block by 256."""
    for part in range(2):
        at = c.offset(sums, part * LANES)
        c.store(c.load(at) << 8, at)


@kernel(_count, _count, _count, ADDRESS, ADDRESS, ADDRESS)
def list_quads(c: IrBuilder, first: Any, n: Any, sent: Any, offsets: Any, values: Any) -> Any:
    """List quads of 4 neighbouring neurons' messages, a byte each, where not all are 0.

    There are `n` vectors of 16 quads. The list is padded with zeros to an even length.
    """
    count = c.variable(zero())
    clear = c.lanes(0)
    number = c.variable((c.numbers() + c.lanes(c.builder.trunc(first, ir.IntType(32)))) * QUAD)
    with c.loop(n) as i:
        value = c.load(c.offset(sent, i, BYTES))
        mask = value.is_("!=", 0)
        place = count.get()
        c.append(mask, number.get(), c.offset(offsets, place))
        c.append(mask, value, c.offset(values, place))
        count.set(c.builder.add(place, c.ones(mask)))
        number.set(number.get() + LANES * QUAD)
    place = count.get()
    c.store(clear, c.offset(offsets, place))
    c.store(clear, c.offset(values, place))
    one = ir.Constant(ir.IntType(64), 1)
    return c.builder.add(place, c.builder.and_(place, one))


def _dots(c: IrBuilder, n: Any, offsets: Any, weights: Any, total: Any, add: Any) -> None:
    """Add the products of `n` pairs of quads to the sums of a block."""
    sums = [c.variable(c.lanes(0)) for _ in range(8)]
    with c.loop(n) as i:
        for half in range(2):
            at = c.builder.add(
                c.builder.mul(i, ir.Constant(ir.IntType(64), 2)),
                ir.Constant(ir.IntType(64), half),
            )
            offset = c.builder.zext(c.number(c.offset(offsets, at)), ir.IntType(64))
            row = c.builder.add(weights, offset)
            for part in range(4):
                found = sums[4 * half + part]
                found.set(add(found.get(), at, c.load(c.offset(row, part * LANES))))
    for part in range(4):
        at = c.offset(total, part * LANES)
        c.store(c.load(at) + sums[part].get() + sums[4 + part].get(), at)


@kernel(_nothing, _count, *[ADDRESS] * 4)
def add_bytes(c: IrBuilder, n: Any, offsets: Any, values: Any, weights: Any, total: Any) -> None:
    """Add `n` pairs of quads of counts, 4 unsigned bytes each, to a block's 64 sums."""

    def add(found: Int32x16, at: Any, weight: Int32x16) -> Int32x16:
        return c.dot_bytes(found, c.number(c.offset(values, at)), weight)

    _dots(c, n, offsets, weights, total, add)


@kernel(_nothing, _count, *[ADDRESS] * 4)
def add_shorts(c: IrBuilder, n: Any, offsets: Any, values: Any, weights: Any, total: Any) -> None:
    """Add `n` pairs of quads of signed numbers to a block's 64 sums.

    A quad is two int32: 16 bits each of its senders 0 and 2, then of 1 and 3.
    """

    def add(found: Int32x16, at: Any, weight: Int32x16) -> Int32x16:
        pair = c.offset(values, at, 8)
        return c.dot_shorts(found, c.number(pair), c.number(pair, 1), weight)

    _dots(c, n, offsets, weights, total, add)


@kernel(_nothing, _count, *[ADDRESS] * 6)
def update_potentials(
    c: IrBuilder, n: Any, a_in: Any, u: Any, drive: Any, real: Any, given: Any, saturated: Any
) -> None:
    """Move u to drive + scale * clip(a_in >> right) by 2**-leak of the way, or set u to it.

    `given` contains right, limit, scale, leak, and a mask: 0 starts from 0 instead of u.
    """
    right, limit, scale, leak, keep = c.constants(given, 5)
    clear = c.lanes(0)
    below, clipped = clear - limit, c.variable(clear)
    with c.loop(n) as i:
        one = c.load(c.offset(real, i, BYTES))
        received = c.load(c.offset(a_in, i, BYTES)) >> right
        g = received.clip(below, limit)
        clipped.add(one.where(g.is_("!=", received), clear))
        total = c.load(c.offset(drive, i, BYTES)) + g * scale
        at = c.offset(u, i, BYTES)
        old = c.load(at) & keep
        c.store(old + ((total - old) >> leak), at)
    c.add_to(clipped.get().total(), saturated, 0)


@kernel(_nothing, _count, *[ADDRESS] * 4)
def send_graded(c: IrBuilder, n: Any, z: Any, real: Any, given: Any, saturated: Any) -> None:
    """Set z = clip((soft(z) + half) >> shift) and count values at a limit.

    `given` contains threshold, half, shift, zmin, zmax, and the zmin that counts as a limit.
    """
    threshold, half, shift, low, high, counts = c.constants(given, 6)
    clear = c.lanes(0)
    limited = c.variable(clear)
    with c.loop(n) as i:
        at = c.offset(z, i, BYTES)
        y = c.load(at)
        y = y - y.clip(clear - threshold, threshold)
        y = ((y + half) >> shift).clip(low, high)
        c.store(y, at)
        one = c.load(c.offset(real, i, BYTES))
        limited.add(one.where(y.is_(">=", high), one.where(y.is_("<=", counts), clear)))
    c.add_to(limited.get().total(), saturated, 2)
