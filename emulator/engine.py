"""Emulator of an integer network on many images at once, bit-exact to docs/spec/."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ipvae.emulator import layout
from ipvae.emulator.simd.compiling import say_if_compiling
from ipvae.emulator.tile import IMAGES, Tile
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.proof.bounds import require_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.arithmetic import TERM_MAX
from ipvae.network.rules.start import start_log_rates
from ipvae.network.rules.stream import frame, stream_drives
from ipvae.network.traces.replay import check_draws
from ipvae.network.traces.totals import LayerTotals, Totals
from ipvae.network.traces.trace import VARIABLES

R = TypeVar("R")
OnMessage = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """All variables of one layer at one step: (N, K) int32 each."""

    a_in: np.ndarray
    u: np.ndarray
    z: np.ndarray


Row = dict[str, Step]
"""One step of every layer, by number."""


class Emulator:
    """A network ready to run.

    Parameters
    ----------
    network : IntNetwork
    threads : int, optional
        Number of processors by default; results do not depend on it.
    tile : int
        Images that advance together in one thread; results do not depend on it.
    on_message : callable, optional
        Receives a line of text before a long operation: the first run on a machine compiles.

    Raises
    ------
    UnprovedOverflowError
        If a variable of the network may leave its range.
    """

    def __init__(
        self,
        network: IntNetwork,
        threads: int | None = None,
        tile: int = IMAGES,
        on_message: OnMessage | None = None,
    ) -> None:
        self._parts = layout.parts(network)
        self.widths = {name: layer.n_neurons for name, layer in network.layers.items()}
        """Neurons by layer, in ascending order."""
        self.shown = [s.stage.name for s in self._parts if s.stage.role != "hidden"]
        """Code and read-outs."""
        self._code = network.code
        require_proved(network)
        self.network = network
        self.threads = threads or processors()
        self.tile = tile
        self._tell = on_message

    def rows(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
        hold: int | None = None,
    ) -> Iterator[Row]:
        """Yield steps 0..n_steps of all layers for a batch of images.

        Parameters
        ----------
        images : (N, M) int; (N, frames, M) with `hold`
        n_steps : int
            Updates after step 0 (T).
        seed : int in [0, 2**48)
        first_image : int
            Index, in its run, of the first image: part of the random key.
        draws : (N, n_steps + 1, K) int, optional
            Counts to replay instead of sampling; the seed then has no effect.
        hold : int, optional
            Updates that each frame of a stream drives (`ipvae.network.rules.stream`).

        Raises
        ------
        InputError, DescriptionError
            Raised at the first step.
        """
        tiles = self.tiles(images, n_steps, seed, first_image, draws, hold)
        with self._workers(len(tiles)) as for_each:
            for _ in range(n_steps + 1):
                for_each(lambda tile: tile.advance(1), tiles)
                yield {name: self._step(name, tiles) for name in self.widths}

    def tiles(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
        hold: int | None = None,
    ) -> list[Tile]:
        """Return images after a reset, in tiles for `advance`; arguments as `rows`.

        Raises
        ------
        InputError, DescriptionError
        """
        given = _Given(np.asarray(images), n_steps, seed, first_image, draws, hold)
        self._require(given)
        return [self._tile(given, part) for part in self._slices(len(images))]

    def advance(self, tiles: list[Tile], rows: int) -> None:
        """Compute the next rows of tiles, in this emulator's threads."""
        with self._workers(len(tiles)) as for_each:
            for_each(lambda tile: tile.advance(rows), tiles)

    def steps(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
    ) -> Iterator[Step]:
        """Yield steps of the code alone; arguments as `rows`."""
        for row in self.rows(images, n_steps, seed, first_image, draws):
            yield row[self._code]

    def totals(
        self,
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
        hold: int | None = None,
        at: Sequence[int] = (),
        progress: Callable[[int], None] | None = None,
    ) -> Totals:
        """Run without a trace, which is fastest.

        Parameters
        ----------
        images, n_steps, seed, first_image, draws, hold
            As `rows`.
        at : ints in [0, n_steps]
            Steps for which potentials and outputs are kept, for the code and the read-outs.
        progress : callable, optional
            Receives the number of images in each finished tile, from several threads.

        Raises
        ------
        InputError, DescriptionError
        """
        wanted = sorted(set(at))
        if wanted and not 0 <= wanted[0] <= wanted[-1] <= n_steps:
            raise InputError(f"steps to keep: found {wanted}, allowed 0 to {n_steps}")
        found = self.over_tiles(
            lambda tile: Finished(self, tile, n_steps, wanted),
            images,
            n_steps,
            seed,
            first_image,
            draws,
            hold,
            progress,
        )
        return self.together(found, len(images), n_steps, wanted)

    def over_tiles(
        self,
        act: Callable[[Tile], R],
        images: np.ndarray,
        n_steps: int,
        seed: int,
        first_image: int = 0,
        draws: np.ndarray | None = None,
        hold: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[R]:
        """Call a function for each tile of images after a reset, in this emulator's threads.

        Parameters
        ----------
        act : callable
            Advances the tile, at most to row n_steps. It is called from several threads.
        images, n_steps, seed, first_image, draws, hold, progress
            As `totals`.

        Returns
        -------
        Results of `act`, in the order of the images.

        Raises
        ------
        InputError, DescriptionError
        """
        given = _Given(np.asarray(images), n_steps, seed, first_image, draws, hold)
        self._require(given)

        def finish(part: slice) -> R:
            tile = self._tile(given, part)
            found = act(tile)
            if progress is not None:
                progress(tile.n)
            return found

        slices = list(self._slices(len(images)))
        with self._workers(len(slices), given.halt) as for_each:
            return for_each(finish, slices)

    def _require(self, given: "_Given") -> None:
        random_source.check_steps(given.n_steps)
        if given.draws is not None:
            check_draws(given.draws, self.network, len(given.images), given.n_steps + 1)
        say_if_compiling(self._parts, self._tell)

    def _slices(self, n_images: int) -> Iterator[slice]:
        """Tiles of images: as large as allowed, but enough of them for all threads."""
        size = max(1, min(self.tile, -(-n_images // self.threads)))
        for first in range(0, n_images, size):
            yield slice(first, min(first + size, n_images))

    def _tile(self, given: "_Given", part: slice) -> Tile:
        first, n_steps, hold = given.first_image, given.n_steps, given.hold
        indices = range(first + part.start, first + part.stop)
        keys = [random_source.image_key(given.seed, i) for i in indices]
        return Tile(
            self._parts,
            stream_drives(self.network, given.images[part], n_steps, hold),
            np.array(keys, dtype=np.uint32).reshape(-1, 2),
            None if given.draws is None else given.draws[part],
            None if hold is None else lambda row, lag: frame(row, lag, n_steps, hold),
            given.halt,
            first + part.start,
            start_log_rates(self.network, given.images[part], hold),
        )

    def _workers(self, n_tiles: int, halt: threading.Event | None = None) -> Any:
        """Context that gives a `map` over threads, or over the current one if that is enough."""
        n = min(self.threads, n_tiles)
        return nullcontext(_in_turn) if n <= 1 else _Threads(n, halt or threading.Event())

    def _step(self, name: str, tiles: list[Tile]) -> Step:
        n = self.widths[name]
        found = ([getattr(tile, v)(name, n) for tile in tiles] for v in VARIABLES)
        return Step(*(np.concatenate(values) for values in found))

    def together(
        self, tiles: "list[Finished]", n_images: int, n_steps: int, wanted: Sequence[int] = ()
    ) -> Totals:
        """Totals of a run from its tiles, with the kept steps `wanted`."""
        layers = {}
        for name, width in self.widths.items():
            last = _joined([tile.last[name] for tile in tiles], width)
            at_limit = sum(tile.drives_at_limit[name] for tile in tiles)
            layers[name] = layer_totals([tile.sums[name] for tile in tiles], at_limit, *last)
        kept = {
            step: {
                name: _joined([t.kept[step][name] for t in tiles], self.widths[name])
                for name in self.shown
            }
            for step in wanted
        }
        return Totals(n_images, n_steps, layers, kept)


@dataclass(frozen=True, eq=False)
class _Given:
    """Arguments of a run; see `Emulator.rows`."""

    images: np.ndarray
    n_steps: int
    seed: int
    first_image: int
    draws: np.ndarray | None
    hold: int | None
    halt: threading.Event = field(default_factory=threading.Event)
    """Set when an error or Ctrl-C ends the run while threads are active."""


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Finished:
    """Results of a tile that has run to row n_steps."""

    def __init__(
        self, emulator: Emulator, tile: Tile, n_steps: int, wanted: Sequence[int] = ()
    ) -> None:
        widths = emulator.widths
        self.kept: dict[int, dict] = {}
        for step in wanted:
            tile.advance(step + 1 - tile.row)
            self.kept[step] = {name: _after(tile, name, widths[name]) for name in emulator.shown}
        tile.advance(n_steps + 1 - tile.row)
        self.last = {name: _after(tile, name, width) for name, width in widths.items()}
        self.sums = {  # copies, since the tile may run further
            name: layout.Sums(*(part.copy() for part in sums)) for name, sums in tile.sums.items()
        }
        self.drives_at_limit = drives_at_limit(tile)


def drives_at_limit(tile: Tile) -> dict[str, int]:
    """Number of clipped drives of each layer."""
    return {name: int((np.abs(drive) >= TERM_MAX).sum()) for name, drive in tile.drives.items()}


def layer_totals(
    sums: Sequence[layout.Sums], at_limit: int, u: np.ndarray, z: np.ndarray
) -> LayerTotals:
    """Add up the tiles' sums of a layer, whose last row is u and z (N, K)."""
    k = u.shape[1]
    saturated = sum((s.saturated for s in sums), np.zeros(3, np.int64))
    return LayerTotals(
        messages=sum((s.messages[:k] for s in sums), np.zeros(k, np.int64)),
        sizes=sum((s.sizes[:k] for s in sums), np.zeros(k, np.int64)),
        saturations={
            "drive": at_limit,
            **dict(zip(VARIABLES, map(int, saturated), strict=True)),
        },
        u=u,
        z=z,
        random_words=sum(int(s.words[0]) for s in sums),
        peak=max((int(s.peaks[0]) for s in sums), default=0),
    )


def _after(tile: Tile, name: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    return tile.u(name, n), tile.z(name, n)


def _joined(pairs: list[tuple[np.ndarray, np.ndarray]], n: int) -> tuple[np.ndarray, np.ndarray]:
    if not pairs:
        return np.zeros((0, n), np.int32), np.zeros((0, n), np.int32)
    return np.concatenate([u for u, _ in pairs]), np.concatenate([z for _, z in pairs])


def _in_turn(act: Callable[[Any], Any], items: Iterable) -> list:
    return [act(item) for item in items]


class _Threads:
    """Threads for kernels, which release the interpreter lock."""

    def __init__(self, n: int, halt: threading.Event) -> None:
        self._pool = ThreadPoolExecutor(n)
        self._halt = halt

    def __enter__(self) -> Callable[[Callable[[Any], Any], Iterable], list]:
        return lambda act, items: list(self._pool.map(act, items))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._halt.set()
        self._pool.shutdown(cancel_futures=True)
