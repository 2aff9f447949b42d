"""Early stopping of each image, once a figure of merit has converged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.energy.counting.counts import count_run
from ipvae.errors import InputError
from ipvae.evaluation.stopping import EnergyOfEach, FitOfEach
from ipvae.network.description import IntNetwork
from ipvae.workflows.progress import Advance

if TYPE_CHECKING:
    from ipvae.emulator import Emulator, Stopped, StopRule

TOLERANCES = {"r2": 0.002, "free-energy": 0.005}
"""Rules, and the tolerated change: absolute for R2, relative for the free energy."""


@dataclass(frozen=True)
class StopChoice:
    """Rule of early stopping that the user chose.

    Attributes
    ----------
    figure : 'r2' or 'free-energy'
    tolerance : float
    """

    figure: str
    tolerance: float

    def rule(self, network: IntNetwork, pixels: np.ndarray) -> "StopRule":
        """Return the rule for a run of these images."""
        from ipvae.emulator import StopRule

        if self.figure == "r2":
            return StopRule(FitOfEach(network, pixels), self.tolerance)
        return StopRule(EnergyOfEach(network, pixels), self.tolerance, relative=True)

    def run(
        self,
        emulator: "Emulator",
        pixels: np.ndarray,
        budget: int,
        seed: int,
        first_image: int = 0,
        progress: Advance | None = None,
    ) -> "Stopped":
        """Run images until each has converged, or for `budget` updates."""
        from ipvae.emulator import run_until_settled

        rule = self.rule(emulator.network, pixels)
        return run_until_settled(emulator, pixels, budget, seed, rule, first_image, progress)


def stop_choice(
    stop: str | None, tolerance: float | None, others: dict[str, bool]
) -> StopChoice | None:
    """Check a choice; `others` are given arguments that exclude `stop`."""
    if stop is None:
        if tolerance is not None:
            raise InputError("tolerance: needs stop=; give both or neither")
        return None
    if stop not in TOLERANCES:
        raise InputError(f"stop: found '{stop}', allowed {' and '.join(TOLERANCES)}")
    for option, given in others.items():
        if given:
            raise InputError(f"stop: does not go with {option}; leave one of them out")
    if tolerance is None:
        return StopChoice(stop, TOLERANCES[stop])
    if not 0 <= tolerance < float("inf"):
        raise InputError(f"tolerance: found {tolerance}, allowed 0 and above")
    return StopChoice(stop, tolerance)


def stop_figures(network: IntNetwork, choice: StopChoice, found: "Stopped") -> dict[str, Any]:
    """Return JSON data: steps of the images, and their cost."""
    steps = found.steps
    rule = choice.rule(network, network.test_images[:0])
    return {
        "rule": choice.figure,
        "tolerance": choice.tolerance,
        "every": rule.every,
        "window": rule.window,
        "margin": rule.margin,
        "budget": found.totals.steps,
        "settled": int(found.settled.sum()),
        "steps": {
            "mean": float(steps.mean()),
            "median": float(np.median(steps)),
            "min": int(steps.min()),
            "max": int(steps.max()),
        },
        "steps_of_each": steps.tolist(),
        "counts": count_run(network, found.totals).as_dict(),
    }
