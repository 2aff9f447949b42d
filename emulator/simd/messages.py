"""Compiled synaptic input of a tile of images, docs/spec/received.md.

There are two methods with equal sums: lists of nonzero messages, quad by quad, or a dense product
in matrix registers.
"""

import numpy as np

from ipvae.emulator.simd import amx, blocks
from ipvae.emulator.simd.blocks import BLOCK
from ipvae.emulator.simd.int32x16 import (
    address,
    inner,
    int8_at,
    int32_at,
    int64_at,
    moved,
    start_of,
)

BYTES, SHORTS, WIDE = 0, 1, 2
"""Formats of listed messages: 4 unsigned bytes, 4 signed shorts, or no list."""

DENSE = 8
"""Inverse of the fraction of quads above which a dense product is faster than a list."""

LARGEST = 255
"""Largest count that fits a byte."""

MATRIX = amx.compiled()
"""True if dense products are compiled: a constant, so that unused code is not compiled."""


@inner
def receive(weights, presynaptic, numbers, a_in, shape):
    """Set a_in to weights times the messages of a tile's images: (N, K) int32.

    `numbers` is `presynaptic.z`, None for counts, so that only the code in use is compiled. `shape`
    contains the images, the images padded to whole products, and the receivers.
    """
    n, padded, width = shape
    first = 0
    if numbers is not None and presynaptic.kind == WIDE:
        blocks.clear(n * width >> 4, a_in)
        receive_wide(weights, presynaptic.width, numbers, a_in, n, width)
        return
    if MATRIX and presynaptic.matrix and dense(presynaptic, n, padded):
        multiply(weights, presynaptic, presynaptic.high, a_in, padded, width)
        first = presynaptic.parts - (1 if numbers is None else 0)  # the excess over 255
    else:
        blocks.clear(n * width >> 4, a_in)
    receive_lists(weights, presynaptic, numbers, a_in, n, width, first)


@inner
def dense(presynaptic, n, padded):
    """Return True if there are enough messages for a dense product to be faster."""
    listed, ends = 0, int64_at(presynaptic.ends)
    for i in range(n):
        listed += ends[i * (presynaptic.parts + 1) + presynaptic.parts]
    return listed * DENSE > padded * (presynaptic.width >> 2)


@inner
def receive_lists(weights, presynaptic, numbers, a_in, n, width, first_part):
    """Add the products of listed messages to the sums, from a part on."""
    offsets, values = presynaptic.offsets, presynaptic.values
    ends, rows = int64_at(presynaptic.ends), weights
    for block in range(width // BLOCK):
        for part in range(first_part, presynaptic.parts):
            for i in range(n):
                end = moved(ends, i * (presynaptic.parts + 1) + part)
                at = (i * presynaptic.length + end[0]) * 4
                to = a_in + (i * width + block * BLOCK) * 4
                pairs = (end[1] - end[0]) >> 1
                if pairs == 0:
                    continue
                if numbers is None:
                    blocks.add_bytes(pairs, offsets + at, values + at, rows, to)
                else:
                    blocks.add_shorts(pairs, offsets + at, values + 2 * at, rows, to)
        rows += presynaptic.width * BLOCK


@inner
def multiply(weights, presynaptic, high, a_in, padded, width):
    """Set a_in to weights times all messages: `receive` in matrix registers.

    `high` is `presynaptic.high`, None for counts.
    """
    rows, low, n, stride = weights, presynaptic.low, presynaptic.width >> 6, width * 4
    amx.configure(address(start_of(amx.SHAPES)))
    for block in range(width // BLOCK):
        for half in range(0, 2):
            of_half = rows + half * (blocks.QUAD // 2)
            for i in range(0, padded, amx.IMAGES):
                to = a_in + i * stride + (block * BLOCK + half * BLOCK // 2) * 4
                at = i * presynaptic.width
                if high is not None:
                    amx.multiply_signed(n, high + at, presynaptic.width, of_half, to, stride)
                    for j in range(amx.IMAGES):
                        blocks.times_256(to + j * stride)
                    amx.multiply_more(n, low + at, presynaptic.width, of_half, to, stride)
                else:
                    amx.multiply(n, low + at, presynaptic.width, of_half, to, stride)
        rows += presynaptic.width * BLOCK
    amx.release()


@inner
def receive_wide(weights, senders, numbers, a_in, n, width):
    """Compute `receive` for messages of more than 16 bits, without lists."""
    z, total = int32_at(numbers), int32_at(a_in)
    for i in range(n):
        for j in range(senders):
            sent = z[i * senders + j]
            if sent:
                for block in range(width // BLOCK):
                    row = int8_at(weights + (block * senders + (j & ~3)) * BLOCK)
                    to = moved(total, i * width + block * BLOCK)
                    for k in range(BLOCK):
                        to[k] += row[4 * k + (j & 3)] * sent


@inner
def list_counts(sent, width, work, messages, i):
    """List the counts of an image's neurons, with the excess over 255 in the last part."""
    length, parts = messages.length, messages.parts
    offsets, values = int32_at(messages.offsets), int32_at(messages.values)
    offsets, values = moved(offsets, i * length), moved(values, i * length)
    ends = moved(int64_at(messages.ends), i * (parts + 1))
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
    """List quads of 4 neighbouring neurons' messages, 16 bits each, where not all are 0."""
    length, parts = messages.length, messages.parts
    offsets, values = int32_at(messages.offsets), int32_at(messages.values)
    offsets, values = moved(offsets, i * length), moved(values, 2 * i * length)
    ends = moved(int64_at(messages.ends), i * (parts + 1))
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
