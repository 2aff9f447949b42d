"""Result of the quantization of a network of ReLU activations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.chip.check import CheckResult
from ipvae.errors import InputError
from ipvae.network.io.lava_dl_file import SUFFIX
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.report.numbers import count, percent
from ipvae.workflows.graphs.result import COLUMNS, rounding_rows
from ipvae.workflows.quantizing.saved import SavedNetwork
from ipvae.workflows.results import Result, Table, json_data

DIFFERENCES = [
    *("node", "layer", "threshold", "largest", "difference", "bound, these images"),
    *("bound, all images", "24 bits proved"),
]


@dataclass(frozen=True)
class LayerDifference:
    """Values of one layer in float and in integers.

    Attributes
    ----------
    layer, node : str
    largest : float
        Largest magnitude of the float activation.
    measured : float
        Largest difference of a value in any row.
    bound_here : float
        Bound on it for images whose activations stay in the range of the calibration.
    bound : float
        Bound for every image of the input's range.
    proved : bool
        True if no sum can leave 24 bits with any such image. Otherwise the bounds hold for runs
        that count no sum outside 24 bits (`limits` of a run's totals).
    """

    layer: str
    node: str
    largest: float
    measured: float
    bound_here: float
    bound: float
    proved: bool


@dataclass(frozen=True)
class ActivationComparison:
    """A whole network in float and in integers.

    Attributes
    ----------
    images, steps : int
    frames : int
        Different images of a sample.
    layers : tuple of LayerDifference
    real_accuracy, integer_accuracy : float or None
        After the last step; None without labels.
    same_class : float
        Fraction of samples with the same class in float and in integers.
    synaptic_ops : float
        Of a sample, in integers.
    macs : float
        Products of a sample in the float network.
    """

    images: int
    steps: int
    frames: int
    layers: tuple[LayerDifference, ...]
    real_accuracy: float | None
    integer_accuracy: float | None
    same_class: float
    synaptic_ops: float
    macs: float

    @property
    def loss(self) -> float | None:
        """Accuracy lost; None without labels."""
        if self.real_accuracy is None or self.integer_accuracy is None:
            return None
        return self.real_accuracy - self.integer_accuracy

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return {**vars(self), "layers": [vars(one) for one in self.layers]}


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedRelu(Result):
    """An integer network of sigma-delta neurons, every rounding, and bounds on the difference.

    Attributes
    ----------
    network : Network
    origin : str
    weight_bits : int
    thresholds : dict of node -> float
        Fractions of each node's largest activation.
    layers : list of dict
        Facts of each layer: unit, threshold, connections with their steps, ranges and errors.
    comparison : ActivationComparison
    check : CheckResult
        Limits of Loihi 2.
    """

    network: Network
    origin: str
    weight_bits: int
    thresholds: Mapping[str, float]
    layers: list[dict[str, Any]]
    comparison: ActivationComparison
    check: CheckResult

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.comparison
        operations = f"{count(found.synaptic_ops)} (float products {count(found.macs)})"
        rows = [
            ("weight bits", str(self.weight_bits)),
            ("samples x steps", f"{found.images} x {found.steps}"),
            ("same class", percent(found.same_class, 2)),
            ("synaptic operations", operations),
            ("fits Loihi 2", str(self.check.ok)),
        ]
        if found.real_accuracy is not None and found.integer_accuracy is not None:
            both = f"{found.integer_accuracy:.4f} (float {found.real_accuracy:.4f})"
            rows.insert(2, ("accuracy", both))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae export --json`."""
        return json_data(
            {
                "checksum": checksum(self.network),
                "origin": self.origin,
                "weight_bits": self.weight_bits,
                "thresholds": dict(self.thresholds),
                "layers": self.layers,
                "comparison": self.comparison.to_json(),
                "check": self.check.as_dict(),
            }
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> SavedNetwork:
        """Write the network file, and return a result with its path.

        Raises
        ------
        InputError
            If it cannot be written, or the path is a .net file, whose layout has no exponents.
        """
        if Path(path).suffix == SUFFIX:
            raise InputError(
                f"{path}: lava-dl's layout cannot hold the exponents of sigma-delta layers, "
                "allowed is an .h5 file; change the suffix"
            )
        self.network.save(path, overwrite=overwrite)
        return SavedNetwork(str(path), self)

    def shown(self) -> list[Table | str]:
        """Return tables of figures, roundings and differences."""
        facts = {layer["layer"]: layer for layer in self.layers}
        differences = [
            [
                one.node,
                one.layer,
                f"{facts[one.layer]['threshold_real']:.3g}",
                *(f"{value:.3g}" for value in (one.largest, one.measured)),
                *(f"{value:.3g}" for value in (one.bound_here, one.bound)),
                "yes" if one.proved else "no",
            ]
            for one in self.comparison.layers
        ]
        return [
            Table("integers against float", ["", ""], [list(row) for row in self.rows()]),
            Table("rounding of weights", COLUMNS, rounding_rows(self.layers)),
            Table("values of a neuron", DIFFERENCES, differences),
        ]

    def size_text(self) -> str:
        """Return neurons and bits of the network as text."""
        layers = ", ".join(f"{layer['neurons']} {layer['kind']}" for layer in self.layers)
        return f"neurons: {layers}; {self.weight_bits} bits"
