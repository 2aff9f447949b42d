"""Robustness of float model and integer network: tables and figure of docs/robustness.md.

Every number is from `ipvae.evaluate`. Measurements that exist in OUT are not repeated. Float and
integers use the same images, and the same seeds but not the same draws.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept import kept, write
from robustness_figure import draw

import ipvae

EXPORTS = {
    "8 bits": {"weight_bits": 8},
    "4 bits": {"weight_bits": 4, "refit_decoder": True},
}
LABELLED = ("faces", "digits")
LISTS = {
    "rotate": "0,15,30,45,60,75,90,105,120,135,150,165,180",
    "shift": "1,2,3,4,6,8",
    "noise": "0.05,0.1,0.2,0.3,0.4",
    "salt": "0.02,0.05,0.1,0.2",
    "contrast": "0.05,0.1,0.2,0.4,0.6,0.8,1",
}
ONE_EACH = [("rotate", 90.0), ("shift", 2.0), ("noise", 0.2)]
LONGER = 10

Figures = dict[str, Any]


def exported(chosen: argparse.Namespace, name: str) -> Path:
    """Network file of the model, exported unless it exists."""
    file = chosen.out / f"{name.replace(' ', '-')}.h5"
    if not file.exists():
        made = ipvae.quantize(chosen.model, data_dir=chosen.data_dir, most_loss=1, **EXPORTS[name])
        made.network.save(file)
    return file


def ablated(network: Path, name: str) -> Path:
    """Network without synapses between neurons; `drive` also removes self-inhibition."""
    file = network.with_name(f"{name}.h5")
    if not file.exists():
        whole = ipvae.load_network(network)
        parts = {"weight_rec": np.zeros_like(whole.layer.weight_rec)}
        if name == "drive":
            parts["self_weight"] = np.zeros_like(whole.layer.self_weight)
        replace(whole, layer=replace(whole.layer, **parts)).save(file)
    return file


def evaluated(chosen: argparse.Namespace, name: str, subject: Path, **given: Any) -> Figures:
    """Result of `ipvae.evaluate`, from OUT if it exists."""
    file = chosen.out / f"{name.replace(' ', '-')}.json"
    return kept(file, lambda: ipvae.evaluate(subject, **given))


def measured(chosen: argparse.Namespace) -> Figures:
    """Return all measurements.

    Returns
    -------
    by key `changes` (subject -> one evaluation per seed), `longer` (subject -> evaluation), `sets`
    (set -> subject -> evaluation), `response` (network -> evaluation), `steps`
    """
    subjects = {"float": chosen.model} | {name: exported(chosen, name) for name in EXPORTS}
    tests, fewer = (
        {"samples": n, "data_dir": chosen.data_dir} for n in (chosen.samples, chosen.fewer)
    )
    by_name = {name: changes(name, getattr(chosen, name)) for name in LISTS}
    contrasts = by_name["contrast"]
    geometric, others = (by_name.pop("rotate") + by_name.pop("shift")), by_name.values()
    lists = [*geometric, "invert", *(change for several in others for change in several)]
    steps = chosen.steps
    early, last = max(1, steps // 8), LONGER * steps
    rising = sorted({early, steps, last})
    found: Figures = {"changes": {}, "longer": {}, "sets": {}, "response": {}, "steps": steps}
    for name, path in subjects.items():
        found["changes"][name] = [
            evaluated(
                chosen,
                f"changes-{name}-{seed}",
                path,
                **tests,
                steps=steps,
                seeds=(seed,),
                changes=lists,
                probe=True,
            )
            for seed in range(chosen.seeds)
        ]
        found["longer"][name] = evaluated(
            chosen,
            f"longer-{name}",
            path,
            **fewer,
            steps=rising,
            changes=[*ONE_EACH, *contrasts],
        )
    for images in (
        framed for name in chosen.sets.split(",") for framed in (name, f"{name}-framed")
    ):
        probe = images.startswith(LABELLED)
        found["sets"][images] = {
            name: evaluated(
                chosen, f"{images}-{name}", path, images=images, steps=rising, probe=probe
            )
            for name, path in subjects.items()
        }
    for name, at in (("self", last), ("drive", early)):
        path = ablated(subjects["8 bits"], name)
        found["response"][name] = evaluated(
            chosen, f"response-{name}", path, **fewer, steps=at, changes=contrasts
        )
    return found


def changes(name: str, values: str) -> list[tuple[str, float]]:
    """Parse comma-separated values into changes of images."""
    return [(name, float(value)) for value in values.split(",")]


def _spread(values: Sequence[float], form: str) -> str:
    """Mean, and half the range if there are several values."""
    shown = f"{np.mean(values):{form}}"
    return shown if len(values) == 1 else f"{shown} ± {np.ptp(values) / 2:{form}}"


def changes_table(found: Figures) -> str:
    """Markdown rows with one change each: R2, zeros and accuracy of every subject."""
    subjects = found["changes"]
    heads = [f"{key}, {name}" for key in ("R2", "zeros", "accuracy") for name in subjects]
    lines = [f"| images | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 1)]
    for i, change in enumerate(subjects["float"][0]["changes"]):
        cells = [
            _spread([one["changes"][i][key] for one in subjects[name]], form)
            for key, form in (("r2", ".3f"), ("zeros", ".3f"), ("accuracy", ".3f"))
            for name in subjects
        ]
        value = "" if change["change"] == "invert" else f" {change['value']:g}"
        lines.append(f"| {change['change']}{value} | {' | '.join(cells)} |")
    return "\n".join(lines)


def noise_table(found: Figures) -> str:
    """Markdown rows: R2 against the images without noise, and R2 against the noisy images."""
    subjects = found["changes"]
    heads = [*subjects, "the noisy image itself"]
    lines = [f"| noise | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 1)]
    for i, change in enumerate(subjects["float"][0]["changes"]):
        if "clean_r2" in change:
            cells = [
                _spread([one["changes"][i]["clean_r2"] for one in seeds], ".3f")
                for seeds in subjects.values()
            ]
            cells += [f"{change['clean_r2_of_input']:.3f}"]
            lines.append(f"| {change['change']} {change['value']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rising_table(rows: Sequence[tuple[str, dict[str, Figures]]]) -> str:
    """Markdown rows: R2 and zeros of each subject at ascending steps, and its final accuracy."""
    steps = [point["step"] for point in next(iter(rows[0][1].values()))["curve"]]
    heads = [f"R2 at {step:g}" for step in steps] + [f"zeros at {steps[-1]:g}", "accuracy"]
    lines = [f"| images | | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 2)]
    for images, subjects in rows:
        for name, one in subjects.items():
            cells = [f"{point['r2']:.3f}" for point in one["curve"]]
            cells += [f"{one['curve'][-1]['zeros']:.3f}"]
            cells += [f"{one['accuracy']:.3f}" if "accuracy" in one else ""]
            lines.append(f"| {images} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def longer_rows(found: Figures) -> list[tuple[str, dict[str, Figures]]]:
    """Unchanged images and changes with longer runs; contrasts have a separate table."""
    subjects = found["longer"]
    rows = [("unchanged", subjects)]
    for i, change in enumerate(subjects["float"]["changes"]):
        if change["change"] == "contrast":
            continue
        title = f"{change['change']} {change['value']:g}"
        rows.append((title, {name: one["changes"][i] for name, one in subjects.items()}))
    return rows


def response_table(found: Figures) -> str:
    """Markdown rows: spikes and R2 of every network at every contrast."""
    networks = found["longer"] | found["response"]
    columns = [
        [row for row in one["changes"] if row["change"] == "contrast"] for one in networks.values()
    ]
    heads = [f"{name}, {one['steps']} steps" for name, one in networks.items()]
    heads = [f"{key}, {head}" for key in ("spikes", "R2") for head in heads]
    lines = [f"| contrast | {' | '.join(heads)} |", "|" + "---|" * (len(heads) + 1)]
    for rows in zip(*columns, strict=True):
        cells = [f"{row['spikes']:.0f}" for row in rows] + [f"{row['r2']:.2f}" for row in rows]
        lines.append(f"| {rows[0]['value']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def require_same_settings(chosen: argparse.Namespace) -> None:
    """Exit if OUT contains results of another model, other images or other changes."""
    settings = {"model": str(chosen.model.resolve())}
    settings |= {
        name: getattr(chosen, name) for name in ("samples", "fewer", "steps", "sets", *LISTS)
    }
    file = chosen.out / "settings.json"
    if file.exists() and json.loads(file.read_text(encoding="utf-8")) != settings:
        sys.exit(f"{file}: these figures are of other settings; give another --out, or remove it")
    file.write_text(json.dumps(settings) + "\n")


def main() -> None:
    """Run missing measurements, print the tables, draw the figure, and write all data as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="trained iterative model of black and white")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/robustness"))
    parser.add_argument("--figure", type=Path, default=Path("docs/pictures/robustness.png"))
    parser.add_argument("--samples", type=int, default=1000, help="test images, the first ones")
    parser.add_argument("--fewer", type=int, default=250, help="of them, to be run longer")
    parser.add_argument("--steps", type=int, default=128, help="that the model was trained with")
    parser.add_argument("--seeds", type=int, default=3, help="of the draws and of the noise")
    parser.add_argument("--sets", default="faces,photographs,digits")
    for name, values in LISTS.items():
        parser.add_argument(f"--{name}", default=values)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    require_same_settings(chosen)
    found = measured(chosen)
    write(chosen.out / "robustness.json", found)
    print(changes_table(found), end="\n\n")
    print(noise_table(found), end="\n\n")
    print(rising_table(longer_rows(found)), end="\n\n")
    print(rising_table(list(found["sets"].items())), end="\n\n")
    print(response_table(found))
    chosen.figure.parent.mkdir(parents=True, exist_ok=True)
    below = f"{chosen.model.name}, {chosen.samples} test images, {chosen.steps} steps"
    draw(chosen.figure, found, below)


if __name__ == "__main__":
    main()
