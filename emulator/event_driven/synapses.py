"""Compiled sums of the messages that connections carry: only nonzero messages cost time.

Rows of messages and sums are in the order of `packing`. The messages of a row are listed once, by
place; then every output place adds the weights of the messages in its window, in registers.
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
    zeros : address of 64 zeros if the sums are set, 0 if products are added to them
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
    zeros: int


class WindowWeights(NamedTuple):
    """Weights of a convolution, or of a dense layer as one place with a window of one place.

    Attributes
    ----------
    in_height, in_width, channels : rows, columns and padded channels of the input
    tap : bytes from the weights of one kernel column to the next
    height, width : rows and columns of the output
    vectors : 16 channels each, of an output place
    weights : address, (kernel rows, kernel columns, channels in, channels out) int16
    ys, y_length : for each output row the number of input rows in its window, then pairs: first
        place of the row, and offset of its weights in bytes; and the length of this list
    xs, x_length : for each output column the number of runs of input columns in its window, then
        triples: first column, number of columns, offset of weights in bytes
    starts, offsets, values : memory for lists of messages
    """

    in_height: int
    in_width: int
    channels: int
    tap: int
    height: int
    width: int
    vectors: int
    weights: int
    ys: int
    y_length: int
    xs: int
    x_length: int
    starts: int
    offsets: int
    values: int


@compiled(nogil=True)
def add_windows(rows, of):
    """Add the products of all messages to the sums."""
    for b in range(rows.images):
        for r in range(rows.rows):
            to = rows.a + b * rows.a_image + r * rows.a_row
            if list_messages(rows.z + b * rows.z_image + r * rows.z_row, rows.graded, of) == 0:
                if rows.zeros:
                    clear(to, of.height * of.width * of.vectors)
                continue
            for y in range(of.height):
                ys = of.ys + 4 * y * of.y_length
                for x in range(of.width):
                    xs = of.xs + 4 * x * of.x_length
                    for v in range(0, of.vectors, 4):
                        more = min(4, of.vectors - v)
                        at = to + 64 * v
                        before = rows.zeros if rows.zeros else at
                        add_window(more, ys, xs, rows.graded, of, of.weights + 32 * v, before, at)
                    to += 64 * of.vectors


@inner
def clear(sums, vectors):
    """Set vectors to zero."""
    a = int32_at(sums)
    for k in range(16 * vectors):
        a[k] = 0


@inner
def list_messages(z, graded, of):
    """List the nonzero messages of all places: offset of their weights, and size.

    Channels are a multiple of 4: messages are read four or eight bytes at a time.
    """
    starts, found, place, n = int32_at(of.starts), 0, 0, of.channels
    for _ in range(of.in_height):
        for column in range(of.in_width):
            starts[place] = found
            base = column * of.tap
            if graded:
                found = list_values(z + 4 * place * n, base, found, of)
            elif n & 7:
                found = list_few_spikes(z + place * n, base, found, of)
            else:
                found = list_spikes(z + place * n, base, found, of)
            place += 1
    starts[place] = found
    return found


@inner
def list_values(z, base, found, of):
    """List graded messages of a place."""
    offsets, values = int32_at(of.offsets), int32_at(of.values)
    messages, words, stride = int32_at(z), int64_at(z), of.vectors * 32
    for w in range(of.channels >> 1):
        if words[w]:
            for k in range(2 * w, 2 * w + 2):
                offsets[found] = base + k * stride
                values[found] = messages[k]
                found += messages[k] != 0
    return found


@inner
def list_few_spikes(z, base, found, of):
    """List spikes of a place, four channels at a time."""
    offsets, spikes, words, stride = int32_at(of.offsets), uint8_at(z), int32_at(z), of.vectors * 32
    for w in range(of.channels >> 2):
        if words[w]:
            for k in range(4 * w, 4 * w + 4):
                offsets[found] = base + k * stride
                found += spikes[k] != 0
    return found


@inner
def list_spikes(z, base, found, of):
    """List spikes of a place, eight channels at a time."""
    offsets, spikes, words, stride = int32_at(of.offsets), uint8_at(z), int64_at(z), of.vectors * 32
    for w in range(of.channels >> 3):
        if words[w]:
            for k in range(8 * w, 8 * w + 8):
                offsets[found] = base + k * stride
                found += spikes[k] != 0
    return found


@inner
def add_window(vectors, ys, xs, graded, of, weights, before, sums):
    """Add the messages in a window to up to four vectors of an output place."""
    ny, nx = int32_at(ys)[0], int32_at(xs)[0]
    ys += 4
    xs += 4
    starts, offsets, values = of.starts, of.offsets, of.values
    if graded:
        if vectors == 4:
            lanes.add_values_4(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
        elif vectors == 3:
            lanes.add_values_3(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
        elif vectors == 2:
            lanes.add_values_2(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
        else:
            lanes.add_values_1(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
    elif vectors == 4:
        lanes.add_spikes_4(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
    elif vectors == 3:
        lanes.add_spikes_3(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
    elif vectors == 2:
        lanes.add_spikes_2(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)
    else:
        lanes.add_spikes_1(ny, ys, nx, xs, starts, offsets, values, weights, before, sums)


@compiled(nogil=True)
def fold(sums, scratch, count, left, right, wrapped):
    """Add scratch << left >> right to the sums, both int32.

    With `wrapped` scratch is first reduced to 24 bits with a sign, as Lava's Conv does.
    """
    a, s = int32_at(sums), int32_at(scratch)
    for i in range(count):
        value = int(s[i])
        if wrapped:
            value = ((value + 0x800000) & 0xFFFFFF) - 0x800000
        a[i] += (value << left) >> right


@compiled(nogil=True)
def add_diagonal(rows, n, weights, senders, receivers):
    """Add products of n senders and receivers: weights and positions in packed rows, (n) int32."""
    w = int32_at(weights)
    source, target = int32_at(senders), int32_at(receivers)
    for b in range(rows.images):
        for r in range(rows.rows):
            z = rows.z + b * rows.z_image + r * rows.z_row
            a = int32_at(rows.a + b * rows.a_image + r * rows.a_row)
            if rows.graded:
                values = int32_at(z)
                for k in range(n):
                    a[target[k]] += w[k] * values[source[k]]
            else:
                spikes = uint8_at(z)
                for k in range(n):
                    a[target[k]] += w[k] * spikes[source[k]]
