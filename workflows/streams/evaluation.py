"""Evaluation of a network on films: quality after each change, and what a frame costs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.energy.headline import headline
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.errors import InputError
from ipvae.evaluation.metrics import r2_of_each
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.report.numbers import count
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.results import Result, json_data
from ipvae.workflows.streams.updates import Updates, updates_of

LEVELS = (0.8, 0.9, 0.92)
"""Values of R2 for which a table shows the updates that they take."""


@dataclass(frozen=True, eq=False, repr=False)
class FilmEvaluation(Result):
    """Quality and cost of a network on films.

    Means are over films. Figures of a frame leave out the first one of each film, unless every
    frame begins with a reset.

    Attributes
    ----------
    films, frames, steps, seed : int
        Films, frames of each, updates of each frame, seed of all draws.
    reset : bool
        True if every frame began with a reset.
    r2 : (frames,) float64
        R2 of each frame after its last update, from drawn counts.
    r2_averaged : (frames,) float64
        The same from counts averaged over the last quarter of the frame's updates.
    r2_by_update, averaged_by_update : (steps,) float64
        R2 after 1, 2, ... updates of a frame; averages are over the last quarter of these updates.
    synaptic_ops : (frames,) float64
        Synaptic operations of each frame.
    changed_pixels : (frames,) float64
        Pixels that differ from the frame before.
    counts : Counts
        Operations of a frame.
    chip_steps : int
        Steps of the chip that a frame takes.
    energy, time : tuples of EnergyRow and TimeRow
        Modelled, of a frame; as in `ipvae.estimate_energy`.
    notes : tuple of str
        Models that could not be applied, with the reason.
    """

    films: int
    frames: int
    steps: int
    seed: int
    reset: bool
    r2: np.ndarray
    r2_averaged: np.ndarray
    r2_by_update: np.ndarray
    averaged_by_update: np.ndarray
    synaptic_ops: np.ndarray
    changed_pixels: np.ndarray
    counts: Counts
    chip_steps: int
    energy: tuple[EnergyRow, ...]
    time: tuple[TimeRow, ...]
    notes: tuple[str, ...]

    def updates_to(self, level: float, *, averaged: bool = True) -> int | None:
        """Updates after a change until R2 is at least `level` and stays so; None if it never is."""
        curve = self.averaged_by_update if averaged else self.r2_by_update
        below = np.flatnonzero(~(curve >= level))
        first = int(below[-1]) + 2 if len(below) else 1
        return first if first <= self.steps else None

    @cached_property
    def headline(self) -> dict[str, Any]:
        """Modelled energy and time of a frame on Loihi 2, as `EnergyEstimate.headline`."""
        return headline(self.energy, self.time, self.notes)

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        first = 0 if self.reset else 1
        reached = [(level, self.updates_to(level)) for level in LEVELS]
        latency = self.headline["latency_s"]
        found = [
            ("films x frames x updates", f"{self.films} x {self.frames} x {self.steps}"),
            ("R2, drawn", f"{np.mean(self.r2[first:]):.4f}"),
            ("R2, averaged", f"{np.mean(self.r2_averaged[first:]):.4f}"),
            *((f"updates to R2 {a}", "not reached" if n is None else str(n)) for a, n in reached),
            ("synaptic operations a frame", count(self.counts.synaptic_ops)),
            ("steps of the chip a frame", str(self.chip_steps)),
        ]
        if latency is not None:
            text = f"{latency[0] * 1e6:.0f} to {latency[1] * 1e6:.0f} us"
            found.append(("latency on Loihi 2, modelled", text))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        arrays = ("r2", "r2_averaged", "r2_by_update", "averaged_by_update")
        arrays += ("synaptic_ops", "changed_pixels")
        return json_data(
            {
                **{n: getattr(self, n) for n in ("films", "frames", "steps", "seed", "reset")},
                **{name: getattr(self, name).tolist() for name in arrays},
                "counts": self.counts.as_dict(),
                "chip_steps": self.chip_steps,
                "headline": self.headline,
                "energy": [row.as_dict() for row in self.energy],
                "time": [row.as_dict() for row in self.time],
                "energy_notes": list(self.notes),
            }
        )


@public
def evaluate_film(
    network: IntNetwork | Network,
    films: np.ndarray,
    *,
    steps: int = 16,
    seed: int = 0,
    reset: bool = False,
) -> FilmEvaluation:
    """Evaluate a network on films, frame by frame with the state kept between frames.

    Parameters
    ----------
    network : IntNetwork, Network with a decoder, or path of a file
    films : (n, frames, ...) array
        Films of n streams, such as `ipvae.film` makes; frames as `ipvae.run` takes images.
    steps : int
        Updates of each frame.
    seed : int in [0, 2**48)
        Seed of all draws.
    reset : bool
        Begin every frame with a reset, for comparison.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> import ipvae
    >>> film = ipvae.film(stills, motion="rotate", frames=20)  # doctest: +SKIP
    >>> ipvae.evaluate_film("net.h5", film, steps=8).r2  # doctest: +SKIP
    """
    require_positive("steps", steps)
    updates = updates_of(network, seed)
    films = np.asarray(films)
    least = 1 if reset else 2
    if films.ndim < 3 or 0 in films.shape or films.shape[1] < least:
        raise InputError(
            f"films: found shape {films.shape}, allowed (n, frames, ...) with {least} frames or "
            "more; make films with ipvae.film"
        )
    flat = films.reshape(-1, *films.shape[2:])
    pixels = updates.pixels(flat).reshape(*films.shape[:2], -1)
    seen = _Seen(updates, pixels, steps, reset=reset)
    pairs = seen.pairs if reset else [pair for pair in seen.pairs if pair[0] is not None]
    energy, time, notes = updates.costs(pairs, kept=not reset)
    first = 0 if reset else 1
    return FilmEvaluation(
        films=len(films),
        frames=films.shape[1],
        steps=steps,
        seed=seed,
        reset=reset,
        r2=_mean(seen.drawn[:, :, -1], 0),
        r2_averaged=_mean(seen.averaged[:, :, -1], 0),
        r2_by_update=_mean(seen.drawn[:, first:], (0, 1)),
        averaged_by_update=_mean(seen.averaged[:, first:], (0, 1)),
        synaptic_ops=seen.synaptic_ops.mean(axis=0),
        changed_pixels=seen.changed_pixels.mean(axis=0),
        counts=updates.counts(pairs, kept=not reset),
        chip_steps=updates.chip_steps(pairs, steps),
        energy=tuple(energy),
        time=tuple(time),
        notes=tuple(notes),
    )


def _mean(values: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    """Mean without constant frames, which have no R2."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=axes)
    number = known.sum(axis=axes)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


class _Seen:
    """Results of all frames: R2 of films x frames x updates, operations, and messages."""

    def __init__(self, updates: Updates, pixels: np.ndarray, steps: int, *, reset: bool) -> None:
        n, frames = pixels.shape[:2]
        self.drawn, self.averaged = np.zeros((2, n, frames, steps))
        self.synaptic_ops, self.changed_pixels = np.zeros((2, n, frames))
        self.pairs: list[tuple[Any, Any]] = []
        self._of = updates
        begun = False
        for i, film in enumerate(pixels):
            shown, before = np.zeros(film.shape[1], np.int64), None
            for f, frame in enumerate(film):
                if begun and (reset or f == 0):
                    updates.reset()
                    before = None
                begun = True
                found = [updates.update(frame) for _ in range(steps)]
                z, after = np.stack([code for code, _ in found]), found[-1][1]
                self.pairs.append((before, after))
                counted = updates.counts(self.pairs[-1:], kept=before is not None)
                self.synaptic_ops[i, f] = counted.synaptic_ops
                self.changed_pixels[i, f] = (frame != shown).sum()
                self._judge(i, f, frame, z)
                before, shown = after, frame

    def _judge(self, i: int, f: int, frame: np.ndarray, z: np.ndarray) -> None:
        totals = np.concatenate([np.zeros((1, z.shape[1])), z.cumsum(axis=0)])
        updates = np.arange(1, len(z) + 1)
        window = np.maximum(1, updates // 4)
        means = (totals[updates] - totals[updates - window]) / window[:, None]
        real = np.tile(self._of.real(frame), (len(z), 1))
        for into, codes in ((self.drawn, z), (self.averaged, means)):
            into[i, f] = r2_of_each(real, self._of.decoded(codes))
