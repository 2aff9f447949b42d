"""Tile: images that advance together through all layers, row by row."""

import threading
from collections.abc import Callable

import numpy as np

from ipvae.emulator import layout
from ipvae.emulator.layout import Messages, Part, PoissonRules, Sums
from ipvae.emulator.simd import kernels

IMAGES = 64
"""Largest number of images in a tile; results do not depend on it."""

ROWS = 256
"""Largest number of rows in one call of a kernel; a run can be halted between calls."""

Call = tuple[tuple, tuple[int, int, int]]
"""First arguments of a kernel, and the shape of the state."""

Frame = Callable[[int, int], int]
"""Row and lag of a layer -> number of the frame that drives it."""


def _first(*_: int) -> int:
    """Frame 0, for images that are not streams."""
    return 0


class Tile:
    """Images with their state in every layer; a reset is a new tile.

    Parameters
    ----------
    parts : layers in the order in which they update
    drives : dict of layer -> (N, F, K) int32
        Drives for each frame.
    keys : (N, 2) uint32
        Random keys of the images.
    draws : (N, rows, K) int32, optional
        Counts to replay instead of sampling.
    frame : callable, optional
        Frame that drives a row; always the first one by default.
    halt : threading.Event, optional
        Event that stops the run before the next rows.
    first : int
        Index of the first image in its run.
    start : (N, K) int32, optional
        Log-rates of the code at reset; the layer's `u_init` by default.
    """

    def __init__(
        self,
        parts: tuple[Part, ...],
        drives: dict[str, np.ndarray],
        keys: np.ndarray,
        draws: np.ndarray | None = None,
        frame: Frame | None = None,
        halt: threading.Event | None = None,
        first: int = 0,
        start: np.ndarray | None = None,
    ) -> None:
        self.n = len(keys)
        self.first = first
        self.row = 0
        self.watch: Callable[[int], None] | None = None
        """Called after each row with its number; see `ipvae.emulator.observing`."""
        self._parts = parts
        self._draws = draws
        self._halt = halt or threading.Event()
        self.drives = drives
        self._frame = frame or _first
        # A layer that receives itself or nothing can compute several rows without other layers.
        self._together = ROWS if len(parts) == 1 and frame is None else 1
        self._states = {
            p.stage.name: self._reset(p, drives[p.stage.name], keys, start) for p in parts
        }
        self._messages = {p.stage.name: layout.new_messages(p, self.n) for p in parts}
        self.sums: dict[str, Sums] = {p.stage.name: layout.new_sums(p) for p in parts}
        self._work = layout.new_work(max(p.width for p in parts))
        self._work_at = layout.addresses(self._work)
        self._rules = {p.stage.name: layout.own_rules(p.rules) for p in parts}
        self._calls: dict[str, Call] = {}

    @staticmethod
    def _reset(
        part: Part, drives: np.ndarray, keys: np.ndarray, start: np.ndarray | None
    ) -> layout.State:
        poisson = isinstance(part.rules, PoissonRules)
        return layout.new_state(part, drives[:, 0], keys, start if poisson else None)

    def advance(self, rows: int) -> None:
        """Compute the next rows of every layer."""
        end = self.row + rows
        while self.row < end and not self._halt.is_set():
            last = min(end, self.row + (self._together if self.watch is None else 1))
            for part in self._parts:
                self._act(part, self.row, last)
            if self.watch is not None:
                self.watch(self.row)
            self.row = last

    def keep(self, images: np.ndarray) -> None:
        """Continue with only these images of the tile, by indices in increasing order."""
        self._states = {n: layout.kept(state, images) for n, state in self._states.items()}
        self._messages = {n: layout.kept(sent, images) for n, sent in self._messages.items()}
        self.drives = {name: drive[images] for name, drive in self.drives.items()}
        self._draws = None if self._draws is None else self._draws[images]
        self.n = len(images)
        self._calls = {}

    def _act(self, part: Part, first: int, last: int) -> None:
        name, lag = part.stage.name, part.stage.input_delay
        frame = self._frame(first, lag)
        if first and frame != self._frame(first - 1, lag):
            drive = self.drives[name][:, frame]
            self._states[name].drive[:, : drive.shape[1]] = drive
        drawn = isinstance(part.rules, PoissonRules) and self._draws is not None
        draws = self._replayed(first, last) if drawn else None
        self.run(part, (first, last, part.first_received), draws)

    def run(self, part: Part, rows: tuple[int, int, int], draws: np.ndarray | None = None) -> None:
        """Update one layer alone.

        Parameters
        ----------
        part : the layer
        rows : its first row, the row after its last, and the first one with synaptic input
        draws : (N, rows, K) int32, optional
            Counts to replay instead of sampling.
        """
        name = part.stage.name
        if name not in self._calls:
            self._calls[name] = self._call(part)
        given, shape = self._calls[name]
        if isinstance(part.rules, PoissonRules):
            kernels.run_poisson(*given, draws, rows, shape)
        else:
            kernels.run_graded(*given, rows, shape)

    def _call(self, part: Part) -> "Call":
        """Return the addresses for a kernel; they are valid until the images change."""
        name = part.stage.name
        presynaptic = self._messages.get(str(part.layer.source), self._messages[name])
        state = self._states[name]
        given = (
            layout.addresses(part.fixed),
            layout.addresses(self._rules[name]),
            part.synapses.weights.ctypes.data,
            layout.addresses(presynaptic),
            layout.addresses(state),
            layout.addresses(self._messages[name]),
            *([self._work_at] if isinstance(part.rules, PoissonRules) else []),
            layout.addresses(self.sums[name]),
        )
        return given, layout.shape_of(state)

    def _replayed(self, first: int, last: int) -> np.ndarray:
        assert self._draws is not None
        return np.ascontiguousarray(self._draws[:, first:last], dtype=np.int32)

    def a_in(self, layer: str, n: int) -> np.ndarray:
        """Synaptic input of the first `n` neurons at the last row: (N, n) int32."""
        return self._states[layer].a_in[: self.n, :n].copy()

    def u(self, layer: str, n: int) -> np.ndarray:
        """Log-rates or potentials after the last row: (N, n) int32."""
        return self._states[layer].u[:, :n].copy()

    def drive(self, layer: str) -> np.ndarray:
        """Drive of the first image, (K,) int32 with the padding of the last block: the state."""
        return self._states[layer].drive[0]

    def last_messages(self, layer: str) -> Messages:
        """Messages of the last row, in the kernels' layout."""
        return self._messages[layer]

    def whole_a_in(self, layer: str) -> np.ndarray:
        """Synaptic input with the padding of the last products: the state."""
        return self._states[layer].a_in

    def whole_u(self, layer: str) -> np.ndarray:
        """Log-rates or potentials with the padding of the last block, (N, K) int32: the state."""
        return self._states[layer].u

    def z(self, layer: str, n: int) -> np.ndarray:
        """Output at the last row: (N, n) int32."""
        return sent(self._messages[layer], self._states[layer].u.shape)[:, :n].copy()


def sent(messages: Messages, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a layer's last messages, (N, K) int32."""
    if messages.z is not None:
        return messages.z
    if listed_in_bytes(messages):
        return messages.low[: shape[0]].astype(np.int32)
    z = np.empty(shape, np.int32)
    kernels.counts_of(messages.offsets, messages.values, messages.ends, z)
    return z


def listed_in_bytes(messages: Messages) -> bool:
    """Return True if every count in the messages fits a byte."""
    return bool((messages.ends[:, -1] == messages.ends[:, -2]).all())
