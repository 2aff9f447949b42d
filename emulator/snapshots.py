"""Totals after several numbers of steps, all of them from one run."""

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
    """Run once and give the totals after each of some numbers of steps.

    They are equal, bit for bit, to `Emulator.totals` of a run of so many steps: what a network
    does at a step does not depend on how many follow.

    Parameters
    ----------
    emulator : Emulator
    images : (N, M) int
    steps : ints of 1 and above
    seed, first_image, draws, progress
        As `Emulator.totals`; draws (N, T + 1, K) of the largest number of steps T.

    Returns
    -------
    dict of steps -> Totals, in rising order

    Raises
    ------
    InputError
        If there is no number of steps, or one is below 1.
    """
    wanted = sorted(set(steps))
    if not wanted or wanted[0] < 1:
        raise InputError(f"steps: must be one or more numbers of 1 and above, got {wanted}.")

    def act(tile: Tile) -> list[Finished]:
        return [Finished(emulator, tile, step) for step in wanted]

    tiles = emulator.over_tiles(
        act, images, wanted[-1], seed, first_image, draws, progress=progress
    )
    return {
        step: emulator.together([tile[i] for tile in tiles], len(images), step)
        for i, step in enumerate(wanted)
    }
