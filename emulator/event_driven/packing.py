"""Memory layout of layers and weights for the kernels.

Neurons of a layer (C, H, W) are stored place by place, channels last and padded to 16; those of a
layer (n,) in order, padded to 16. Padding never sends: it has no weights and no bias.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.event_driven.synapses import ConvWeights, DenseWeights
from ipvae.emulator.simd.int32x16 import LANES
from ipvae.network.connections import Convolution, Dense


def padded(n: int) -> int:
    """Smallest multiple of 16 that is not below n."""
    return -(-n // LANES) * LANES


@dataclass(frozen=True)
class Places:
    """Positions of a layer's neurons in a packed row.

    Attributes
    ----------
    shape : (n,) or (C, H, W)
    """

    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Neurons of one place, padded."""
        return padded(self.shape[0])

    @property
    def width(self) -> int:
        """Length of a packed row."""
        return self.channels * math.prod(self.shape[1:])

    @property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    def packed(self, values: np.ndarray) -> np.ndarray:
        """Pack values of neurons in (C, H, W) order: (..., n) -> (..., width)."""
        lead = values.shape[:-1]
        made = np.zeros((*lead, math.prod(self.shape[1:]), self.channels), values.dtype)
        by_channel = values.reshape(*lead, self.shape[0], math.prod(self.shape[1:]))
        made[..., : self.shape[0]] = np.moveaxis(by_channel, -2, -1)
        return made.reshape(*lead, self.width)

    def unpacked(self, values: np.ndarray) -> np.ndarray:
        """Undo `packed`: (..., width) -> (..., n)."""
        lead = values.shape[:-1]
        by_place = values.reshape(*lead, math.prod(self.shape[1:]), self.channels)
        by_place = by_place[..., : self.shape[0]]
        return np.moveaxis(by_place, -1, -2).reshape(*lead, self.n)


@dataclass(frozen=True)
class Packed:
    """Weights of a connection for one thread, with the arrays that their addresses refer to."""

    numbers: DenseWeights | ConvWeights
    arrays: tuple[np.ndarray, ...]


def packed_dense(weights: Dense, source: Places, target: Places) -> tuple[np.ndarray, int]:
    """Dense weights (width of source, width of target) int16, and vectors of a row."""
    made = np.zeros((source.width, target.width), np.int16)
    by_sender = source.packed(np.ascontiguousarray(weights.weight)).T
    made[:] = target.packed(by_sender)
    return made, target.width // LANES


def packed_conv(weights: Convolution, target: Places) -> list[np.ndarray]:
    """Weights (kh, kw, C_in padded, C_out padded) int16, and the tables of rows and columns."""
    c_out, per_group, kh, kw = weights.weight.shape
    c_in, height, width = weights.in_shape
    made = np.zeros((kh, kw, padded(c_in), target.channels), np.int16)
    out_of_group = c_out // weights.groups
    for g in range(weights.groups):
        outputs = slice(g * out_of_group, (g + 1) * out_of_group)
        inputs = slice(g * per_group, (g + 1) * per_group)
        made[:, :, inputs, outputs] = weights.weight[outputs].transpose(2, 3, 1, 0)
    tap = padded(c_in) * target.channels
    out_height, out_width = weights.shape[1:]
    ys = _table(weights, 0, height, out_height, out_width * target.channels, kw * tap)
    xs = _table(weights, 1, width, out_width, target.channels, tap)
    return [made, ys, xs]


def _table(
    weights: Convolution, axis: int, n_in: int, n_out: int, per_output: int, per_tap: int
) -> np.ndarray:
    """For each input position of an axis: number of outputs, then pairs of offsets; int32."""
    kernel = weights.weight.shape[2 + axis]
    table = np.zeros((n_in, 1 + 2 * kernel), np.int32)
    for i in range(n_in):
        found = []
        for k in range(kernel):
            output, rest = divmod(
                i + weights.padding[axis] - k * weights.dilation[axis], weights.stride[axis]
            )
            if rest == 0 and 0 <= output < n_out:
                found += [output * per_output, k * per_tap]
        table[i, 0] = len(found) // 2
        table[i, 1 : 1 + len(found)] = found
    return table


def dense_numbers(weights: np.ndarray, vectors: int) -> Packed:
    """Arguments of `synapses.add_dense` for one thread."""
    offsets, values = np.empty(len(weights), np.int64), np.empty(len(weights), np.int32)
    numbers = DenseWeights(
        len(weights), vectors, weights.ctypes.data, offsets.ctypes.data, values.ctypes.data
    )
    return Packed(numbers, (weights, offsets, values))


def conv_numbers(arrays: list[np.ndarray]) -> Packed:
    """Arguments of `synapses.add_conv` for one thread."""
    made, ys, xs = arrays
    channels = made.shape[2]
    offsets, values = np.empty(channels, np.int64), np.empty(channels, np.int32)
    numbers = ConvWeights(
        height=len(ys),
        width=len(xs),
        channels=channels,
        vectors=made.shape[3] // LANES,
        weights=made.ctypes.data,
        ys=ys.ctypes.data,
        y_length=ys.shape[1],
        xs=xs.ctypes.data,
        x_length=xs.shape[1],
        offsets=offsets.ctypes.data,
        values=values.ctypes.data,
    )
    return Packed(numbers, (made, ys, xs, offsets, values))
