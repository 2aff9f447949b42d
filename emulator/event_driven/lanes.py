"""Vectorized parts of the kernels: sums of weight rows, and updates of 16 neurons at a time.

All take addresses. Neurons are in the order of `packing`: channels last, padded to 16.
"""

from typing import Any

from llvmlite import ir
from numba.core import types

from ipvae.emulator.simd.int32x16 import ADDRESS, BYTES, LANES, Int32x16, IrBuilder, kernel
from ipvae.network.kinds.cuba import DECAY_BITS, STATE_LIMIT, STATE_SHIFT
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION, STATE_FRACTION

_I8, _I16, _I64 = ir.IntType(8), ir.IntType(16), ir.IntType(64)
_SHORTS, _CHARS = ir.VectorType(_I16, LANES), ir.VectorType(_I8, LANES)
_WIDE = ir.VectorType(ir.IntType(32), LANES)
_nothing, _count = types.void, types.int64
SHIFT = STATE_FRACTION - MESSAGE_FRACTION


def _weights(c: IrBuilder, address: Any) -> Int32x16:
    """Load 16 weights of an int16 array."""
    pointer = c.builder.inttoptr(address, _SHORTS.as_pointer())
    return Int32x16(c, c.builder.sext(c.builder.load(pointer, align=2), _WIDE))


def _store_bytes(c: IrBuilder, vector: Int32x16, address: Any) -> None:
    pointer = c.builder.inttoptr(address, _CHARS.as_pointer())
    c.builder.store(c.builder.trunc(vector.value, _CHARS), pointer, align=1)


def _window_adder(vectors: int, *, graded: bool) -> Any:
    """Intrinsic that adds the weights of all messages in the window of an output place.

    `ys` contains pairs: the first place of an input row, and the offset of a kernel row's weights
    in bytes. `xs` contains runs of columns of the window: the first, their number, and an offset of
    weights. The messages of input place p are listed at `starts[p]` .. `starts[p + 1]`, with
    offsets of weights that grow with the column. Sums begin with the values at `before`.
    """

    def write(c, ny, ys, nx, xs, starts, offsets, values, weights, before, sums):
        totals = [c.variable(c.load(c.offset(before, v, BYTES))) for v in range(vectors)]
        with c.loop(ny) as i:
            y = c.offset(ys, i, 8)
            with c.loop(nx) as j:
                x = c.offset(xs, j, 12)
                place = c.builder.add(_wide_number(c, y, 0), _wide_number(c, x, 0))
                row = c.builder.add(_wide_number(c, y, 1), _wide_number(c, x, 2))
                first = c.offset(starts, place)
                begin = _wide_number(c, first, 0)
                end = _wide_number(c, c.offset(first, _wide_number(c, x, 1)), 0)
                own = c.builder.add(weights, row)
                with c.loop(c.builder.sub(end, begin)) as k:
                    at = c.builder.add(begin, k)
                    taken = c.builder.add(own, _wide_number(c, c.offset(offsets, at), 0))
                    size = c.lanes(c.number(c.offset(values, at))) if graded else None
                    for v, total in enumerate(totals):
                        found = _weights(c, c.offset(taken, v, 2 * LANES))
                        total.add(found if size is None else found * size)
        for v, total in enumerate(totals):
            c.store(total.get(), c.offset(sums, v, BYTES))

    return kernel(_nothing, _count, ADDRESS, _count, *[ADDRESS] * 7)(write)


def _wide_number(c: IrBuilder, address: Any, index: int) -> Any:
    """Load an int32 as int64."""
    return c.builder.sext(c.number(address, index), _I64)


add_spikes_1, add_spikes_2, add_spikes_3, add_spikes_4 = (
    _window_adder(v, graded=False) for v in (1, 2, 3, 4)
)
add_values_1, add_values_2, add_values_3, add_values_4 = (
    _window_adder(v, graded=True) for v in (1, 2, 3, 4)
)


def _decayed(c: IrBuilder, state: Int32x16, kept: Int32x16) -> Int32x16:
    """State * kept / 4096, rounded toward zero, in 32 bits: high and low part apart."""
    nothing = c.lanes(0)
    negative = state.is_("<", nothing)
    size = (nothing - state).where(negative, state)
    high, low = size.unsigned_shift(DECAY_BITS), size & ((1 << DECAY_BITS) - 1)
    found = high * kept + (low * kept).unsigned_shift(DECAY_BITS)
    return (nothing - found).where(negative, found)


class _Rows:
    """Addresses of 16 neurons' values in the rows of an image; rows are `width` neurons apart."""

    def __init__(self, c: IrBuilder, width: Any, i: Any) -> None:
        self._c, self._width, self._first = c, width, c.builder.mul(i, ir.Constant(_I64, LANES))

    def at(self, address: Any, row: Any, size: int = 4) -> Any:
        """Address in a row of an array with elements of `size` bytes."""
        c = self._c
        place = c.builder.add(c.builder.mul(row, self._width), self._first)
        return c.offset(address, place, size)

    def own(self, address: Any, size: int = 4) -> Any:
        """Address in an array of one row."""
        return self._c.offset(address, self._first, size)


def _cuba(*, recorded: bool) -> Any:
    """Intrinsic: rows of an image's CUBA neurons, 16 at a time.

    `numbers`: 4096 - current decay, 4096 - voltage decay, threshold << 6. Adds to `messages` (n)
    int32, to `by_row` (rows) int64, and to `limits` [wraps of the current, clips of the voltage].
    """

    def write(c, vectors, rows, width, numbers, a_in, bias, u, v, z, messages, by_row, limits, *to):
        kept_u, kept_v, threshold = c.constants(numbers, 3)
        top, turn = c.lanes(STATE_LIMIT), c.lanes(2 * STATE_LIMIT)
        low, high, nothing = c.lanes(1 - STATE_LIMIT), c.lanes(STATE_LIMIT - 1), c.lanes(0)
        one = c.lanes(1)
        wraps, clips = c.variable(nothing), c.variable(nothing)
        with c.loop(vectors) as i:
            place = _Rows(c, width, i)
            current = c.variable(c.load(place.own(u)))
            voltage = c.variable(c.load(place.own(v)))
            constant = c.load(place.own(bias)) << STATE_SHIFT
            sent = c.variable(c.load(place.own(messages)))
            with c.loop(rows) as row:
                received = c.load(place.at(a_in, row)) << STATE_SHIFT
                total = _decayed(c, current.get(), kept_u) + received
                above, below = total.is_(">", top), total.is_("<", low)
                wrapped = (total - turn).where(above, (total + turn).where(below, total))
                wraps.add(one.where(c.builder.or_(above, below), nothing))
                current.set(wrapped)
                raised = _decayed(c, voltage.get(), kept_v) + wrapped + constant
                limited = raised.clip(low, high)
                clips.add(one.where(limited.is_("!=", raised), nothing))
                spikes = limited.is_(">", threshold)
                voltage.set(nothing.where(spikes, limited))
                number = one.where(spikes, nothing)
                sent.add(number)
                _store_bytes(c, number, place.at(z, row, 1))
                _count_row(c, by_row, row, spikes)
                if recorded:
                    c.store(wrapped, place.at(to[0], row))
                    c.store(voltage.get(), place.at(to[1], row))
            c.store(current.get(), place.own(u))
            c.store(voltage.get(), place.own(v))
            c.store(sent.get(), place.own(messages))
        c.add_to(wraps.get().total(), limits, 0)
        c.add_to(clips.get().total(), limits, 1)

    return kernel(_nothing, *[_count] * 3, *[ADDRESS] * (9 + 2 * recorded))(write)


def _count_row(c: IrBuilder, by_row: Any, row: Any, mask: Any) -> None:
    pointer = c.builder.inttoptr(c.offset(by_row, row, 8), _I64.as_pointer())
    c.builder.store(c.builder.add(c.builder.load(pointer), c.ones(mask)), pointer)


cuba, cuba_recorded = _cuba(recorded=False), _cuba(recorded=True)


def _sigma_delta(*, sigma: bool, relu: bool, recorded: bool) -> Any:
    """Intrinsic: rows of an image's neurons that send changes, 16 at a time.

    `numbers`: threshold << 12. With `sigma` the input is integrated, else it is the value itself.
    Adds to `messages` (n) int32, `sizes` (n) int64, `by_row` (rows) int64 and `limits`
    [values of sigma outside 24 bits].
    """

    def write(
        c, vectors, rows, width, numbers, a_in, bias, s, res, ref, z, messages, sizes, by_row,
        limits, *to,
    ):  # fmt: skip
        (threshold,) = c.constants(numbers, 1)
        nothing, one = c.lanes(0), c.lanes(1)
        low, high = c.lanes(1 - STATE_LIMIT), c.lanes(STATE_LIMIT - 1)
        outside = c.variable(nothing)
        with c.loop(vectors) as i:
            place = _Rows(c, width, i)
            summed = c.variable(c.load(place.own(s)) if sigma else nothing)
            residue = c.variable(c.load(place.own(res)))
            reference = c.variable(c.load(place.own(ref)))
            constant = c.load(place.own(bias)) << STATE_FRACTION
            sent = c.variable(c.load(place.own(messages)))
            with c.loop(rows) as row:
                received = c.load(place.at(a_in, row))
                if sigma:
                    total = summed.get() + received
                    summed.set(total)
                    outside.add(one.where(total.clip(low, high).is_("!=", total), nothing))
                    value = total + constant
                    if relu:
                        value = nothing.where(value.is_("<", nothing), value)
                else:
                    value = received << STATE_FRACTION
                delta = value - reference.get() + residue.get()
                reference.set(value)
                size = (nothing - delta).where(delta.is_("<", nothing), delta)
                kept = size.is_("<", threshold)
                residue.set(delta.where(kept, nothing))
                message = nothing.where(kept, delta >> SHIFT)
                active = message.is_("!=", nothing)
                sent.add(one.where(active, nothing))
                c.store(message, place.at(z, row))
                _count_row(c, by_row, row, active)
                _add_sizes(c, message, place.own(sizes, 8))
                if recorded:
                    for address, variable in zip(to, (summed, residue, reference), strict=True):
                        c.store(variable.get(), place.at(address, row))
            if sigma:
                c.store(summed.get(), place.own(s))
            c.store(residue.get(), place.own(res))
            c.store(reference.get(), place.own(ref))
            c.store(sent.get(), place.own(messages))
        c.add_to(outside.get().total(), limits, 0)

    return kernel(_nothing, *[_count] * 3, *[ADDRESS] * (11 + 3 * recorded))(write)


def _add_sizes(c: IrBuilder, message: Int32x16, address: Any) -> None:
    """Add magnitudes of 16 messages to int64 sums."""
    longs = ir.VectorType(_I64, LANES)
    wide = c.builder.sext(message.value, longs)
    none = ir.Constant(longs, [ir.Constant(_I64, 0)] * LANES)
    negative = c.builder.icmp_signed("<", wide, none)
    size = c.builder.select(negative, c.builder.sub(none, wide), wide)
    pointer = c.builder.inttoptr(address, longs.as_pointer())
    c.builder.store(c.builder.add(c.builder.load(pointer, align=8), size), pointer, align=8)


delta = _sigma_delta(sigma=False, relu=False, recorded=False)
delta_recorded = _sigma_delta(sigma=False, relu=False, recorded=True)
relu = _sigma_delta(sigma=True, relu=True, recorded=False)
relu_recorded = _sigma_delta(sigma=True, relu=True, recorded=True)
identity = _sigma_delta(sigma=True, relu=False, recorded=False)
identity_recorded = _sigma_delta(sigma=True, relu=False, recorded=True)
