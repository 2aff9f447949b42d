"""Compiled sums of the messages that connections carry: only nonzero messages cost time.

Rows of messages and sums are in the order of `packing`. A row's active senders are listed once;
then rows of weights are added to vectors of sums that stay in registers.
"""

from typing import NamedTuple

from ipvae.compiled import compiled
from ipvae.emulator.event_driven import lanes
from ipvae.emulator.simd.int32x16 import inner, int32_at, int64_at, uint8_at


class Rows(NamedTuple):
    """Rows of messages, and of sums to which products are added; addresses and bytes.

    Attributes
    ----------
    images, rows : int
    z, z_image, z_row : address of the first message, bytes from one image and row to the next
    a, a_image, a_row : the same of the sums, int32
    graded : 1 for int32 messages, 0 for spikes (uint8)
    """

    images: int
    rows: int
    z: int
    z_image: int
    z_row: int
    a: int
    a_image: int
    a_row: int
    graded: int


class DenseWeights(NamedTuple):
    """Weights (n_in, 16 vectors) int16, and memory for a list of n_in senders."""

    n_in: int
    vectors: int
    weights: int
    offsets: int
    values: int


class ConvWeights(NamedTuple):
    """Weights (kernel rows, kernel columns, channels in, channels out) int16, padded channels.

    `ys` has for each row of the input the number of outputs that it reaches, then pairs of offsets
    in elements: of the sums, and of the weights. `xs` has the same for columns.
    """

    height: int
    width: int
    channels: int
    vectors: int
    weights: int
    ys: int
    y_length: int
    xs: int
    x_length: int
    offsets: int
    values: int


@compiled(nogil=True)
def add_dense(rows, weights):
    """Add a dense layer's products: sums += weights of each message's sender."""
    for b in range(rows.images):
        for r in range(rows.rows):
            z = rows.z + b * rows.z_image + r * rows.z_row
            a = rows.a + b * rows.a_image + r * rows.a_row
            n = listed(z, weights.n_in, rows.graded, weights.vectors * 32, weights)
            if n:
                for v in range(0, weights.vectors, 4):
                    more = min(4, weights.vectors - v)
                    add_rows(more, n, rows.graded, weights, weights.weights + 32 * v, a + 64 * v)


@compiled(nogil=True)
def add_conv(rows, weights):
    """Add a convolution's products, input place by input place."""
    size = weights.channels * (4 if rows.graded else 1)
    for b in range(rows.images):
        for r in range(rows.rows):
            z = rows.z + b * rows.z_image + r * rows.z_row
            a = rows.a + b * rows.a_image + r * rows.a_row
            for y in range(weights.height):
                ys = int32_at(weights.ys + 4 * y * weights.y_length)
                if ys[0] == 0:
                    continue
                for x in range(weights.width):
                    xs = int32_at(weights.xs + 4 * x * weights.x_length)
                    if xs[0] == 0:
                        continue
                    place = z + (y * weights.width + x) * size
                    n = listed(place, weights.channels, rows.graded, weights.vectors * 32, weights)
                    if n:
                        spread(ys, xs, n, rows.graded, weights, a)


@inner
def spread(ys, xs, n, graded, weights, a):
    """Add the listed senders of one place to all outputs that it reaches."""
    for i in range(ys[0]):
        for j in range(xs[0]):
            w = weights.weights + 2 * (ys[2 * i + 2] + xs[2 * j + 2])
            to = a + 4 * (ys[2 * i + 1] + xs[2 * j + 1])
            for v in range(0, weights.vectors, 4):
                add_rows(min(4, weights.vectors - v), n, graded, weights, w + 32 * v, to + 64 * v)


@inner
def listed(z, n, graded, stride, weights):
    """List the nonzero of n messages: offset of their weights in bytes, and size; return how many.

    n is a multiple of 16: messages are read eight bytes at a time.
    """
    words, offsets, found = int64_at(z), int64_at(weights.offsets), 0
    if graded:
        values = int32_at(weights.values)
        messages = int32_at(z)
        for w in range(n >> 1):
            if words[w]:
                for k in range(2 * w, 2 * w + 2):
                    offsets[found] = k * stride
                    values[found] = messages[k]
                    found += messages[k] != 0
    else:
        spikes = uint8_at(z)
        for w in range(n >> 3):
            if words[w]:
                for k in range(8 * w, 8 * w + 8):
                    offsets[found] = k * stride
                    found += spikes[k] != 0
    return found


@inner
def add_rows(vectors, n, graded, weights, rows, sums):
    """Add n rows of weights to up to four vectors of sums."""
    if graded:
        if vectors == 4:
            lanes.add_values_4(n, weights.offsets, weights.values, rows, sums)
        elif vectors == 3:
            lanes.add_values_3(n, weights.offsets, weights.values, rows, sums)
        elif vectors == 2:
            lanes.add_values_2(n, weights.offsets, weights.values, rows, sums)
        else:
            lanes.add_values_1(n, weights.offsets, weights.values, rows, sums)
    elif vectors == 4:
        lanes.add_spikes_4(n, weights.offsets, weights.values, rows, sums)
    elif vectors == 3:
        lanes.add_spikes_3(n, weights.offsets, weights.values, rows, sums)
    elif vectors == 2:
        lanes.add_spikes_2(n, weights.offsets, weights.values, rows, sums)
    else:
        lanes.add_spikes_1(n, weights.offsets, weights.values, rows, sums)


@compiled(nogil=True)
def fold(sums, scratch, count, left, right, wrapped):
    """Add scratch << left >> right to the sums, both int32, and clear scratch.

    With `wrapped` the result is first reduced to 24 bits with a sign, as Lava's Conv does.
    """
    a, s = int32_at(sums), int32_at(scratch)
    for i in range(count):
        value = (s[i] << left) >> right
        if wrapped:
            value = ((value + 0x800000) & 0xFFFFFF) - 0x800000
        a[i] += value
        s[i] = 0


@compiled(nogil=True)
def add_diagonal(rows, n, weights):
    """Add products of senders and receivers of the same index; weights (n) int32."""
    w = int32_at(weights)
    for b in range(rows.images):
        for r in range(rows.rows):
            z = rows.z + b * rows.z_image + r * rows.z_row
            a = int32_at(rows.a + b * rows.a_image + r * rows.a_row)
            if rows.graded:
                values = int32_at(z)
                for k in range(n):
                    a[k] += w[k] * values[k]
            else:
                spikes = uint8_at(z)
                for k in range(n):
                    a[k] += w[k] * spikes[k]


