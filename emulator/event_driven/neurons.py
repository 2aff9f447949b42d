"""Compiled updates of layers: rows of a number of images, for each kind of neuron."""

from typing import NamedTuple

from ipvae.compiled import compiled
from ipvae.emulator.event_driven import lanes
from ipvae.emulator.simd.int32x16 import inner, int32_at, int64_at


class Update(NamedTuple):
    """Rows to compute; addresses, and strides in bytes.

    Attributes
    ----------
    images, rows : int
    width : neurons of a row, padded to whole vectors
    numbers : address of the kind's parameters, int32
    a, a_image : sums received, (images, rows, width) int32
    bias, bias_image : bias of each neuron, int32; 0 bytes if all images share it
    states, state_image : state variables (images, states, width) int32
    z, z_image : messages, (images, rows, width) uint8 or int32
    messages : nonzero messages of each neuron, (width) int64
    sizes : sums of their magnitudes, (width) int64
    scratch : (width) int32, zeros
    by_row : nonzero messages of each image and row, (images, rows) int64
    limits : values at limits, int64
    recorded, recorded_image, recorded_state : state variables of each row, (images, states, rows,
        width) int32; address 0 without
    """

    images: int
    rows: int
    width: int
    numbers: int
    a: int
    a_image: int
    bias: int
    bias_image: int
    states: int
    state_image: int
    z: int
    z_image: int
    messages: int
    sizes: int
    scratch: int
    by_row: int
    limits: int
    recorded: int
    recorded_image: int
    recorded_state: int


@inner
def collect(n, scratch, messages):
    """Move counts of one image from int32 to int64 sums."""
    counts, sums = int32_at(scratch), int64_at(messages)
    for k in range(n):
        sums[k] += counts[k]
        counts[k] = 0


@compiled(nogil=True)
def update_cuba(of):
    """Update CUBA neurons."""
    n = of.width
    for b in range(of.images):
        u, a, z = of.states + b * of.state_image, of.a + b * of.a_image, of.z + b * of.z_image
        v, bias, by_row = u + 4 * n, of.bias + b * of.bias_image, of.by_row + 8 * b * of.rows
        if of.recorded:
            to = of.recorded + b * of.recorded_image
            lanes.cuba_recorded(
                n >> 4, of.rows, n, of.numbers, a, bias, u, v, z, of.scratch, by_row, of.limits,
                to, to + of.recorded_state,
            )  # fmt: skip
        else:
            lanes.cuba(
                n >> 4, of.rows, n, of.numbers, a, bias, u, v, z, of.scratch, by_row, of.limits
            )
        collect(n, of.scratch, of.messages)


@compiled(nogil=True)
def update_changes(of, sigma, relu):
    """Update delta neurons, or with `sigma` sigma-delta neurons, with `relu` or without."""
    n = of.width
    for b in range(of.images):
        s, a, z = of.states + b * of.state_image, of.a + b * of.a_image, of.z + b * of.z_image
        bias, by_row = of.bias + b * of.bias_image, of.by_row + 8 * b * of.rows
        residue, reference = s + 4 * n, s + 8 * n
        if of.recorded:
            to = of.recorded + b * of.recorded_image
            second = to + of.recorded_state
            third = second + of.recorded_state
            if not sigma:
                lanes.delta_recorded(
                    n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                    of.sizes, by_row, of.limits, to, second, third,
                )  # fmt: skip
            elif relu:
                lanes.relu_recorded(
                    n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                    of.sizes, by_row, of.limits, to, second, third,
                )  # fmt: skip
            else:
                lanes.identity_recorded(
                    n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                    of.sizes, by_row, of.limits, to, second, third,
                )  # fmt: skip
        elif not sigma:
            lanes.delta(
                n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                of.sizes, by_row, of.limits,
            )  # fmt: skip
        elif relu:
            lanes.relu(
                n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                of.sizes, by_row, of.limits,
            )  # fmt: skip
        else:
            lanes.identity(
                n >> 4, of.rows, n, of.numbers, a, bias, s, residue, reference, z, of.scratch,
                of.sizes, by_row, of.limits,
            )  # fmt: skip
        collect(n, of.scratch, of.messages)


@compiled(nogil=True)
def update_sums(of):
    """Update sigma neurons, which send their sum."""
    n = of.width
    for b in range(of.images):
        sums, messages, sizes = (
            int32_at(of.states + b * of.state_image),
            int64_at(of.messages),
            int64_at(of.sizes),
        )
        by_row, limits = int64_at(of.by_row + 8 * b * of.rows), int64_at(of.limits)
        for r in range(of.rows):
            a = int32_at(of.a + b * of.a_image + 4 * r * n)
            z = int32_at(of.z + b * of.z_image + 4 * r * n)
            for k in range(n):
                sums[k] += a[k]
                z[k] = sums[k]
                size = abs(int(sums[k]))
                messages[k] += size != 0
                by_row[r] += size != 0
                sizes[k] += size
                limits[0] += size >= 1 << 23
            if of.recorded:
                to = int32_at(of.recorded + b * of.recorded_image + 4 * r * n)
                for k in range(n):
                    to[k] = sums[k]
