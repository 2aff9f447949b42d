"""Bit-exact emulator of a `Network` on many images at once, without Lava."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ipvae.emulator.engine import processors
from ipvae.emulator.event_driven.plan import plan_of
from ipvae.emulator.event_driven.tile import Record, Tile
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals, joined_totals


class NetworkEmulator:
    """A network ready to run.

    Only nonzero messages cost time. Images advance in tiles, and tiles in threads; results do not
    depend on either.

    Parameters
    ----------
    network : Network
    threads : int, optional
        Number of processors by default.
    """

    def __init__(self, network: Network, threads: int | None = None) -> None:
        self.network = network
        self.threads = threads or processors()
        self._plan = plan_of(network)

    def totals(
        self,
        frames: np.ndarray,
        n_steps: int,
        progress: Callable[[int], None] | None = None,
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
        """
        found = [totals for totals, _ in self._tiles(frames, n_steps, (), progress)]
        return joined_totals(found)

    def records(
        self,
        frames: np.ndarray,
        n_steps: int,
        record: Sequence[str],
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[NetworkTotals, list[Record]]]:
        """Yield totals and recorded variables of each tile of images, in their order.

        Parameters
        ----------
        frames, n_steps, progress
            As `totals`.
        record : names of variables
            'a_in', 'z' and states of any kind; a layer records those that its kind has.
        """
        return self._tiles(frames, n_steps, record, progress)

    def _tiles(
        self,
        frames: np.ndarray,
        n_steps: int,
        record: Sequence[str],
        progress: Callable[[int], None] | None,
    ) -> Iterator[tuple[NetworkTotals, list[Record]]]:
        size = max(1, min(self._plan.images, -(-len(frames) // self.threads)))
        halt, own = threading.Event(), threading.local()

        def run(first: int) -> tuple[NetworkTotals, list[Record]]:
            part = frames[first : first + size]
            tile = own.__dict__.get("tile")
            if tile is None or len(part) < size:
                tile = Tile(self._plan, len(part), record)
                own.tile = tile
            totals = tile.run(part, n_steps, halt)
            if progress is not None:
                progress(len(part))
            return totals, tile.records

        starts = range(0, len(frames), size)
        if self.threads == 1 or len(starts) == 1:
            yield from map(run, starts)
            return
        ahead = 2 * self.threads
        with ThreadPoolExecutor(self.threads) as pool:
            waiting = [pool.submit(run, first) for first in starts[:ahead]]
            following = iter(starts[ahead:])
            try:
                while waiting:
                    yield waiting.pop(0).result()
                    if (first := next(following, None)) is not None:
                        waiting.append(pool.submit(run, first))
            finally:  # an error, Ctrl-C, or a reader that wants no more
                halt.set()
                pool.shutdown(wait=True, cancel_futures=True)
