"""Result of quantization: the network, its loss, and the file written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.chip.check import CheckResult
from ipvae.export.options import ExportOptions
from ipvae.network.description import IntNetwork
from ipvae.workflows.quantizing.saved import SavedNetwork
from ipvae.workflows.results import Result, Table, json_data

FIGURES = (("R2", "r2", ".4f"), ("MSE", "mse", ".3e"), ("zeros", "zeros", ".4f"))
NEURONS = (("silent neurons", "silent_neurons"), ("saturated neurons", "saturated_neurons"))
LAYER_COLUMNS = ["", "weights", "scale", "range", "clipped", "zero", "widest sum", "saturations"]


@dataclass(frozen=True, eq=False, repr=False)
class QuantizationReport(Result):
    """Settings and loss of a quantization, on the calibration images.

    Attributes
    ----------
    options : ExportOptions
    integer, real : dict
        Figures of the integer network and of the float model: `curve` (`step`, `mse` in squared
        pixel units, `r2`, `zeros`), `silent_neurons`, `saturated_neurons`.
    layers : list of dict
        Facts of each layer: weights, scale, range, clipped and zero weights, widest sum,
        saturations.
    check : CheckResult
        Limits of Loihi 2 and the proof that no variable overflows.
    checksum : str
        Checksum of the network.
    """

    options: ExportOptions
    integer: dict[str, Any]
    real: dict[str, Any]
    layers: list[dict[str, Any]]
    check: CheckResult
    checksum: str

    @property
    def loss(self) -> dict[str, float]:
        """Integer network minus float model: `r2`, `mse`, `zeros` after the last step."""
        return {key: self.integer[key] - self.real[key] for key in ("r2", "mse", "zeros")}

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("weight bits", str(self.options.weight_bits)),
            ("steps", str(self.integer["steps"])),
            ("R2", f"{self.integer['r2']:.4f} (float {self.real['r2']:.4f})"),
            ("zeros", f"{self.integer['zeros']:.4f} (float {self.real['zeros']:.4f})"),
            ("fits Loihi 2", str(self.check.ok)),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return json_data(
            {
                "checksum": self.checksum,
                **self.options.as_dict(),
                "loss": self.loss,
                "layers": self.layers,
                "calibration": {"integer": self.integer, "float": self.real},
                "check": self.check.as_dict(),
            }
        )


@dataclass(frozen=True, eq=False, repr=False)
class Quantized(Result):
    """An integer network with the report of its quantization.

    Attributes
    ----------
    network : IntNetwork
    report : QuantizationReport
    """

    network: IntNetwork
    report: QuantizationReport

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [("network", repr(self.network)), *self.report.rows()]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: figures of the report and of the code's weights."""
        report = self.report
        of_code = next(facts["grids"] for facts in report.layers if facts["role"] == "code")
        grid = of_code.get("weight_rec") or of_code["weight"]
        return {
            "checksum": report.checksum,
            "weight_bits": report.options.weight_bits,
            "layout": report.options.layout,
            "inference": report.options.inference,
            **self._numbers(),
            "synapses": self.synapses,
            "clipped_weights": grid["clipped"],
            "zero_weights": grid["zeros"],
            "loss": report.loss,
            "layers": report.layers,
            "calibration": {"integer": report.integer, "float": report.real},
            "check": report.check.as_dict(),
            **({"start": self.network.provenance["start_fit"]} if self._changed else {}),
        }

    def _numbers(self) -> dict[str, int | None]:
        """Exponents of the code's weights and drive, and the width of its counts."""
        layer = self.network.layer
        return {
            "weight_exp": layer.weight_exp,
            "drive_exp": layer.drive_exp,
            "payload_bits": getattr(layer, "payload_bits", None),
        }

    @property
    def _changed(self) -> bool:
        return self.report.options.changed_inference

    @property
    def synapses(self) -> int:
        """Number of synapses between neurons in all layers."""
        grids = (facts["grids"].get("weight_rec") for facts in self.report.layers)
        return sum(grid["weights"] for grid in grids if grid)

    def save(self, path: str | Path, *, overwrite: bool = False) -> SavedNetwork:
        """Write the network file as `network.save` does, and return a result with its path."""
        self.network.save(path, overwrite=overwrite)
        return SavedNetwork(str(path), self)

    def shown(self) -> list[Table | str]:
        """Return a table of float model and network, and a table of layers."""
        report = self.report
        rows = [
            [f"{name}, {x['step']} steps", f"{x[key]:{form}}", f"{y[key]:{form}}"]
            for x, y in zip(report.real["curve"], report.integer["curve"], strict=True)
            for name, key, form in FIGURES
        ]
        rows += [[name, str(report.real[key]), str(report.integer[key])] for name, key in NEURONS]
        return [
            Table(f"{report.integer['images']} training images", ["", "float", "integer"], rows),
            Table("layers", LAYER_COLUMNS, [_layer_row(facts) for facts in report.layers]),
            *([_start_text(self.network.provenance)] if self._changed else []),
        ]

    def size_text(self) -> str:
        """Return neurons, synapses and bits of the network as text."""
        sizes = ", ".join(f"{f['neurons']} {f['role']}" for f in self.report.layers)
        return (
            f"{self.network.input.size} pixels, neurons: {sizes}; {self.synapses} synapses, "
            f"{self.report.options.weight_bits} bits"
        )


def _start_text(provenance: dict) -> str:
    """Start and scales of a network whose inference differs from the model's, in one line."""
    fit = provenance["start_fit"]
    affine = ""
    if "explained_variance" in fit:
        affine = (
            f" fitted on {fit['images']} images ({fit['explained_variance']:.1%} of the log-rates' "
            f"variance), below {provenance['start_threshold']:g} nats lowered by "
            f"{provenance['start_margin']:g},"
        )
    return (
        f"start {provenance['start']},{affine} step size x {provenance['step_scale']:g} (stable up "
        f"to {fit['largest_step_scale']:.3g}), constant inhibition x "
        f"{provenance['inhibition_scale']:g}"
    )


def _layer_row(facts: dict) -> list[str]:
    """Row of one layer, with its synapses, or its drive for a layer without synapses."""
    grids = facts["grids"]
    grid = grids.get("weight_rec") or grids.get("weight")
    shown = ["", "", "", "", ""]
    if grid:
        low, high = grid["range"]
        shown = [
            str(grid["weights"]),
            f"{grid['scale']:g}",
            f"{low}..{high}",
            str(grid["clipped"]),
            str(grid["zeros"]),
        ]
    return [
        f"{facts['layer']} {facts['role']}",
        *shown,
        f"{facts['accumulator_bits']} bits" if facts["widest_accumulator"] else "none",
        str(sum(facts["saturations"].values())),
    ]
