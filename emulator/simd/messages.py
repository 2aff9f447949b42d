"""Compiled: what synapses bring to a tile of images, docs/arithmetic.md, section 3.

Messages are heard in one of two ways that give the same sums: by lists of what was sent, quad by
quad, or as a whole, in matrix registers.
"""

import numpy as np

from ipvae.emulator.simd import amx, blocks
from ipvae.emulator.simd.blocks import BLOCK
from ipvae.emulator.simd.int32x16 import address, inner, moved, start_of

BYTES, SHORTS, WIDE = 0, 1, 2
"""What messages are listed as: 4 unsigned bytes, 4 signed shorts, or not at all."""

DENSE = 8
"""A whole product pays from this part of all quads on: it takes an eighth of a list's time."""

LARGEST = 255
"""Count that a byte holds."""

MATRIX = amx.compiled()
"""Whether whole products are compiled at all: a constant, so that nothing is compiled in vain."""


@inner
def receive(weights, heard, numbers, a_in, n):
    """a_in = weights times what was sent by `n` images, section 3: (N, K) int32.

    `numbers` is `heard.z`, None where counts are heard: what is not heard is not compiled.
    """
    if numbers is not None and heard.kind == WIDE:
        a_in[:] = 0
        receive_wide(weights, numbers, a_in)
        return
    first = 0
    if MATRIX and heard.matrix and dense(heard, n, weights.shape[1]):
        multiply(weights, heard, heard.high, a_in)
        first = heard.ends.shape[1] - (2 if numbers is None else 1)  # what did not fit a byte
    else:
        a_in[:] = 0
    receive_lists(weights, heard, numbers, a_in, n, first)


@inner
def dense(heard, n, quads):
    """Whether so much was sent that a whole product is the faster way."""
    listed, last = 0, heard.ends.shape[1] - 1
    for i in range(n):
        listed += heard.ends[i, last]
    return listed * DENSE > heard.low.shape[0] * quads


@inner
def receive_lists(weights, heard, numbers, a_in, n, first_part):
    """Add what lists hold to the sums, from a part on."""
    width = a_in.shape[1]
    total, rows = address(start_of(a_in)), address(start_of(weights))
    offsets, values = address(start_of(heard.offsets)), address(start_of(heard.values))
    ends, parts = start_of(heard.ends), heard.ends.shape[1] - 1
    per_image = heard.offsets.shape[1] * 4
    for block in range(width // BLOCK):
        for part in range(first_part, parts):
            for i in range(n):
                end = moved(ends, i * (parts + 1) + part)
                at = i * per_image + end[0] * 4
                to = total + (i * width + block * BLOCK) * 4
                pairs = (end[1] - end[0]) >> 1
                if pairs == 0:
                    continue
                if numbers is None:
                    blocks.add_bytes(pairs, offsets + at, values + at, rows, to)
                else:
                    blocks.add_shorts(pairs, offsets + at, values + 2 * at, rows, to)
        rows += weights.shape[1] * weights.shape[2]


@inner
def multiply(weights, heard, high, a_in):
    """a_in = weights times all that was sent: `receive` in matrix registers.

    `high` is `heard.high`, None where counts are heard.
    """
    total, rows = address(start_of(a_in)), address(start_of(weights))
    low = address(start_of(heard.low))
    width, n = heard.low.shape[1], weights.shape[1] // 16
    stride = a_in.shape[1] * 4
    amx.configure(address(start_of(amx.SHAPES)))
    for block in range(a_in.shape[1] // BLOCK):
        for half in range(0, 2):
            of_half = rows + half * (blocks.QUAD // 2)
            for i in range(0, a_in.shape[0], amx.IMAGES):
                to = total + i * stride + (block * BLOCK + half * BLOCK // 2) * 4
                at = i * width
                if high is not None:
                    bytes_ = address(start_of(high)) + at
                    amx.multiply_signed(n, bytes_, width, of_half, to, stride)
                    for j in range(amx.IMAGES):
                        blocks.times_256(to + j * stride)
                    amx.multiply_more(n, low + at, width, of_half, to, stride)
                else:
                    amx.multiply(n, low + at, width, of_half, to, stride)
        rows += weights.shape[1] * weights.shape[2]
    amx.release()


@inner
def receive_wide(weights, z, a_in):
    """`receive` for messages of more than 16 bits, without lists."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            if z[i, j]:
                for block in range(weights.shape[0]):
                    row = weights[block, j >> 2]
                    for k in range(BLOCK):
                        a_in[i, block * BLOCK + k] += row[4 * k + (j & 3)] * z[i, j]


@inner
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
            values[end] = np.int32(min(left, LARGEST) << (8 * (k & 3)))
            left -= LARGEST
            end += 1
    if end & 1:
        offsets[end], values[end] = 0, 0
        end += 1
    work.n_large[0] = 0
    ends[parts] = end


@inner
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
