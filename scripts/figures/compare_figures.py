"""Results of docs/compare.md: train, export and compare models, and print the tables.

Files that exist in OUT are not created again. Equal models give identical bytes.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import ipvae
from ipvae.report.numbers import band, fit, percent, thousands

BITS = (8, 6, 4, 3)
THRESHOLDS = (0.1, 0.4)
BETAS = (0.25, 1, 4, 8)
"""Values of beta, in units of the unrolled training steps; this ratio determines the result."""
ONE_SHOT = ("pvae-linear", "gvae-linear")
ENERGIES = (
    ("Loihi 2 band", "dynamic"),
    ("Loihi 2 band", "static"),
    ("Loihi 1 constants", "dynamic"),
)
"""Models and parts in the columns of energies."""
KEEP_ANYTHING = 1e9
# The settings of the last stage of models/mnist's training, with fewer unrolled steps.
RECIPE = {
    "batch_size": 100,
    "relaxation": "eat-cubic",
    "precision": "bfloat16",
    "ramp_fraction": 0,
    "ramp_hold": 0,
    "temperature_start": 0.15,
    "temperature_end": 0.1,
    "temperature_fraction": 1,
    "dictionary_rate": 0.03,
    "warmup_fraction": 0.01,
}


class Made:
    """Files in OUT, created on first use."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.preset = ipvae.load_model(chosen.model).data.preset

    def network(self, name: str, model: Path, **options: Any) -> Path:
        """Network file of a model."""
        path = self.chosen.out / f"{name}.h5"
        if not path.exists():
            made = ipvae.quantize(
                model, data_dir=self.chosen.data_dir, most_loss=KEEP_ANYTHING, **options
            )
            made.network.save(path)
        return path

    def model(self, name: str, epochs: int, **options: Any) -> Path:
        """Model trained with seed 0 on one thread."""
        path = self.chosen.out / name
        if not (path / "model.json").exists():
            ipvae.train_model(
                seed=0,
                threads=1,
                epochs=self.chosen.epochs or epochs,
                data_dir=self.chosen.data_dir,
                out=path,
                **options,
            )
        return path

    def one_shot(self, kind: str) -> Path:
        """Amortized model with the preset's settings except epochs."""
        return self.model(kind, 5, preset=self.preset, model=kind)

    def of_beta(self, ratio: float) -> Path:
        """Network at 8 bits of the model after further training with another beta."""
        steps = self.chosen.train_steps
        beta = ratio * steps
        options = {"init_from": self.chosen.model, "steps": steps, "beta": beta, **RECIPE}
        return self.network(f"beta-{beta:g}", self.model(f"beta-{beta:g}", 3, **options))

    def compared(self, name: str, *subjects: Path, **options: Any) -> dict[str, Any]:
        """JSON data of `ipvae.compare`; its picture is copied to OUT."""
        chosen = self.chosen
        folder = chosen.out / f"compare_{name}"
        if not (folder / "compare.json").exists():
            ipvae.compare(
                subjects,
                samples=chosen.samples,
                steps=chosen.steps,
                data_dir=chosen.data_dir,
                **options,
            ).save(folder)
        shutil.copyfile(folder / "compare.png", chosen.pictures / f"compare_{name}.png")
        return json.loads((folder / "compare.json").read_text(encoding="utf-8"))


def table(found: dict[str, Any]) -> str:
    """Rows of a Markdown table: each model at its stopping point, and its last R2 and zeros."""
    lines = [
        "| | kind | stop | R2 | zeros | accuracy, % | synaptic ops | products | Loihi 2 band, "
        "dynamic, µJ | static, µJ | Loihi 1, µJ | last step: R2 | zeros | synaptic ops |",
        "|" + "---|" * 14,
    ]
    rows = [_row(subject) for subject in found["subjects"]]
    return "\n".join(lines + rows)


def _row(subject: dict[str, Any]) -> str:
    curve = subject["curve"]
    last, point = curve[-1], next(p for p in curve if p["step"] == subject["stop"])
    spent = {
        (row["model"], row["part"]): band(row["low_j"], row["high_j"])
        for row in point.get("energy", [])
    }
    later = [fit(last["r2"]), f"{last['zeros']:.3f}", thousands(last["synaptic_ops"])]
    cells = [
        f"`{subject['name']}`",
        subject["kind"],
        "one pass" if subject["one_shot"] else str(point["step"]),
        fit(point["r2"]),
        f"{point['zeros']:.3f}",
        percent(point["accuracy"]).removesuffix("%") if "accuracy" in point else "",
        thousands(point["synaptic_ops"]),
        thousands(point["drive_macs"] + point["readout_ops"]),
        *(spent.get(energy, "") for energy in ENERGIES),
        *([""] * 3 if subject["one_shot"] else later),
    ]
    return f"| {' | '.join(cells)} |"


def numbers(text: str) -> list[int]:
    """Parse comma-separated integers."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Create missing files, print three tables, copy three pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="trained iP-VAE")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/compare"))
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--steps", type=numbers, default=[2**n for n in range(11)])
    parser.add_argument("--probe-images", type=int, default=2000)
    parser.add_argument("--train-steps", type=int, default=64, help="of the models of each beta")
    parser.add_argument("--epochs", type=int, help="of every training; else 5 or 3")
    chosen = parser.parse_args()
    for folder in (chosen.out, chosen.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    made, model = Made(chosen), chosen.model
    bits = [made.network(f"bits-{n}", model, weight_bits=n) for n in BITS]
    lca = [
        made.network(f"lca-{limit}", model, inference="lca", threshold=limit)
        for limit in THRESHOLDS
    ]
    once = [made.one_shot(kind) for kind in ONE_SHOT]
    once_in_integers = made.network(once[0].name, once[0])
    found = made.compared(
        made.preset,
        *(bits[0], *lca, once_in_integers, model, *once),
        lca=[model],
        dense=[model],
        probe=True,
        probe_images=chosen.probe_images,
    )
    print(table(found), end="\n\n")
    print(table(made.compared("bits", *bits)), end="\n\n")
    print(table(made.compared("beta", *(made.of_beta(ratio) for ratio in BETAS))))


if __name__ == "__main__":
    main()
