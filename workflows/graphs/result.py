"""Result of the quantization of an imported network, and the file written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.chip.check import CheckResult
from ipvae.network.io.lava_dl_file import SUFFIX
from ipvae.network.io.lava_dl_writer import write_plain
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.report.numbers import percent
from ipvae.workflows.graphs.comparison import Comparison
from ipvae.workflows.quantizing.saved import SavedNetwork
from ipvae.workflows.results import Result, Table, json_data

COLUMNS = ["node", "layer", "kind", "weights", "range", "clipped", "zero", "largest error"]
RATES = ["node", "layer", "spikes, float", "integer", "equal", "first different step"]


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedGraph(Result):
    """An integer network, every rounding, and its spikes compared with the float network.

    Attributes
    ----------
    network : Network
    origin : str
    weight_bits : int
    layers : list of dict
        Facts of each layer: kind, connections with their steps, ranges and errors, notes.
    comparison : Comparison
    check : CheckResult
        Limits of Loihi 2.
    plain : callable, optional
        Quantizes once more for lava-dl's layout, which has no exponents.
    """

    network: Network
    origin: str
    weight_bits: int
    layers: list[dict[str, Any]]
    comparison: Comparison
    check: CheckResult
    plain: "Callable[[], QuantizedGraph] | None" = None

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.comparison
        rows = [
            ("weight bits", str(self.weight_bits)),
            ("images x steps", f"{found.images} x {found.steps}"),
            ("same class", percent(found.same_class, 2)),
            ("first difference", self._first()),
            ("fits Loihi 2", str(self.check.ok)),
        ]
        if found.real_accuracy is not None and found.integer_accuracy is not None:
            both = f"{found.integer_accuracy:.4f} (float {found.real_accuracy:.4f})"
            rows.insert(2, ("accuracy", both))
        return rows

    def _first(self) -> str:
        first = self.comparison.first
        if first is None:
            return "none: all spikes are equal"
        return f"node {first['node']}, step {first['step']}, neuron {first['neuron']}"

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae export --json`."""
        return json_data(
            {
                "checksum": checksum(self.network),
                "origin": self.origin,
                "weight_bits": self.weight_bits,
                "layers": self.layers,
                "comparison": self.comparison.to_json(),
                "check": self.check.as_dict(),
            }
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> SavedNetwork:
        """Write the network file, and return a result with its path.

        Parameters
        ----------
        path : .h5 file, or .net file in lava-dl's layout
            The latter for CUBA layers in a chain, quantized once more without exponents.
        overwrite : bool

        Raises
        ------
        InputError
            If it cannot be written, or lava-dl's layout cannot hold the network.
        """
        if Path(path).suffix == SUFFIX:
            made = self if self.plain is None else self.plain()
            write_plain(path, made.network, overwrite=overwrite)
            return SavedNetwork(str(path), made)
        self.network.save(path, overwrite=overwrite)
        return SavedNetwork(str(path), self)

    def shown(self) -> list[Table | str]:
        """Return tables of figures, roundings and rates, then notes."""
        rates = [
            [
                one.node,
                one.layer,
                f"{one.real_rate:.4f}",
                f"{one.integer_rate:.4f}",
                percent(one.equal, 2),
                "none" if one.first_step is None else str(one.first_step),
            ]
            for one in self.comparison.layers
        ]
        notes = [
            f"node {layer['node']}: {note}" for layer in self.layers for note in layer["notes"]
        ]
        return [
            Table("integers against float", ["", ""], [list(row) for row in self.rows()]),
            Table("rounding of weights", COLUMNS, rounding_rows(self.layers)),
            *([Table("spikes of a neuron in a step", RATES, rates)] if rates else []),
            *notes,
        ]

    def size_text(self) -> str:
        """Return neurons and bits of the network as text."""
        layers = ", ".join(f"{layer['neurons']} {layer['kind']}" for layer in self.layers)
        return f"neurons: {layers}; {self.weight_bits} bits"


def rounding_rows(layers: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row of `COLUMNS` for each connection."""
    return [
        [
            layer["node"],
            f"{layer['layer']} from {one['source']}",
            layer["kind"],
            str(one["weights"]),
            "{}..{}".format(*one["range"]),
            str(one["clipped"]),
            str(one["zeros"]),
            percent(one["largest_error"], 2),
        ]
        for layer in layers
        for one in layer["connections"]
    ]
