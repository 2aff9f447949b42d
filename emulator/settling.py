"""Runs in which each image stops alone: at a budget of steps, or once a figure has settled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.engine import Emulator
from ipvae.emulator.tile import Tile
from ipvae.network.errors import InputError

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
    """

    figure: Figure
    tolerance: float
    every: int = 16
    window: int = 4

    def __post_init__(self) -> None:
        if self.every < 1 or self.window < 1 or not self.tolerance >= 0:
            raise InputError(
                f"stop rule: found every {self.every}, window {self.window}, tolerance "
                f"{self.tolerance}; allowed are 1 and above, 1 and above, 0 and above"
            )

    def settled(self, figures: np.ndarray) -> np.ndarray:
        """Tell which images have settled: figures (checks, n) -> (n,) bool."""
        w = self.window
        if len(figures) < 2 * w:
            return np.zeros(figures.shape[1], dtype=bool)
        change = figures[-w:].mean(axis=0) - figures[-2 * w : -w].mean(axis=0)
        return np.abs(change) <= self.tolerance


@dataclass(frozen=True, eq=False)
class Stopped:
    """What images were left with.

    Attributes
    ----------
    steps : (N,) int64
        Updates of each image (T of its own).
    settled : (N,) bool
        Whether the rule stopped it; else the budget did.
    u, z : (N, K) int32
        Of the code, at each image's last step.
    """

    steps: np.ndarray
    settled: np.ndarray
    u: np.ndarray
    z: np.ndarray


def run_until_settled(
    emulator: Emulator,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    rule: StopRule,
    first_image: int = 0,
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

    Raises
    ------
    InputError, DescriptionError
    """
    tiles, running = emulator.tiles(images, n_steps, seed, first_image), []
    first = 0
    for tile in tiles:
        running.append(_Running(tile, np.arange(first, first + tile.n)))
        first += tile.n
    code, k = emulator.network.code, emulator.network.n_neurons
    found = Stopped(
        np.zeros(len(images), dtype=np.int64),
        np.zeros(len(images), dtype=bool),
        np.zeros((len(images), k), dtype=np.int32),
        np.zeros((len(images), k), dtype=np.int32),
    )
    emulator.advance([one.tile for one in running], 1)
    step = 0
    while running:
        rows = min(rule.every, n_steps - step)
        emulator.advance([one.tile for one in running], rows)
        step += rows
        for one in running:
            one.check(rule, step, n_steps, code, k, found)
        running = [one for one in running if len(one.images)]
    return found


class _Running:
    """A tile, and which images of the run are still in it."""

    def __init__(self, tile: Tile, images: np.ndarray) -> None:
        self.tile, self.images = tile, images
        self._figures = np.zeros((0, len(images)))

    def check(
        self, rule: StopRule, step: int, budget: int, code: str, k: int, found: Stopped
    ) -> None:
        """Judge all images; note and drop those that stop."""
        u, z = self.tile.u(code, k), self.tile.z(code, k)
        if step % rule.every == 0:
            figure = rule.figure(self.images, u, z)
            self._figures = np.vstack([self._figures, figure])[-2 * rule.window :]
            settled = rule.settled(self._figures)
        else:
            settled = np.zeros(len(self.images), dtype=bool)
        stops = settled | (step == budget)
        gone = self.images[stops]
        found.steps[gone], found.settled[gone] = step, settled[stops]
        found.u[gone], found.z[gone] = u[stops], z[stops]
        stay = np.flatnonzero(~stops)
        self.images, self._figures = self.images[stay], self._figures[:, stay]
        if 0 < len(stay) < len(stops):
            self.tile.keep(stay)
