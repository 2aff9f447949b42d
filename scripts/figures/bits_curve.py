"""Quality against weight bits, for docs/quantization.md: export at 8 to 2 bits, print, draw.

Measurements that exist in OUT are not repeated. R2, zeros and spikes are from `ipvae.evaluate` on
test images, with the emulator for integers. Float and integer runs use the same seeds, but not the
same random numbers.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept import kept, write

import ipvae
from ipvae.report.numbers import kibibytes
from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, drawing, save, title

KEEP_ANYTHING = 1e9


@dataclass(frozen=True)
class Export:
    """Export configuration, and the number of seeds for its measurement.

    Attributes
    ----------
    bits : width of a weight; 0 for the float model
    layout : layout for `ipvae.quantize`
    refit : refit the decoder
    all_seeds : use all seeds; otherwise only the first
    """

    bits: int
    layout: str = "recurrent"
    refit: bool = False
    all_seeds: bool = False

    @property
    def name(self) -> str:
        """Name in the table."""
        if not self.bits:
            return "float"
        other = "" if self.layout == "recurrent" else f", {self.layout}"
        return f"{self.bits} bits{other}{', decoder refitted' if self.refit else ''}"


EXPORTS = (
    Export(0, all_seeds=True),
    Export(8, all_seeds=True),
    Export(7),
    Export(6, all_seeds=True),
    Export(5),
    Export(4),
    Export(4, refit=True, all_seeds=True),
    Export(3),
    Export(3, refit=True),
    Export(2),
    Export(8, layout="error-units"),
    Export(6, layout="error-units"),
    Export(4, layout="error-units"),
)

Row = dict[str, Any]


def measured(export: Export, chosen: argparse.Namespace) -> Row:
    """Export, unless it exists, and evaluate with each seed.

    Returns
    -------
    `name`; `r2` and `zeros`, (seeds, steps); `spikes`, (seeds,), at the last step; for integers,
    `synapses`
    """
    stem = export.name.replace(", ", "-").replace(" ", "-")
    subject = made(export, chosen, chosen.out / f"{stem}.h5") if export.bits else chosen.model
    found = [
        kept(
            chosen.out / f"{stem}.{seed}.json",
            lambda seed=seed: ipvae.evaluate(
                subject,
                steps=chosen.steps,
                seeds=(seed,),
                samples=chosen.samples,
                data_dir=chosen.data_dir,
                scheduler=chosen.scheduler if export.bits else None,
            ),
        )
        for seed in range(chosen.seeds if export.all_seeds else 1)
    ]
    return {
        "name": export.name,
        "bits": export.bits,
        "r2": [[point["r2"] for point in one["curve"]] for one in found],
        "zeros": [[point["zeros"] for point in one["curve"]] for one in found],
        "spikes": [one["spikes"] for one in found],
        "samples": found[0]["samples"],
        "synapses": synapses(subject) if export.bits else None,
    }


def made(export: Export, chosen: argparse.Namespace, path: Path) -> Path:
    """Network file of an export, written unless it exists."""
    if not path.exists():
        made = ipvae.quantize(
            chosen.model,
            weight_bits=export.bits,
            layout=export.layout,
            refit_decoder=export.refit,
            most_loss=KEEP_ANYTHING,
            data_dir=chosen.data_dir,
        )
        made.network.save(path)
    return path


def synapses(path: Path) -> int:
    """Stored synapses of all layers of a network."""
    layers = ipvae.load_network(path).layers.values()
    return sum(layer.weight_rec.size for layer in layers if layer.weight_rec is not None)


def table(rows: Sequence[Row], steps: Sequence[int]) -> str:
    """Rows of a Markdown table; values from several seeds are the mean and half the range."""
    heads = [f"{name}, {step} steps | Δ" for step in steps for name in ("R2", "zeros")]
    lines = [
        f"| weights | {' | '.join(heads)} | spikes | memory |",
        "|" + "---|" * (4 * len(steps) + 3),
    ]
    exact = rows[0]
    for row in rows:
        cells = [row["name"]]
        for i, key in itertools.product(range(len(steps)), ("r2", "zeros")):
            found = np.array(row[key])[:, i]
            change = found - np.array(exact[key])[: len(found), i]
            cells += [_spread(found, ".4f"), "" if row is exact else _spread(change, "+.4f")]
        stored = row["synapses"]
        memory = "" if stored is None else kibibytes(stored * row["bits"] / 8)
        lines.append(f"| {' | '.join(cells)} | {np.mean(row['spikes']):.0f} | {memory} |")
    return "\n".join(lines)


def _spread(values: np.ndarray, form: str) -> str:
    shown = f"{values.mean():{form}}"
    return shown if len(values) == 1 else f"{shown} ± {np.ptp(values) / 2:.4f}"


def draw(path: Path, rows: Sequence[Row], steps: Sequence[int], of: str) -> None:
    """Draw R2 and zeros against bits, a line for each number of steps, dashed for float."""
    plain = [row for row in rows if row["bits"] and row["name"] == f"{row['bits']} bits"]
    fitted = [row for row in rows if row["name"].endswith("bits, decoder refitted")]
    with drawing(1000, 460) as figure:
        panels = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.06, right=0.975, top=0.8, bottom=0.12, wspace=0.14)
        for axes, key, name in zip(panels, ("r2", "zeros"), ("R²", "zeros"), strict=True):
            for i, (step, colour) in enumerate(zip(steps, (BLUE, ORANGE), strict=False)):
                exact = float(np.array(rows[0][key])[:, i].mean())
                axes.axhline(exact, color=colour, linestyle="--", linewidth=1)
                x, y = [row["bits"] for row in plain], [_mean(row, key, i) for row in plain]
                axes.plot(x, y, "o-", color=colour, label=f"{step} steps")
                if key == "r2":
                    x, y = [row["bits"] for row in fitted], [_mean(row, key, i) for row in fitted]
                    axes.plot(x, y, "D", color=colour, mfc="none", label="decoder refitted")
            axes.set_title(name)
            axes.set_xlabel("bits of a weight")
            axes.invert_xaxis()
            axes.tick_params(colors=GREY)
        best = float(np.array(rows[0]["r2"]).max())
        panels[0].set_ylim(best - 0.1, best + 0.005)
        panels[0].legend(loc="lower left", frameon=False)
        title(figure, "What bits cost", of)
        save(figure, path)


def _mean(row: Row, key: str, i: int) -> float:
    return float(np.array(row[key])[:, i].mean())


def require_same_settings(chosen: argparse.Namespace) -> None:
    """Exit if OUT contains results of another model, other steps or other images."""
    settings = {
        "model": str(chosen.model.resolve()),
        "steps": chosen.steps,
        "samples": chosen.samples,
    }
    file = chosen.out / "settings.json"
    if file.exists() and json.loads(file.read_text(encoding="utf-8")) != settings:
        sys.exit(f"{file}: these figures are of other settings; give another --out, or remove it")
    file.write_text(json.dumps(settings) + "\n")


def numbers(text: str) -> list[int]:
    """Parse comma-separated integers."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Run missing measurements, print the table, draw the figure, and write its data as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="trained iterative model")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/bits_curve"))
    parser.add_argument("--figure", type=Path, default=Path("docs/pictures/bits_curve.png"))
    parser.add_argument("--steps", type=numbers, default="64,1000")
    parser.add_argument("--samples", type=int, help="test images, the first ones; else all")
    parser.add_argument("--seeds", type=int, default=3, help="of the rows that are held to a bar")
    parser.add_argument("--scheduler", help="Dask cluster for integers: its address, or local")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    require_same_settings(chosen)
    rows = [measured(export, chosen) for export in EXPORTS]
    write(chosen.out / "bits_curve.json", rows)
    print(table(rows, chosen.steps))
    chosen.figure.parent.mkdir(parents=True, exist_ok=True)
    below = (
        f"{chosen.model.name}, {rows[0]['samples']} test images; dashes: the float model"
        "; below the frame: counts run away"
    )
    draw(chosen.figure, rows, chosen.steps, below)


if __name__ == "__main__":
    main()
