"""Results of docs/cheap_inference.md: R2 against operations, each measure alone and together.

Results that exist in OUT are not computed again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import ipvae
from ipvae.emulator import Emulator
from ipvae.emulator.observing import observe
from ipvae.energy.counting.counts import network_drive_macs
from ipvae.evaluation.metrics import r2
from ipvae.network.description import IntNetwork
from ipvae.network.pixels import to_real
from ipvae.network.rules.arithmetic import to_nats
from ipvae.report.numbers import fit, thousands
from ipvae.workflows.evaluables.averaging import AveragedCounts
from ipvae.workflows.image_input.images import preset_images

STEPS = (0, 1, 4, 8, 16, 24, 32, 48)
LONG = (*STEPS, 64, 128)
KEEP_ANYTHING = 1e9

AFFINE = {"start": "affine", "start_margin": 0.0}
QUIET = {"start": "affine"}
VARIANTS: dict[str, dict[str, Any]] = {
    "as trained": {},
    "start": AFFINE,
    "start, margin 2": QUIET,
    "step x 1.7": {"step_scale": 1.7},
    "inhibition x 0.25": {"inhibition_scale": 0.25},
    "start, margin 2, step x 1.7": {**QUIET, "step_scale": 1.7},
    "start, margin 2, step x 3, inhibition x 0.25": {
        **QUIET,
        "step_scale": 3.0,
        "inhibition_scale": 0.25,
    },
    "start, margin 3 below 0.5, step x 3, inhibition x 0.25": {
        "start": "affine",
        "start_threshold": 0.5,
        "start_margin": 3.0,
        "step_scale": 3.0,
        "inhibition_scale": 0.25,
    },
    "LCA 0.05": {"inference": "lca", "threshold": 0.05},
    "LCA 0.1": {"inference": "lca", "threshold": 0.1},
    "LCA 0.2": {"inference": "lca", "threshold": 0.2},
}
PATCHES: dict[str, dict[str, Any]] = {
    "as trained": {},
    "start": AFFINE,
    "step x 2": {"step_scale": 2.0},
    "start, step x 1.5": {**AFFINE, "step_scale": 1.5},
    "start, margin 2, step x 1.5": {**QUIET, "step_scale": 1.5},
    "start, step x 2": {**AFFINE, "step_scale": 2.0},
    "LCA 0.05": {"inference": "lca", "threshold": 0.05},
    "LCA 0.2": {"inference": "lca", "threshold": 0.2},
    "LCA 0.5": {"inference": "lca", "threshold": 0.5},
}
"""Variants of models/patches, whose largest stable step is 2.26 times its own."""
LEAST_R2 = {"patches": 0.4}
"""Lower end of the pictures' axis, .88 for other models."""


class Sent:
    """Observer: messages of each row, and outputs and log-rates at chosen rows."""

    def __init__(self, layer: str, steps: tuple[int, ...]) -> None:
        self.layer, self.steps = layer, steps
        self.messages: list[int] = []
        self.kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def watch(self, first: int, n_images: int, n_steps: int) -> "Sent":  # noqa: ARG002
        """Start a range of images."""
        return Sent(self.layer, self.steps)

    def see(self, step: int, row: Any) -> None:
        """Add one row."""
        z = row.z(self.layer)
        self.messages.append(int(np.count_nonzero(z)))
        if step in self.steps:
            self.kept[step] = z.astype(np.int16), row.u(self.layer).copy()

    def result(self) -> tuple[list[int], dict[int, tuple[np.ndarray, np.ndarray]]]:
        """Return messages by row, outputs and log-rates by step."""
        return self.messages, self.kept

    def joined(self, parts: list) -> tuple[np.ndarray, dict[int, tuple]]:
        """Join ranges of images."""
        kept = {
            step: tuple(np.concatenate([kept[step][i] for _, kept in parts]) for i in (0, 1))
            for step in self.steps
        }
        return np.sum([messages for messages, _ in parts], axis=0), kept


def points(
    network: IntNetwork, images: np.ndarray, steps: tuple[int, ...], seed: int
) -> list[dict[str, float]]:
    """Figures of one run after each number of steps, per image."""
    k, decoder, real = network.n_neurons, network.decoder, to_real(images, network.input)
    observers = [Sent(network.code, steps), AveragedCounts(network.code, k, steps)]
    _, found = observe(Emulator(network), images, steps[-1], seed, observers)
    (messages, kept), means = found
    sent = np.concatenate([[0], np.cumsum(messages)]) / len(images)
    curve = []
    for step in steps:
        z, u = kept[step]
        mean = means[step] if network.draws else z.astype(np.float32)
        point = {
            "step": step,
            "draw": r2(real, z.astype(np.float32) @ decoder.T),
            "mean": r2(real, mean @ decoder.T),
            "zeros": float((z == 0).mean()),
            "synaptic_ops": float(sent[step] * k),
            "host_ops": float(network_drive_macs(network)),
            "readout_ops": float(np.count_nonzero(mean) * network.n_pixels / len(images)),
        }
        if network.draws:
            rates = np.exp(to_nats(u, network.layer.frac_bits)).astype(np.float32)
            point["rates"] = r2(real, rates @ decoder.T)
        curve.append(point)
    return curve


def results(chosen: argparse.Namespace) -> dict[str, list[list[dict[str, float]]]]:
    """Curves of every variant and seed, from OUT where they exist."""
    preset = ipvae.load_model(chosen.model).data.preset
    images = preset_images(preset, chosen.data_dir).test_pixels[: chosen.samples].astype(np.int16)
    chosen.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list] = {}
    variants = PATCHES if preset == "patches" else VARIANTS
    for number, (name, options) in enumerate(variants.items()):
        network = chosen.out / f"{number}.h5"
        if not network.exists():
            ipvae.quantize(
                chosen.model, data_dir=chosen.data_dir, most_loss=KEEP_ANYTHING, **options
            ).network.save(network)
        loaded = ipvae.load_network(network)
        for seed in range(chosen.seeds if loaded.draws else 1):
            path = chosen.out / f"{number}-{seed}.json"
            if not path.exists():
                steps = LONG if number == 0 or not loaded.draws else STEPS
                path.write_text(json.dumps(points(loaded, images, steps, seed)), encoding="utf-8")
            found.setdefault(name, []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def table(found: dict[str, list[list[dict[str, float]]]]) -> str:
    """Rows of a Markdown table: means over seeds."""
    lines = [
        "| | step | R2, drawn | R2, averaged | zeros | synaptic ops | products: drive, start | "
        "products: reconstruction |",
        "|" + "---|" * 8,
    ]
    for name, runs in found.items():
        for same in zip(*runs, strict=True):
            of = {key: float(np.mean([p[key] for p in same])) for key in same[0]}
            cells = [
                f"{name} | {of['step']:.0f} | {fit(of['draw'])} | {fit(of['mean'])}",
                f"{of['zeros']:.3f} | {thousands(of['synaptic_ops'])}",
                f"{thousands(of['host_ops'])} | {thousands(of['readout_ops'])}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(found: dict[str, list[list[dict[str, float]]]], path: Path, least: float) -> None:
    """Draw R2 against synaptic operations, and against all operations."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=True)
    for name, runs in found.items():
        lca = name.startswith("LCA")
        ops, all_ops, fits = [], [], []
        for same in zip(*runs, strict=True):
            ops.append(np.mean([p["synaptic_ops"] for p in same]) / 1e6)
            products = np.mean([p["host_ops"] + p["readout_ops"] for p in same]) / 1e6
            all_ops.append(ops[-1] + products)
            fits.append(np.mean([p["mean"] for p in same]))
        style = {"linestyle": "--" if lca else "-", "marker": "s" if lca else "o", "ms": 3.5}
        axes[0].plot(ops[1:], fits[1:], label=name, **style)
        axes[1].plot(all_ops, fits, label=name, **style)
    titles = ("synaptic operations", "synaptic operations and products")
    for axis, what in zip(axes, titles, strict=True):
        axis.set(xscale="log", xlabel=f"million {what} per image", ylim=(least, 0.985))
        axis.grid(alpha=0.3)
    axes[0].set(ylabel="R2, averaged counts", xlim=(0.1, 25))
    axes[1].set(xlim=(0.5, 25))
    axes[1].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Compute what is missing; print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("build/cheap_inference"), metavar="DIR")
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures"), metavar="DIR")
    parser.add_argument("--samples", type=int, default=10_000, metavar="N")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    chosen = parser.parse_args()
    found = results(chosen)
    print(table(found))
    name = Path(chosen.model).resolve().name
    draw(found, chosen.pictures / f"cheap_inference_{name}.png", LEAST_R2.get(name, 0.88))


if __name__ == "__main__":
    main()
