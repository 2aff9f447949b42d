"""Models of a comparison, with quality and cost at each number of steps."""

from dataclasses import dataclass
from typing import Any

from ipvae.evaluation.early_stopping import stopping_step
from ipvae.report.numbers import band, count, fit, percent, whole
from ipvae.workflows.comparison.accuracy import add_accuracy
from ipvae.workflows.comparison.any_network import AnyNetwork
from ipvae.workflows.comparison.choosing import Subject
from ipvae.workflows.comparison.common_images import CommonImages
from ipvae.workflows.comparison.costed import OWN
from ipvae.workflows.evaluation.codes import FitSource
from ipvae.workflows.progress import stage

ENERGY = "Loihi 2 band"
"""Energy model in table and figure, as named in `ipvae.energy.models`; JSON has all."""
OTHER_ENERGY = "Loihi 1 constants"
DYNAMIC = f"{ENERGY}, dynamic"
ENERGIES = {
    DYNAMIC: (ENERGY, "dynamic"),
    f"{ENERGY}, static": (ENERGY, "static"),
    OTHER_ENERGY: (OTHER_ENERGY, "dynamic"),
}
"""Columns of the table of energies: model and part."""
COUNTED = {
    "synaptic ops": "synaptic_ops",
    "messages": "messages",
    "spikes": "spikes",
    "neuron updates": "neuron_updates",
}
"""Columns of the table of networks of any kind: counts per image."""


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """A model, network or baseline, with one point for each number of steps.

    Attributes
    ----------
    name : str
    path : str or None
        Path that was read; None for an object in memory.
    kind : 'integers' or 'float'
    one_shot : bool
        True for a single-pass model, which gives one point instead of a curve.
    facts : dict
        JSON keys that describe it.
    stop : int or None
        Early-stopping point in steps; None where R2 is undefined.
    curve : list of dict
        `step`; `mse` (squared pixel units), `r2`, `zeros`; `accuracy` if there is a classifier;
        `synaptic_ops`, `drive_macs`, `readout_ops` and their sum `operations`, per image. Networks
        also have `counts` and `energy`, whose `low_j` and `high_j` are joules per image. A
        network of any kind has `mse` and `r2`, and `spikes` of a step, only with a decoder.
    """

    name: str
    path: str | None
    kind: str
    one_shot: bool
    facts: dict[str, Any]
    stop: int | None
    curve: list[dict[str, Any]]

    @property
    def at_stop(self) -> dict[str, Any]:
        """Point at the early-stopping step, or the last point."""
        return next((p for p in self.curve if p["step"] == self.stop), self.curve[-1])

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "name": self.name,
            "path": self.path,
            "kind": self.kind,
            "one_shot": self.one_shot,
            **self.facts,
            "stop": self.stop,
            "curve": self.curve,
        }

    def cells(self) -> list[str]:
        """Return the row of the table, at the early-stopping point."""
        point = self.at_stop
        own = "*" if point.get("accuracy_by") == OWN else ""
        return [
            self.name,
            self.kind,
            "one shot" if self.one_shot else f"{point['step']} of {self.curve[-1]['step']}",
            fit(point["r2"]) if "r2" in point else "none",
            f"{point['zeros']:.4f}",
            f"{percent(point['accuracy'], 2)}{own}" if "accuracy" in point else "none",
            whole(point["synaptic_ops"]),
            whole(point["drive_macs"] + point["readout_ops"]),
        ]

    def cells_by_step(self) -> list[list[str]]:
        """Return a row for each number of steps: accuracy, and costs of a network."""
        rows = []
        for point in self.curve:
            counts = point["counts"]
            right = percent(point["accuracy"], 2) if "accuracy" in point else "none"
            numbers = [counts[key] for key in COUNTED.values()]
            energy = [
                band(row["low_j"], row["high_j"])
                for row in point["energy"]
                if (row["model"], row["part"]) == ENERGIES[DYNAMIC]
            ] or ["none"]
            rows.append([self.name, str(point["step"]), right, *map(count, numbers), *energy])
        return rows

    def energies(self) -> list[str]:
        """Return the row of the table of energies, at the early-stopping point."""
        rows = {
            (row["model"], row["part"]): band(row["low_j"], row["high_j"])
            for row in self.at_stop.get("energy", [])
        }
        return [self.name, *(rows.get(key, "none") for key in ENERGIES.values())]


def compared(
    name: str,
    one: Subject,
    images: CommonImages,
    wanted: list[int],
    seed: int,
    source: FitSource | None,
) -> ComparedModel:
    """Return the points of a subject, with accuracy if there is a classifier."""
    costed, n, stop = one.costed, len(images), None
    steps = [1] if costed.one_shot else wanted
    with stage(f"{name}: {n} images to step {steps[-1]}", n) as advance:
        if isinstance(costed, AnyNetwork):
            points = costed.points(images.inputs[name], steps, advance, seed)
            stop = stopping_step(points) if "r2" in points[0] else None
        else:
            found = costed.costed(images.of_pixels, steps, seed, advance)
            points, stop = found.points, stopping_step(found.points)
    if source is not None and not isinstance(costed, AnyNetwork):
        add_accuracy(costed, found, images.of_pixels, seed, source)
    path = None if one.path is None else str(one.path)
    facts = dict(costed.facts)
    return ComparedModel(name, path, costed.kind, costed.one_shot, facts, stop, points)
