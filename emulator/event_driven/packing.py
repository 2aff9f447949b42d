"""Memory layout of layers and weights for the kernels.

Neurons of a layer (C, H, W) are stored place by place, channels last and padded to 16, so that a
vector of sums belongs to one place; the input's channels are padded to 4, since it has no sums. A
row is a multiple of 16. Padding never sends: it has no weights and no bias.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.event_driven.synapses import WindowWeights
from ipvae.emulator.simd.int32x16 import LANES
from ipvae.network.connections import Convolution, Dense


def padded(n: int, unit: int = LANES) -> int:
    """Smallest multiple of a unit that is not below n."""
    return -(-n // unit) * unit


@dataclass(frozen=True)
class Places:
    """Positions of a layer's neurons in a packed row.

    Attributes
    ----------
    shape : (n,) or (C, H, W)
    unit : channels are padded to a multiple of it
    """

    shape: tuple[int, ...]
    unit: int = LANES

    @property
    def channels(self) -> int:
        """Neurons of one place, padded."""
        return padded(self.shape[0], self.unit)

    @property
    def places(self) -> int:
        """Number of places; 1 of a layer (n,)."""
        return math.prod(self.shape[1:])

    @property
    def width(self) -> int:
        """Length of a packed row."""
        return padded(self.channels * self.places)

    @property
    def n(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def positions(self) -> np.ndarray:
        """Index in a packed row of each neuron in (C, H, W) order: (n,) int32."""
        return self.unpacked(np.arange(self.width, dtype=np.int32))

    def packed(self, values: np.ndarray) -> np.ndarray:
        """Pack values of neurons in (C, H, W) order: (..., n) -> (..., width)."""
        lead = values.shape[:-1]
        made = np.zeros((*lead, self.width), values.dtype)
        if len(self.shape) == 1:
            made[..., : self.n] = values
            return made
        by_place = self._by_place(made)
        by_channel = values.reshape(*lead, self.shape[0], self.places)
        by_place[..., : self.shape[0]] = np.moveaxis(by_channel, -2, -1)
        return made

    def unpacked(self, values: np.ndarray) -> np.ndarray:
        """Undo `packed`: (..., width) -> (..., n), a new array."""
        if len(self.shape) == 1:
            return values[..., : self.n].copy()
        by_place = self._by_place(values)[..., : self.shape[0]]
        by_channel = np.array(np.moveaxis(by_place, -1, -2), order="C")
        return by_channel.reshape(*values.shape[:-1], self.n)

    def _by_place(self, row: np.ndarray) -> np.ndarray:
        """View (..., places, channels) of packed rows."""
        used = row[..., : self.places * self.channels]
        return used.reshape(*row.shape[:-1], self.places, self.channels)


@dataclass(frozen=True)
class Packed:
    """Weights of a connection for one thread, with the arrays that their addresses refer to."""

    numbers: WindowWeights
    arrays: tuple[np.ndarray, ...]


def packed_dense(weights: Dense, source: Places, target: Places) -> tuple[np.ndarray, ...]:
    """Weights (1, 1, width of source, width of target) int16, and a window of one place."""
    made = np.zeros((1, 1, source.width, target.width), np.int16)
    by_sender = source.packed(np.ascontiguousarray(weights.weight)).T
    made[0, 0] = target.packed(np.ascontiguousarray(by_sender))
    return made, np.array([[1, 0, 0]], np.int32), np.array([[1, 0, 1, 0]], np.int32)


def packed_conv(weights: Convolution, source: Places, target: Places) -> tuple[np.ndarray, ...]:
    """Weights (kh, kw, C_in padded, C_out padded) int16, and windows of output rows and columns."""
    c_out, per_group, kh, kw = weights.weight.shape
    _, height, width = weights.in_shape
    made = np.zeros((kh, kw, source.channels, target.channels), np.int16)
    out_of_group = c_out // weights.groups
    for g in range(weights.groups):
        outputs = slice(g * out_of_group, (g + 1) * out_of_group)
        inputs = slice(g * per_group, (g + 1) * per_group)
        made[:, :, inputs, outputs] = weights.weight[outputs].transpose(2, 3, 1, 0)
    rows = [
        [number for i, k in window for number in (i * width, k * made.strides[0])]
        for window in _windows(weights, 0, height)
    ]
    columns = [
        [n for run in _runs(window, weights.dilation[1], made.strides[1]) for n in run]
        for window in _windows(weights, 1, width)
    ]
    return made, _table(rows, 2), _table(columns, 3)


def _windows(weights: Convolution, axis: int, n_in: int) -> list[list[tuple[int, int]]]:
    """Input and kernel positions along an axis, for each output position."""
    kernel = range(weights.weight.shape[2 + axis])
    first = [
        o * weights.stride[axis] - weights.padding[axis] for o in range(weights.shape[1 + axis])
    ]
    at = [[(f + k * weights.dilation[axis], k) for k in kernel] for f in first]
    return [[(i, k) for i, k in window if 0 <= i < n_in] for window in at]


def _runs(window: list[tuple[int, int]], dilation: int, tap: int) -> list[tuple[int, int, int]]:
    """Runs of neighbouring columns: first, number, and weights' offset less the listed ones."""
    if dilation == 1 and window:
        i, k = window[0]
        return [(i, len(window), (k - i) * tap)]
    return [(i, 1, (k - i) * tap) for i, k in window]


def _table(lists: list[list[int]], group: int) -> np.ndarray:
    """Lists of groups of numbers as rows of int32, each after the number of its groups."""
    table = np.zeros((len(lists), 1 + max(map(len, lists))), np.int32)
    for row, numbers in zip(table, lists, strict=True):
        row[0] = len(numbers) // group
        row[1 : 1 + len(numbers)] = numbers
    return table


def window_numbers(arrays: tuple[np.ndarray, ...], in_height: int, in_width: int) -> Packed:
    """Arguments of `synapses.add_windows` for one thread."""
    places = in_height * in_width
    made, ys, xs = arrays
    channels = made.shape[2]
    starts = np.empty(places + 1, np.int32)
    offsets, values = np.empty((2, places * channels + 8), np.int32)
    numbers = WindowWeights(
        in_height=in_height,
        in_width=in_width,
        channels=channels,
        tap=made.strides[1],
        height=len(ys),
        width=len(xs),
        vectors=made.shape[3] // LANES,
        weights=made.ctypes.data,
        ys=ys.ctypes.data,
        y_length=ys.shape[1],
        xs=xs.ctypes.data,
        x_length=xs.shape[1],
        starts=starts.ctypes.data,
        offsets=offsets.ctypes.data,
        values=values.ctypes.data,
    )
    return Packed(numbers, (*arrays, starts, offsets, values))
