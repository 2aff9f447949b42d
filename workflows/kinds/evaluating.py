"""Evaluation of a `Network`: what its last layer decides or reconstructs, by steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.energy.counting.network_counts import network_counts
from ipvae.network.frames import in_rows
from ipvae.network.network import Network
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import count, percent
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.kinds.frames import first_labels, host_products, run_frames
from ipvae.workflows.kinds.judging import accuracy, classes, fit
from ipvae.workflows.progress import stage
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.network_shards import totals_at

COLUMNS = ["step", "accuracy", "zeros", "synaptic ops"]
DECODED = ["step", "MSE", "R2", "zeros", "spikes", "synaptic ops"]
NO_LABELS = "accuracy: no labels were given (labels=)"


@dataclass(frozen=True, eq=False, repr=False)
class NetworkEvaluation(Result):
    """Figures of a `Network` on images.

    Attributes
    ----------
    name : str
    images : int
    curve : list of dict
        A point for each number of steps: `step`; `accuracy`, fraction of labelled images whose
        class is right, or None; `zeros`, fraction of zeros in all messages; `synaptic_ops` per
        image; `mse` and `r2`, None if nothing is reconstructed. Of a network with a decoder,
        `zeros` are those of its code after this step, and `spikes` the sum of the code's counts at
        this step, per image.
    classes : (N,) int64
        Class of each image after the last number of steps, -1 for none.
    outputs : (N, n) int64
        Messages of the last layer, summed over the steps.
    """

    name: str
    images: int
    curve: list[dict[str, Any]]
    classes: np.ndarray
    outputs: np.ndarray

    @property
    def accuracy(self) -> float | None:
        """Accuracy after the last number of steps; None without labels."""
        return self.curve[-1]["accuracy"]

    @property
    def mse(self) -> float | None:
        """Squared error per pixel after the last number of steps; None without a decoder."""
        return self.curve[-1]["mse"]

    @property
    def r2(self) -> float | None:
        """Explained variance after the last number of steps; None without a decoder."""
        return self.curve[-1]["r2"]

    @property
    def zeros(self) -> float:
        """Fraction of zeros in all messages, or of a network with a decoder in its code."""
        return self.curve[-1]["zeros"]

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        extent = f"{self.images} x {self.curve[-1]['step']}"
        found = [("name", self.name), ("images x steps", extent), ("zeros", percent(self.zeros))]
        if self.r2 is not None:
            found.insert(2, ("R2", f"{self.r2:.4g}"))
        if self.accuracy is not None:
            found.append(("accuracy", percent(self.accuracy, 2)))
        return found

    def shown(self) -> list[Table | str]:
        """Return the curve as a table."""
        title = f"{self.name}, {number_of(self.images, 'image')}"
        if self.r2 is not None:
            return [Table(title, DECODED, [_decoded(point) for point in self.curve])]
        rows = [
            [
                str(point["step"]),
                "-" if point["accuracy"] is None else percent(point["accuracy"], 2),
                percent(point["zeros"]),
                count(point["synaptic_ops"]),
            ]
            for point in self.curve
        ]
        notes = [] if self.accuracy is not None else [NO_LABELS]
        return [Table(title, COLUMNS, rows), *notes]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae evaluate --json`."""
        last = {key: value for key, value in self.curve[-1].items() if key != "step"}
        found = {
            "samples": self.images,
            "steps": self.curve[-1]["step"],
            "seed": 0,
            **last,
            "curve": self.curve,
        }
        if self.r2 is None:
            found["classes"] = [None if n < 0 else n for n in self.classes.tolist()]
            found["outputs"] = self.outputs.tolist()
        return json_data(found)


def _decoded(point: dict[str, Any]) -> list[str]:
    """Row of a point of a network with a decoder."""
    return [
        str(point["step"]),
        f"{point['mse']:.4g}",
        f"{point['r2']:.4f}",
        f"{point['zeros']:.4f}",
        count(point["spikes"]),
        count(point["synaptic_ops"]),
    ]


def evaluate_network(
    network: Network,
    name: str,
    images: ImagesLike,
    labels: LabelsLike,
    steps: Sequence[int],
    samples: int | None,
    integers: str = "input",
    scheduler: str | None = None,
) -> NetworkEvaluation:
    """Evaluate a network on images, after each number of steps.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If a cluster cannot be reached or is lost.
    """
    frames = run_frames(network, images, max(steps), 0, samples, integers, name)
    known = first_labels(labels, len(frames), network.readout.n_neurons)
    curve: list[dict[str, Any]] = []
    products, n = host_products(network, frames), len(frames)
    decided = outputs = np.zeros(0, np.int64)
    values, rows = in_rows(network, frames.values), [network.rows(step) for step in steps]
    with stage(f"evaluating {n} images to step {steps[-1]}", n) as advance:
        found = totals_at(network, values, rows, scheduler, advance)
    for step, totals in zip(steps, found.values(), strict=True):
        decided, outputs = classes(totals), totals.outputs
        counts = network_counts(network, totals, products)
        curve.append(
            {
                "step": step,
                "mse": None,
                "r2": None,
                "zeros": counts.zeros,
                "accuracy": accuracy(decided, known),
                "synaptic_ops": counts.total.synaptic_ops,
                **fit(network, totals, frames.values),
            }
        )
    return NetworkEvaluation(name, len(frames), curve, decided, outputs)
