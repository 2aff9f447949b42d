"""Runs that observers look at: one run gives totals and whatever else is to be known of it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ipvae.emulator.engine import Emulator
from ipvae.emulator.tile import Tile, listed_in_bytes, sent
from ipvae.network.observing import Observer, Watcher
from ipvae.network.totals import Totals


class TileRow:
    """Last row of a tile: views of its arrays where it has them, made at most once for a row."""

    def __init__(self, tile: Tile) -> None:
        self._tile = tile
        self._widths = {name: drive.shape[2] for name, drive in tile.drives.items()}
        self._written: dict[str, np.ndarray] = {}

    def turn(self) -> None:
        """Forget what was made of the row before."""
        self._written.clear()

    def a_in(self, layer: str) -> np.ndarray:
        """Return the input received: (N, K) int32."""
        return self._tile.whole_a_in(layer)[: self._tile.n, : self._widths[layer]]

    def u(self, layer: str) -> np.ndarray:
        """Return log-rates or potentials after the update: (N, K) int32."""
        return self._tile.whole_u(layer)[:, : self._widths[layer]]

    def z(self, layer: str) -> np.ndarray:
        """Return what is sent: (N, K) uint8, or int32 where a byte does not hold it."""
        found = self._written.get(layer)
        if found is None:
            self._written[layer] = found = self._sent(layer)[:, : self._widths[layer]]
        return found

    def _sent(self, layer: str) -> np.ndarray:
        messages = self._tile.last_messages(layer)
        if messages.z is None and listed_in_bytes(messages):
            return messages.low[: self._tile.n]
        return sent(messages, self._tile.whole_u(layer).shape)


def observe(
    emulator: Emulator,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    observers: Sequence[Observer[Any]],
    first_image: int = 0,
    at: Sequence[int] = (),
    progress: Callable[[int], None] | None = None,
) -> tuple[Totals, list[Any]]:
    """Run as `Emulator.totals`, and show every row to observers.

    Parameters
    ----------
    emulator : Emulator
    images, n_steps, seed, first_image, at, progress
        As `Emulator.totals`.
    observers : sequence of Observer
        Their watchers are called from several threads, each from one at a time.

    Returns
    -------
    Totals, and a list of what each observer found

    Raises
    ------
    InputError, DescriptionError
    """
    seen: list[dict[int, Any]] = [{} for _ in observers]

    def attach(tile: Tile, first: int) -> None:
        watchers = [observer.watch(first, tile.n, n_steps) for observer in observers]
        found = {i: watcher for i, watcher in enumerate(watchers) if watcher is not None}
        if found:
            tile.watch = _Shown(tile, n_steps, found, first, seen)

    totals = emulator.totals(
        images, n_steps, seed, first_image, at=at, progress=progress, attach=attach
    )
    return totals, [
        observer.joined([parts[first] for first in sorted(parts)])
        for observer, parts in zip(observers, seen, strict=True)
    ]


class _Shown:
    """Shows each row of a tile to its watchers, and takes their results at the last one."""

    def __init__(
        self,
        tile: Tile,
        n_steps: int,
        watchers: dict[int, Watcher[Any]],
        first: int,
        seen: list[dict[int, Any]],
    ) -> None:
        self._tile, self._row, self._n_steps = tile, TileRow(tile), n_steps
        self._watchers = watchers
        self._first, self._seen = first, seen

    def __call__(self, step: int) -> None:
        self._row.turn()
        for i, watcher in self._watchers.items():
            watcher.see(step, self._row)
            if step == self._n_steps:
                self._seen[i][self._first] = watcher.result()
        if step == self._n_steps:
            self._tile.watch = None  # the tile is freed without the garbage collector
