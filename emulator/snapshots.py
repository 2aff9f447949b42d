"""Totals after several numbers of steps, from a single run."""

from collections.abc import Callable, Iterable

import numpy as np

from ipvae.emulator.engine import Emulator, Finished
from ipvae.emulator.tile import Tile
from ipvae.errors import InputError
from ipvae.network.traces.totals import Totals


def totals_at(
    emulator: Emulator,
    images: np.ndarray,
    steps: Iterable[int],
    seed: int,
    first_image: int = 0,
    draws: np.ndarray | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[int, Totals]:
    """Run once and return the totals after each of several numbers of steps.

    They are equal, bit for bit, to `Emulator.totals` of separate runs with these numbers of steps:
    a step does not depend on the number of steps that follow.

    Parameters
    ----------
    emulator : Emulator
    images : (N, M) int
    steps : ints, at least 1
    seed, first_image, draws, progress
        As `Emulator.totals`; draws (N, T + 1, K) for the largest number of steps T.

    Returns
    -------
    dict of steps -> Totals, in ascending order

    Raises
    ------
    InputError
        If `steps` is empty, or contains a number below 1.
    """
    wanted = sorted(set(steps))
    if not wanted or wanted[0] < 1:
        raise InputError(f"steps: found {wanted}, allowed one or more numbers of 1 and above")

    def act(tile: Tile) -> list[Finished]:
        return [Finished(emulator, tile, step) for step in wanted]

    tiles = emulator.over_tiles(
        act, images, wanted[-1], seed, first_image, draws, progress=progress
    )
    return {
        step: emulator.together([tile[i] for tile in tiles], len(images), step)
        for i, step in enumerate(wanted)
    }
