"""Runs with early stopping of each image: at convergence of a figure, or at a budget of steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.engine import Emulator, drives_at_limit, layer_totals
from ipvae.emulator.tile import Tile
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.traces.totals import Totals, joined

BATCHES = 4
"""Batches of a window; their means give an estimate of the noise."""
QUARTER = 4
MOST_CHECKS = 256
"""Checks of a window at most, so that memory for an image is bounded in long runs."""

Figure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(indices of images (n,), log-rates u (n, K), outputs z (n, K)) -> figure of each image (n,)."""


@dataclass(frozen=True)
class StopRule:
    """Stop an image when its figure has converged, with a margin for noise.

    The figure (R2, free energy) is computed at steps every, 2 every, ... Its mean over the last
    window of checks is compared with its mean over the window before. An image stops when the
    change plus `margin` standard errors is at most the tolerance. Noise therefore cannot hide a
    change, and large noise delays the stop. The windows grow with the run, to a quarter of all
    checks each: the standard error falls, and a slow drift is not missed.

    The standard error comes from the image itself. Each window is cut into 4 batches, and the means
    of adjacent batches differ by noise, whatever the dependence of values within a batch.

    Attributes
    ----------
    figure : callable
        Function of the code's u and z; see `Figure`.
    tolerance : float
        Largest change of the mean that counts as convergence.
    every : int
        Steps between checks.
    window : int
        Checks of a window at the start, at least 4.
    relative : bool
        True if the tolerance is relative to the mean's magnitude.
    margin : float
        Standard errors added to a change; 0 for none.
    """

    figure: Figure
    tolerance: float
    every: int = 8
    window: int = 8
    relative: bool = False
    margin: float = 2.5

    def __post_init__(self) -> None:
        numbers = (self.tolerance, self.margin)
        least = self.every >= 1 and self.window >= BATCHES
        if not least or not all(0 <= number < float("inf") for number in numbers):
            raise InputError(
                f"stop rule: found every {self.every}, window {self.window}, tolerance "
                f"{self.tolerance}, margin {self.margin}; allowed are 1 and above, {BATCHES} and "
                "above, 0 and above, 0 and above"
            )

    def width(self, checks: int) -> int:
        """Checks of each window after a given number of checks: a multiple of 4."""
        grown = min(checks // QUARTER, MOST_CHECKS)
        return max(self.window, grown) // BATCHES * BATCHES

    def settled(self, figures: np.ndarray, checks: int | None = None) -> np.ndarray:
        """Mark images whose figure has converged.

        Parameters
        ----------
        figures : (m, n) array
            Figures of n images at the last m checks.
        checks : int, optional
            Checks of the run so far; m by default.

        Returns
        -------
        (n,) bool
        """
        n = figures.shape[1]
        w = self.width(len(figures) if checks is None else checks)
        if len(figures) < 2 * w:
            return np.zeros(n, dtype=bool)
        batches = figures[-2 * w :].reshape(2, BATCHES, w // BATCHES, n).mean(axis=2)
        early, late = batches.mean(axis=1)
        noise = np.square(np.diff(batches, axis=1)).mean(axis=(0, 1)) / 2  # variance of a batch
        error = np.sqrt(2 * noise / BATCHES)
        most = self.tolerance * (np.abs(late) if self.relative else 1.0)
        return np.abs(late - early) + self.margin * error <= most


@dataclass(frozen=True, eq=False)
class Stopped:
    """Final state of images.

    Attributes
    ----------
    steps : (N,) int64
        Updates of each image (its T).
    settled : (N,) bool
        True if the rule stopped the image, False if the budget did.
    totals : Totals
        Totals over each image's rows 0..T, with its T.
    """

    steps: np.ndarray
    settled: np.ndarray
    totals: Totals


def joined_stops(parts: Sequence[Stopped]) -> Stopped:
    """Join the results of a run's ranges of images in order (one or more)."""
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
    """Run images until each has converged, or for n_steps updates.

    Up to its last step an image has the numbers of a longer run. They depend neither on other
    images nor on when those stop.

    Parameters
    ----------
    emulator : Emulator
    images : (N, M) int
    n_steps : int
        Budget of updates for each image.
    seed, first_image : int
        As `Emulator.rows`.
    rule : StopRule
    progress : callable, optional
        Receives the number of images that stopped at a check.

    Raises
    ------
    InputError, DescriptionError
    """
    tiles = emulator.tiles(images, n_steps, seed, first_image)
    left = _FinalState(emulator.network, len(images), tiles)
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


class _FinalState:
    """Final state of images, by their index, and all tiles with their sums."""

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
        """Store the last row of some images: their rows in the tile, their indices."""
        for name, (u, z) in self.last.items():
            u[images] = tile.u(name, u.shape[1])[rows]
            z[images] = tile.z(name, z.shape[1])[rows]

    def stopped(self, budget: int) -> Stopped:
        """Add up the sums of all tiles."""
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
    """A tile and the indices of the images that are still running in it."""

    def __init__(self, tile: Tile, images: np.ndarray) -> None:
        self.tile, self.images = tile, images
        self._figures = np.zeros((0, len(images)))

    def check(self, rule: StopRule, step: int, budget: int, left: _FinalState) -> int:
        """Check all images; store and remove those that stop, and return their number."""
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

    def _settled(self, rule: StopRule, step: int, left: _FinalState) -> np.ndarray:
        if step % rule.every:
            return np.zeros(len(self.images), dtype=bool)
        k = left.last[left.code][0].shape[1]
        figure = rule.figure(self.images, self.tile.u(left.code, k), self.tile.z(left.code, k))
        checks = step // rule.every
        self._figures = np.vstack([self._figures, figure])[-2 * rule.width(checks + 1) :]
        return rule.settled(self._figures, checks)
