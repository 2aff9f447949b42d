"""Result of a run of a `Network`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.energy.counting.network_counts import LayerCounts, NetworkCounts
from ipvae.network.traces.network_totals import NetworkTotals
from ipvae.report.numbers import count, percent
from ipvae.workflows.kinds.frames import UNNAMED
from ipvae.workflows.kinds.judging import accuracy, classes
from ipvae.workflows.results import Table
from ipvae.workflows.running.run_result import RunResult

COLUMNS = [
    *("layer", "neurons", "messages", "synaptic ops", "count-weighted", "effective MACs"),
    "neuron updates",
]

COUNTED = (
    *("messages", "synaptic_ops", "count_weighted_ops", "effective_macs"),
    "neuron_updates",
)
"""Counts of a layer in the columns after its neurons."""

MOST_NAMED = 10
"""Maximum number of images whose classes a terminal shows."""


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRun(RunResult):
    """Result of a run of a `Network`.

    Attributes
    ----------
    network_totals : NetworkTotals
        Messages of each layer, summed over images and rows, and what the last layer sent.
    counted : NetworkCounts
        Operations per image.
    outputs : dict of layer -> (N, n) int64
        Output of the last layer, summed over the steps.
    labels : (N,) int64 or None
        Class of each image, -1 where unknown.
    fit : dict, optional
        Of a network with a decoder: `mse`, `r2`, `zeros` and `spikes` after the last step.
    """

    network_totals: NetworkTotals
    counted: NetworkCounts
    labels: np.ndarray | None = None
    fit: Mapping[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        """Operations per image of the whole network."""
        return self.counted.total

    @property
    def layers(self) -> tuple[LayerCounts, ...]:
        """Counts of the input and of each layer, per image."""
        return self.counted.layers

    @property
    def zeros(self) -> float:
        """Fraction of zeros in all messages that layers send to others."""
        return self.counted.zeros

    @property
    def classes(self) -> np.ndarray:
        """Class of each image, (N,): index of the largest output of the last layer.

        Where it sends nothing above 0, the index of its largest potential; -1 if all are equal.
        """
        return classes(self.network_totals)

    @property
    def accuracy(self) -> float | None:
        """Fraction of labelled images that are classified correctly; None without labels."""
        return accuracy(self.classes, self.labels)

    @property
    def image_steps_per_second(self) -> float:
        """Steps of all images per second."""
        return self.images * self.steps / self.seconds

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        speed = f"{self.image_steps_per_second:.1f} image-steps/s"
        of_all = f"({percent(self.zeros)} of all are zero)"
        decided = ("classes", _classes_text(self.classes))
        return [
            ("images x steps", f"{self.images} x {self.steps}"),
            ("time", f"{self.seconds:.2f} s, {speed}"),
            ("messages", f"{count(self.counts.messages)} per image {of_all}"),
            ("R2", f"{self.fit['r2']:.4f}") if self.fit else decided,
            *([] if self.accuracy is None else [("accuracy", percent(self.accuracy))]),
        ]

    def shown(self, network: str = UNNAMED) -> list[Table | str]:
        """Return the size of the run and the counts of each layer."""
        rows = [list(row) for row in self.rows()]
        table = layer_table([layer.as_dict() for layer in self.layers])
        return [Table(f"{network} on {self.backend}", ["", ""], rows), table]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae run --json`."""
        return {
            "backend": self.backend,
            "samples": self.images,
            "steps": self.steps,
            "seconds": self.seconds,
            "image_steps_per_second": self.image_steps_per_second,
            "spikes": round(self.counts.spikes * self.images),
            "zeros": self.zeros,
            "counts": self.counts.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
            **({k: self.fit[k] for k in ("mse", "r2")} if self.fit else self._decisions()),
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
        }

    def _decisions(self) -> dict[str, Any]:
        return {
            "outputs": self.outputs[self.code].tolist(),
            "classes": [None if found < 0 else found for found in self.classes.tolist()],
        }


def _classes_text(classes: np.ndarray) -> str:
    """Text of the first classes, with a dash if no output was above 0."""
    named = ["-" if found < 0 else str(found) for found in classes[:MOST_NAMED]]
    return ", ".join(named + (["..."] if len(classes) > MOST_NAMED else []))


def layer_table(layers: Sequence[Mapping[str, Any]]) -> Table:
    """Return the counts of each layer as a table; arguments are fields of `LayerCounts`."""
    rows = [
        [
            f"{layer['layer']} {layer['kind']}",
            str(layer["neurons"]),
            *(count(layer[name]) for name in COUNTED),
        ]
        for layer in layers
    ]
    return Table("per layer and image (docs/energy.md)", COLUMNS, rows)
