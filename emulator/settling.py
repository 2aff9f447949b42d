"""Runs in which each image stops alone: at a budget of steps, or once a figure has settled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.engine import Emulator, drives_at_limit, layer_totals
from ipvae.emulator.tile import Tile
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.totals import Totals, joined

Figure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(indices of images (n,), log-rates u (n, K), outputs z (n, K)) -> figure of each (n,)."""


@dataclass(frozen=True)
class StopRule:
    """An image stops when a figure of it has settled.

    The figure (R2, free energy) is judged at steps every, 2 every, ... Its mean over the last
    `window` of them is compared with that over the `window` before; drawn counts make a single
    value noisy.

    Attributes
    ----------
    figure : callable
        Of the code's u and z; see `Figure`.
    tolerance : float
        Largest change of the mean that counts as none.
    every : int
    window : int
    relative : bool
        Whether the tolerance is a share of the mean's magnitude.
    """

    figure: Figure
    tolerance: float
    every: int = 16
    window: int = 4
    relative: bool = False

    def __post_init__(self) -> None:
        if self.every < 1 or self.window < 1 or not 0 <= self.tolerance < float("inf"):
            raise InputError(
                f"stop rule: found every {self.every}, window {self.window}, tolerance "
                f"{self.tolerance}; allowed are 1 and above, 1 and above, 0 and above"
            )

    def settled(self, figures: np.ndarray) -> np.ndarray:
        """Tell which images have settled: figures (checks, n) -> (n,) bool."""
        w = self.window
        if len(figures) < 2 * w:
            return np.zeros(figures.shape[1], dtype=bool)
        late, early = figures[-w:].mean(axis=0), figures[-2 * w : -w].mean(axis=0)
        most = self.tolerance * (np.abs(late) if self.relative else 1.0)
        return np.abs(late - early) <= most


@dataclass(frozen=True, eq=False)
class Stopped:
    """What images were left with.

    Attributes
    ----------
    steps : (N,) int64
        Updates of each image (T of its own).
    settled : (N,) bool
        Whether the rule stopped it; else the budget did.
    totals : Totals
        Of each image's rows 0..T of its own.
    """

    steps: np.ndarray
    settled: np.ndarray
    totals: Totals


def joined_stops(parts: Sequence[Stopped]) -> Stopped:
    """What a run was left with, from its ranges of images in their order (one or more)."""
    steps, settled = ([getattr(part, name) for part in parts] for name in ("steps", "settled"))
    totals = joined([part.totals for part in parts])
    return Stopped(np.concatenate(steps), np.concatenate(settled), totals)


def run_until_settled(
    emulator: Emulator,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    rule: StopRule,
    first_image: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Stopped:
    """Run images until each has settled, or for n_steps updates.

    An image's numbers are those of a longer run up to its last step: they depend neither on the
    others nor on when those stop.

    Parameters
    ----------
    emulator : Emulator
    images : (N, M) int
    n_steps : int
        Budget of updates of each image.
    seed, first_image : int
        As `Emulator.rows`.
    rule : StopRule
    progress : callable, optional
        Gets the number of images that stopped at a check.

    Raises
    ------
    InputError, DescriptionError
    """
    tiles = emulator.tiles(images, n_steps, seed, first_image)
    left = _Left(emulator.network, len(images), tiles)
    running, first = [], 0
    for tile in tiles:
        running.append(_Running(tile, np.arange(first, first + tile.n)))
        first += tile.n
    emulator.advance(tiles, 1)
    step = 0
    while running:
        rows = min(rule.every, n_steps - step)
        emulator.advance([one.tile for one in running], rows)
        step += rows
        gone = sum(one.check(rule, step, n_steps, left) for one in running)
        if gone and progress is not None:
            progress(gone)
        running = [one for one in running if len(one.images)]
    return left.stopped(n_steps)


class _Left:
    """What images were left with, by their index, and all tiles for what they counted."""

    def __init__(self, network: IntNetwork, n_images: int, tiles: list[Tile]) -> None:
        self.code = network.code
        self.steps = np.zeros(n_images, dtype=np.int64)
        self.settled = np.zeros(n_images, dtype=bool)
        self.last = {
            name: (np.zeros((n_images, k), np.int32), np.zeros((n_images, k), np.int32))
            for name, k in ((name, layer.n_neurons) for name, layer in network.layers.items())
        }
        self._tiles = tiles
        self._at_limit = [drives_at_limit(tile) for tile in tiles]  # before images leave a tile

    def leave(self, tile: Tile, rows: np.ndarray, images: np.ndarray) -> None:
        """Note the last row of some images: their rows in the tile, their indices."""
        for name, (u, z) in self.last.items():
            u[images] = tile.u(name, u.shape[1])[rows]
            z[images] = tile.z(name, z.shape[1])[rows]

    def stopped(self, budget: int) -> Stopped:
        """Add up what all tiles counted."""
        layers = {
            name: layer_totals(
                [tile.sums[name] for tile in self._tiles],
                sum(tile[name] for tile in self._at_limit),
                *last,
            )
            for name, last in self.last.items()
        }
        totals = Totals(len(self.steps), budget, layers, steps_of_each=self.steps)
        return Stopped(self.steps, self.settled, totals)


class _Running:
    """A tile, and which images of the run are still in it."""

    def __init__(self, tile: Tile, images: np.ndarray) -> None:
        self.tile, self.images = tile, images
        self._figures = np.zeros((0, len(images)))

    def check(self, rule: StopRule, step: int, budget: int, left: _Left) -> int:
        """Judge all images; note, drop and count those that stop."""
        settled = self._settled(rule, step, left)
        stops = settled | (step == budget)
        gone = self.images[stops]
        left.steps[gone], left.settled[gone] = step, settled[stops]
        left.leave(self.tile, np.flatnonzero(stops), gone)
        stay = np.flatnonzero(~stops)
        self.images, self._figures = self.images[stay], self._figures[:, stay]
        if 0 < len(stay) < len(stops):
            self.tile.keep(stay)
        return len(gone)

    def _settled(self, rule: StopRule, step: int, left: _Left) -> np.ndarray:
        if step % rule.every:
            return np.zeros(len(self.images), dtype=bool)
        k = left.last[left.code][0].shape[1]
        figure = rule.figure(self.images, self.tile.u(left.code, k), self.tile.z(left.code, k))
        self._figures = np.vstack([self._figures, figure])[-2 * rule.window :]
        return rule.settled(self._figures)
