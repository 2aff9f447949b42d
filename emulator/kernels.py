"""Compiled functions of the emulator (numba): a tile of images, one layer, some rows.

Steps of docs/arithmetic.md in the order of its sections; what is done 16 neurons at a time stands
in `ipvae.emulator.blocks`.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ipvae.emulator import blocks, lanes, matrix
from ipvae.emulator.blocks import BLOCK, COUNTED
from ipvae.emulator.lanes import LANES, address, moved, start_of

BYTES, SHORTS, WIDE = 0, 1, 2
"""What messages are listed as: 4 unsigned bytes, 4 signed shorts, or not at all."""

DENSE = 8
"""A whole product pays from this part of all quads on: it takes an eighth of a list's time."""

SPLIT, LOWEST = 12288, 49152
_WORD = np.uint64(0xFFFFFF)
_S12, _S11 = np.uint64(12), np.uint64(11)
_M0 = np.uint64(blocks.MULTIPLIERS[0])
_WEYL_A, _WEYL_B = np.uint64(blocks.WEYL_A), np.uint64(blocks.WEYL_B)
_BYTE, _SHORT = 255, 32767


def _sources() -> str:
    """Digest of all that is compiled: numba looks at one file before it takes its cache."""
    files = (__file__, blocks.__file__, lanes.__file__, matrix.__file__)
    return hashlib.sha256(b"".join(Path(f).read_bytes() for f in files)).hexdigest()[:12]


_DIGEST = _sources()


def compiled(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock, cached where there is a folder for it."""
    function.__qualname__ = f"{function.__name__}_{_DIGEST}"
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the source's folder nor a home can be written
        return njit(nogil=True)(function)


class Neurons(NamedTuple):
    """Pointers to a layer's constants; see `ipvae.emulator.program.Fixed`."""

    real: Any
    u_init: Any
    self_weight: Any
    own_most: Any
    na: Any
    nb: Any
    table: Any
    bend: Any
    mix: Any


class Scratch(NamedTuple):
    """Pointers to scratch; see `ipvae.emulator.program.Work`."""

    uniforms: Any
    active: Any
    split: Any
    last: Any
    starts: Any
    ys: Any
    further: Any
    positions: Any
    sums: Any
    extra: Any
    large: Any
    large_left: Any
    n_large: Any


@njit(nogil=True)
def neurons_of(fixed):
    """Pointers in place of arrays, which numba counts references of wherever it meets them."""
    return Neurons(
        start_of(fixed.real),
        start_of(fixed.u_init),
        start_of(fixed.self_weight),
        start_of(fixed.own_most),
        start_of(fixed.na),
        start_of(fixed.nb),
        address(start_of(fixed.table)),
        start_of(fixed.bend),
        address(start_of(fixed.mix)),
    )


@njit(nogil=True)
def scratch_of(work):
    """Pointers in place of arrays."""
    return Scratch(
        start_of(work.uniforms),
        start_of(work.active),
        start_of(work.split),
        start_of(work.last),
        address(start_of(work.words)),
        address(start_of(work.words)) + 2 * LANES * 4,
        start_of(work.further),
        start_of(work.positions),
        start_of(work.sums),
        start_of(work.extra),
        start_of(work.large),
        start_of(work.large_left),
        start_of(work.n_large),
    )


@njit(nogil=True)
def receive(weights, heard, a_in, n):
    """a_in = weights times what was sent by `n` images, section 3: (N, K) int32."""
    parts = heard.ends.shape[1] - 1
    if heard.kind == WIDE:
        a_in[:] = 0
        receive_wide(weights, heard.z, a_in)
    elif heard.matrix and dense(heard, n, weights.shape[1]):
        multiply(weights, heard, a_in)
        if heard.kind == BYTES:  # what did not fit a byte
            receive_lists(weights, heard, a_in, n, parts - 1)
    else:
        a_in[:] = 0
        receive_lists(weights, heard, a_in, n, 0)


@njit(nogil=True)
def dense(heard, n, quads):
    """Whether so much was sent that a whole product is the faster way."""
    listed, last = 0, heard.ends.shape[1] - 1
    for i in range(n):
        listed += heard.ends[i, last]
    return listed * DENSE > heard.low.shape[0] * quads


@njit(nogil=True)
def receive_lists(weights, heard, a_in, n, first_part):
    """Add what lists hold to the sums, from a part on."""
    width = a_in.shape[1]
    total, rows = address(start_of(a_in)), address(start_of(weights))
    offsets, values = address(start_of(heard.offsets)), address(start_of(heard.values))
    ends, parts = start_of(heard.ends), heard.ends.shape[1] - 1
    per_image, wide = heard.offsets.shape[1] * 4, 1 if heard.kind == BYTES else 2
    for block in range(width // BLOCK):
        for part in range(first_part, parts):
            for i in range(n):
                end = moved(ends, i * (parts + 1) + part)
                at = i * per_image + end[0] * 4
                to = total + (i * width + block * BLOCK) * 4
                pairs = (end[1] - end[0]) >> 1
                if pairs == 0:
                    continue
                if wide == 1:
                    blocks.add_bytes(pairs, offsets + at, values + at, rows, to)
                else:
                    blocks.add_shorts(pairs, offsets + at, values + 2 * at, rows, to)
        rows += weights.shape[1] * weights.shape[2]


@njit(nogil=True)
def multiply(weights, heard, a_in):
    """a_in = weights times all that was sent: `receive` in matrix registers."""
    total, rows = address(start_of(a_in)), address(start_of(weights))
    low, high = address(start_of(heard.low)), address(start_of(heard.high))
    width, n = heard.low.shape[1], weights.shape[1] // 16
    stride, signed = a_in.shape[1] * 4, heard.high.shape[0] > 0
    matrix.configure(address(start_of(matrix.SHAPES)))
    for block in range(a_in.shape[1] // BLOCK):
        for half in range(0, 2):
            of_half = rows + half * (blocks.QUAD // 2)
            for i in range(0, a_in.shape[0], matrix.IMAGES):
                to = total + i * stride + (block * BLOCK + half * BLOCK // 2) * 4
                at = i * width
                if signed:
                    matrix.multiply_signed(n, high + at, width, of_half, to, stride)
                    for j in range(matrix.IMAGES):
                        blocks.times_256(to + j * stride)
                    matrix.multiply_more(n, low + at, width, of_half, to, stride)
                else:
                    matrix.multiply(n, low + at, width, of_half, to, stride)
        rows += weights.shape[1] * weights.shape[2]
    matrix.release()


@njit(nogil=True)
def receive_wide(weights, z, a_in):
    """`receive` for messages of more than 16 bits, without lists."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            if z[i, j]:
                for block in range(weights.shape[0]):
                    row = weights[block, j >> 2]
                    for k in range(BLOCK):
                        a_in[i, block * BLOCK + k] += row[4 * k + (j & 3)] * z[i, j]


@njit(nogil=True)
def bump(table, distance, bits):
    """Section 9: interpolate at a distance of 0 or more; 0 from 16 units on."""
    if distance >= 16 << bits:
        return 0
    shift = bits - 4
    i, f = distance >> shift, distance & ((1 << shift) - 1)
    low = np.int64(table[i])
    return low + (((np.int64(table[i + 1]) - low) * f) >> shift)


@njit(nogil=True)
def image_words(key_a, key_b, counter):
    """Words that an image adds to those of its neurons: ia + c * 0x9E3779, and y."""
    c = np.uint64(counter)
    y = (np.uint64(key_b) + c * _WEYL_B) & _WORD
    y = ((y ^ (y >> _S12)) * _M0) & _WORD
    return (np.uint64(key_a) + c * _WEYL_A) & _WORD, y ^ (y >> _S11)


@njit(nogil=True)
def single(table, position, value):
    """Count of one uniform at a position of the table, section 5."""
    row = table + (position >> 7) * (4 * COUNTED * 4)
    fraction = np.int32(position & 127)
    found = blocks.reached(row, fraction, value)
    if found == COUNTED:
        found += blocks.reached(row + 2 * COUNTED * 4, fraction, value)
    return found


@njit(nogil=True)
def further_draws(fixed, work, u, n_split, finer, key_a, key_b, counter):
    """Sum the counts of sub-draws 1.. of neurons that have them, into work.extra."""
    uniforms, places = address(work.further), address(work.positions)
    if n_split:
        blocks.sub_draw_words(np.int64(key_a), np.int64(key_b), counter + 1, work.starts, work.ys)
    drawn = 0
    for m in range(n_split):
        k = work.split[m]
        v = np.int64(u[k]) >> finer
        octaves = (v - SPLIT + 4095) >> 12
        na, nb = np.int32(fixed.na[k]), np.int32(fixed.nb[k])
        position = np.int32(v - (octaves << 12) + LOWEST)
        at = drawn * 4
        blocks.sub_draws(na, nb, work.starts, work.ys, fixed.mix, uniforms + at)
        blocks.fill(position, places + at)
        if octaves == 5:
            at += LANES * 4
            starts, ys = work.starts + LANES * 4, work.ys + LANES * 4
            blocks.sub_draws(na, nb, starts, ys, fixed.mix, uniforms + at)
            blocks.fill(position, places + at)
        drawn += (1 << octaves) - 1
        work.last[m] = drawn
    total = 0
    for m in range(drawn):
        total += single(fixed.table, np.int64(work.positions[m]), work.further[m])
        work.sums[m + 1] = total
    before = 0
    for m in range(n_split):
        after = work.sums[work.last[m]]
        work.extra[work.split[m]] = after - before
        before = after


@njit(nogil=True)
def drawn(fixed, work, u, k, finer):
    """Count of a neuron: of its first uniform, and of the further ones, which it clears."""
    v = np.int64(u[k]) >> finer
    octaves = max((v - SPLIT + 4095) >> 12, 0)
    z = single(fixed.table, v - (octaves << 12) + LOWEST, work.uniforms[k]) + work.extra[k]
    work.extra[k] = 0
    return z


@njit(nogil=True)
def send_count(fixed, work, own, sent, sizes, messages, k, z):
    """Let a neuron send a count."""
    own[k] = fixed.self_weight[k] * min(z, np.int64(fixed.own_most[k]))
    sizes[k] += z
    messages[k] += z > 0
    sent[k] = min(z, _BYTE)
    if z > _BYTE:
        work.large[work.n_large[0]] = k
        work.large_left[work.n_large[0]] = z - _BYTE
        work.n_large[0] += 1


@njit(nogil=True)
def draw_counts(fixed, work, u, own, sent, sizes, messages, rules, width, draw, keys, counter):
    """Draw and send the counts of an image's row, section 5; how many are the largest."""
    finer, count_max = rules[0], rules[1]
    ia, y = image_words(keys[0], keys[1], counter)
    draw[2], draw[3] = np.int32(ia), np.int32(y)
    n, n_split = blocks.draw(
        width >> 4,
        address(u),
        address(fixed.na),
        address(fixed.nb),
        address(draw),
        fixed.mix,
        address(work.uniforms),
        address(work.active),
        address(work.split),
    )
    further_draws(fixed, work, u, n_split, finer, keys[0], keys[1], counter)
    largest = 0
    for m in range(n):
        k = work.active[m]
        z = min(drawn(fixed, work, u, k, finer), count_max) * fixed.real[k]
        largest += z >= count_max
        send_count(fixed, work, own, sent, sizes, messages, k, z)
    return largest


@njit(nogil=True)
def list_counts(sent, width, work, messages, i):
    """List what an image's neurons sent, and what a byte does not hold of it behind."""
    length, parts = messages.offsets.shape[1], messages.ends.shape[1] - 1
    offsets, values = start_of(messages.offsets), start_of(messages.values)
    offsets, values = moved(offsets, i * length), moved(values, i * length)
    ends = moved(start_of(messages.ends), i * (parts + 1))
    vectors, end = width >> 6, 0
    for part in range(parts - 1):
        first = part * messages.vectors
        n = min(messages.vectors, vectors - first)
        at = address(moved(sent, first * 64))
        to = address(moved(offsets, end)), address(moved(values, end))
        end += blocks.list_quads(first * 16, n, at, to[0], to[1])
        ends[part + 1] = end
    for m in range(work.n_large[0]):
        left, k = work.large_left[m], work.large[m]
        while left > 0:
            offsets[end] = (k >> 2) * blocks.QUAD
            values[end] = np.int32(min(left, _BYTE) << (8 * (k & 3)))
            left -= _BYTE
            end += 1
    if end & 1:
        offsets[end], values[end] = 0, 0
        end += 1
    work.n_large[0] = 0
    ends[parts] = end


@compiled
def run_poisson(fixed, given, synapses, heard, state, messages, work, sums, recorded, rows):
    """Let a layer of Poisson neurons act for rows[0] <= t < rows[1].

    `rows[2]` is the first row at which it hears something. `recorded` (N, rows, K) replaces the
    sampler if it holds anything; it starts at rows[0].
    """
    n, width = state.u.shape
    layer, scratch = neurons_of(fixed), scratch_of(work)
    sizes, numbers, saturated = (
        start_of(sums.sizes),
        start_of(sums.messages),
        start_of(sums.saturated),
    )
    all_a_in, all_u, all_drive = start_of(state.a_in), start_of(state.u), start_of(state.drive)
    all_own, all_sent, all_keys = start_of(state.own), start_of(messages.low), start_of(state.keys)
    draw, replayed = start_of(given.draw), recorded.shape[1] > 0
    rules = (given.finer, given.count_max)
    for t in range(rows[0], rows[1]):
        if t >= rows[2]:
            receive(synapses.weights, heard, state.a_in, n)
        # At row 0 nothing changes a log-rate that has memory.
        limits = start_of(given.still if given.memory and t == 0 else given.limits)
        if given.ceiling:
            limits = start_of(given.unlimited)
        for i in range(n):
            row = i * width
            u, own, sent = moved(all_u, row), moved(all_own, row), moved(all_sent, row)
            blocks.update_log_rates(
                width >> 4,
                address(moved(all_a_in, row)),
                address(u if given.memory else layer.u_init),
                address(u),
                address(moved(all_drive, row)),
                address(own),
                address(layer.real),
                address(limits),
                address(saturated),
            )
            if given.ceiling:
                saturated[1] += bend(layer, u, width, given.limits[5], given.limits[6])
            blocks.clear(width >> 6, address(sent))
            largest = 0
            if replayed:
                for k in range(recorded.shape[2]):
                    z = np.int64(recorded[i, t - rows[0], k])
                    largest += z >= rules[1]
                    send_count(layer, scratch, own, sent, sizes, numbers, k, z)
            else:
                keys = moved(all_keys, 2 * i)
                largest = draw_counts(
                    layer, scratch, u, own, sent, sizes, numbers, rules, width, draw, keys, 32 * t
                )
            saturated[2] += largest
            list_counts(sent, width, scratch, messages, i)


@njit(nogil=True)
def bend(layer, u, width, low, high):
    """Bring log-rates below a soft ceiling, section 9; how many are at the limit then."""
    found, top = 0, np.int64(high)
    for k in range(width):
        v = np.int64(u[k])
        v = min(v, top) - bump(layer.bend, abs(top - v), 16)
        u[k] = np.int32(min(max(v, np.int64(low)), top))
        found += (v >= top) * layer.real[k]
    return found


@compiled
def run_graded(fixed, given, synapses, heard, state, messages, sums, rows):
    """Let a layer of graded neurons act for rows[0] <= t < rows[1]; as `run_poisson`."""
    n, width = state.u.shape
    layer = neurons_of(fixed)
    sizes, numbers, saturated = (
        start_of(sums.sizes),
        start_of(sums.messages),
        start_of(sums.saturated),
    )
    all_a_in, all_u, all_drive = start_of(state.a_in), start_of(state.u), start_of(state.drive)
    all_z = start_of(messages.z)
    potential, output = start_of(given.potential), start_of(given.output)
    for t in range(rows[0], rows[1]):
        if t >= rows[2]:
            receive(synapses.weights, heard, state.a_in, n)
        for i in range(n):
            row = i * width
            u, z = moved(all_u, row), moved(all_z, row)
            blocks.update_potentials(
                width >> 4,
                address(moved(all_a_in, row)),
                address(u),
                address(moved(all_drive, row)),
                address(layer.real),
                address(potential),
                address(saturated),
            )
            for k in range(width):
                v = np.int64(u[k])
                if given.memory and t == 0:
                    v = 0
                    u[k] = 0
                if given.swish:
                    v = max(v, 0) - bump(layer.bend, abs(v), 12)
                z[k] = np.int32(v)
            blocks.send_graded(
                width >> 4, address(z), address(layer.real), address(output), address(saturated)
            )
            for k in range(width):
                size = abs(np.int64(z[k])) * layer.real[k]
                sizes[k] += size
                numbers[k] += size > 0
            if messages.kind == SHORTS:
                list_shorts(z, width, messages, i)
                if messages.matrix:
                    low = moved(start_of(messages.low), row)
                    high = moved(start_of(messages.high), row)
                    for k in range(width):
                        low[k] = np.uint8(z[k] & 255)
                        high[k] = np.uint8((z[k] >> 8) & 255)


@njit(nogil=True)
def list_shorts(z, width, messages, i):
    """List what 4 neighbours sent, 16 bits each, where it is not 0."""
    length, parts = messages.offsets.shape[1], messages.ends.shape[1] - 1
    offsets, values = start_of(messages.offsets), start_of(messages.values)
    offsets, values = moved(offsets, i * length), moved(values, 2 * i * length)
    ends = moved(start_of(messages.ends), i * (parts + 1))
    part, end, quads, per_part = 1, 0, width >> 2, messages.vectors * 16
    for q in range(quads):
        a, b, c, d = z[4 * q], z[4 * q + 1], z[4 * q + 2], z[4 * q + 3]
        offsets[end] = np.int32(q * blocks.QUAD)
        values[2 * end] = np.int32((a & 0xFFFF) | (c << 16))
        values[2 * end + 1] = np.int32((b & 0xFFFF) | (d << 16))
        end += (a | b | c | d) != 0
        if q + 1 == quads or (q + 1) % per_part == 0:
            if end & 1:
                offsets[end], values[2 * end], values[2 * end + 1] = 0, 0, 0
                end += 1
            ends[part] = end
            part += 1


@compiled
def counts_of(offsets, values, ends, z):
    """Write listed counts out: (N, K) int32."""
    z[:] = 0
    for i in range(z.shape[0]):
        for m in range(ends[i, ends.shape[1] - 1]):
            quad = (offsets[i, m] // blocks.QUAD) * 4
            for j in range(4):
                byte = (values[i, m] >> (8 * j)) & 255
                if byte:
                    z[i, quad + j] += byte
