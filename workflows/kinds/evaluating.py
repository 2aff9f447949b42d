"""Evaluation of a `Network`: what its last layer decides, after each number of steps."""

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
from ipvae.workflows.kinds.judging import accuracy, classes
from ipvae.workflows.progress import stage
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.network_shards import totals_at

COLUMNS = ["step", "accuracy", "zeros", "synaptic ops"]
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
        image; `mse` and `r2` are None, since nothing is reconstructed.
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
    def zeros(self) -> float:
        """Fraction of zeros in all messages."""
        return self.curve[-1]["zeros"]

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        extent = f"{self.images} x {self.curve[-1]['step']}"
        found = [("name", self.name), ("images x steps", extent), ("zeros", percent(self.zeros))]
        if self.accuracy is not None:
            found.append(("accuracy", percent(self.accuracy, 2)))
        return found

    def shown(self) -> list[Table | str]:
        """Return the curve as a table."""
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
        return [
            Table(f"{self.name}, {number_of(self.images, 'image')}", COLUMNS, rows),
            *notes,
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae evaluate --json`."""
        last = {key: value for key, value in self.curve[-1].items() if key != "step"}
        found = {
            "samples": self.images,
            "steps": self.curve[-1]["step"],
            "seed": 0,
            **last,
            "curve": self.curve,
            "classes": [None if n < 0 else n for n in self.classes.tolist()],
            "outputs": self.outputs.tolist(),
        }
        return json_data(found)


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
            }
        )
    return NetworkEvaluation(name, len(frames), curve, decided, outputs)
