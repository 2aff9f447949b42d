"""Bit-exact emulator of a `Network` on many images at once, without Lava."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ipvae.emulator.engine import processors
from ipvae.emulator.event_driven.plan import plan_of
from ipvae.emulator.event_driven.tile import Record, Tile, TileResult
from ipvae.network.network import Network
from ipvae.network.proof.driven import require_driven_proved
from ipvae.network.rules import random_source
from ipvae.network.traces.network_totals import NetworkTotals, joined_sums

OF_IMAGES = ("outputs", "last", "potentials")


class NetworkEmulator:
    """A network ready to run.

    Only nonzero messages cost time. Images advance in tiles, and tiles in threads; results do not
    depend on either.

    Parameters
    ----------
    network : Network
    threads : int, optional
        Number of processors by default.

    Raises
    ------
    UnprovedOverflowError
        If a variable of a Poisson or graded layer may leave its range.
    """

    def __init__(self, network: Network, threads: int | None = None) -> None:
        require_driven_proved(network)
        self.network = network
        self.threads = threads or processors()
        self.plan = plan_of(network)

    def totals(
        self,
        frames: np.ndarray,
        n_steps: int,
        progress: Callable[[int], None] | None = None,
        seed: int = 0,
    ) -> NetworkTotals:
        """Run images and sum up what is counted.

        Parameters
        ----------
        frames : (N, 1 or n_steps, n_inputs) int32
            Values of `ipvae.network.frames.Frames`: one image for all rows, or one for each.
        n_steps : int
            Rows of each image (T).
        progress : callable, optional
            Receives the number of images in each finished tile, from several threads.
        seed : int
            Of neurons that draw.
        """
        return self.totals_at(frames, (n_steps,), progress, seed)[n_steps]

    def totals_at(
        self,
        frames: np.ndarray,
        steps: Sequence[int],
        progress: Callable[[int], None] | None = None,
        seed: int = 0,
        first: int = 0,
    ) -> dict[int, NetworkTotals]:
        """Totals after several numbers of steps of one run, as separate runs would give them.

        Parameters
        ----------
        frames, progress, seed
            As `totals`.
        steps : ints, ascending
        first : int
            Number of the first image within a larger run, for neurons that draw.
        """
        run = _Run(self, frames, steps, (), progress, seed, first)
        by_tile = list(run.results())
        return {
            step: NetworkTotals(
                len(frames),
                step,
                joined_sums([tile.sums(i) for tile in run.tiles]),
                *(np.concatenate([getattr(of[i], name) for of in by_tile]) for name in OF_IMAGES),
            )
            for i, step in enumerate(steps)
        }

    def records(
        self,
        frames: np.ndarray,
        n_steps: int,
        record: Sequence[str],
        progress: Callable[[int], None] | None = None,
        seed: int = 0,
    ) -> Iterator[Record]:
        """Yield recorded variables of each image, in order.

        Parameters
        ----------
        frames, n_steps, progress, seed
            As `totals`.
        record : names of variables
            'a_in', 'z' and states of any kind; a layer records those that its kind has.
        """
        for (found,) in _Run(self, frames, (n_steps,), record, progress, seed).results():
            yield from found.records


class _Run:
    """One run: tiles of images in threads."""

    def __init__(
        self,
        emulator: NetworkEmulator,
        frames: np.ndarray,
        steps: Sequence[int],
        record: Sequence[str],
        progress: Callable[[int], None] | None,
        seed: int,
        first: int = 0,
    ) -> None:
        images = range(len(frames) if emulator.network.draws else 0)
        keys = [random_source.image_key(seed, first + image) for image in images]
        self._keys = np.array(keys, np.int64).reshape(-1, 2)
        self._plan, self._threads = emulator.plan, emulator.threads
        self._frames, self._steps = frames, steps
        self._record, self._progress = record, progress
        self._size = max(1, min(self._plan.images, -(-len(frames) // self._threads)))
        self._halt, self._own = threading.Event(), threading.local()
        self.tiles: list[Tile] = []

    def results(self) -> Iterator[list[TileResult]]:
        """Yield the results of groups of images in order, at each checkpoint."""
        starts = range(0, len(self._frames), self._size)
        if self._threads == 1 or len(starts) == 1:
            yield from map(self._group, starts)
            return
        ahead = 2 * self._threads
        with ThreadPoolExecutor(self._threads) as pool:
            waiting = [pool.submit(self._group, first) for first in starts[:ahead]]
            following = iter(starts[ahead:])
            try:
                while waiting:
                    yield waiting.pop(0).result()
                    if (first := next(following, None)) is not None:
                        waiting.append(pool.submit(self._group, first))
            finally:  # an error, Ctrl-C, or a reader that wants no more
                self._halt.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _group(self, first: int) -> list[TileResult]:
        part = self._frames[first : first + self._size]
        keys = self._keys[first : first + self._size]
        found = self._tile(len(part)).run(part, self._halt, keys)
        if self._progress is not None:
            self._progress(len(part))
        return found

    def _tile(self, images: int) -> Tile:
        """Memory of this thread; the last group may be smaller."""
        tile = getattr(self._own, "tile", None)
        if tile is None or images < self._size:
            tile = self._own.tile = Tile(self._plan, images, self._steps, self._record)
            self.tiles.append(tile)
        return tile
