"""Runs with observers: one run gives totals and the observers' results."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ipvae.emulator.engine import Emulator, Finished
from ipvae.emulator.tile import Tile, listed_in_bytes, sent
from ipvae.network.traces.observers import Observer, Watcher
from ipvae.network.traces.totals import Totals


class TileRow:
    """Last row of a tile: views of its arrays where possible, else copies made once per row."""

    def __init__(self, tile: Tile) -> None:
        self._tile = tile
        self._widths = {name: drive.shape[2] for name, drive in tile.drives.items()}
        self._written: dict[str, np.ndarray] = {}

    def turn(self) -> None:
        """Discard copies of the previous row."""
        self._written.clear()

    def a_in(self, layer: str) -> np.ndarray:
        """Return the input received: (N, K) int32."""
        return self._tile.whole_a_in(layer)[: self._tile.n, : self._widths[layer]]

    def u(self, layer: str) -> np.ndarray:
        """Return log-rates or potentials after the update: (N, K) int32."""
        return self._tile.whole_u(layer)[:, : self._widths[layer]]

    def z(self, layer: str) -> np.ndarray:
        """Return the output: (N, K) uint8, or int32 if a byte is too small."""
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
    """Run as `Emulator.totals`, and pass every row to observers.

    Parameters
    ----------
    emulator : Emulator
    images, n_steps, seed, first_image, at, progress
        As `Emulator.totals`; steps of `at` are in [0, n_steps].
    observers : sequence of Observer
        Their watchers are called from several threads, each from one at a time.

    Returns
    -------
    Totals, and a list of the observers' results

    Raises
    ------
    InputError, DescriptionError
    """
    wanted = sorted(set(at))

    def act(tile: Tile) -> tuple[Finished, list[Any]]:
        watchers = [observer.watch(tile.first, tile.n, n_steps) for observer in observers]
        looking = [watcher for watcher in watchers if watcher is not None]
        if looking:
            tile.watch = _shown_to(looking, TileRow(tile))
        finished = Finished(emulator, tile, n_steps, wanted)
        tile.watch = None  # without a reference cycle the tile is freed at once
        return finished, [None if watcher is None else watcher.result() for watcher in watchers]

    tiles = emulator.over_tiles(act, images, n_steps, seed, first_image, progress=progress)
    totals = emulator.together([done for done, _ in tiles], len(images), n_steps, wanted)
    found = [
        observer.joined([parts[i] for _, parts in tiles if parts[i] is not None])
        for i, observer in enumerate(observers)
    ]
    return totals, found


def _shown_to(watchers: Sequence[Watcher[Any]], row: TileRow) -> Callable[[int], None]:
    """Return a function that passes each row of a tile to watchers."""

    def show(step: int) -> None:
        row.turn()
        for watcher in watchers:
            watcher.see(step, row)

    return show
