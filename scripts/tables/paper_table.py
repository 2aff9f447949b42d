"""Models of the papers on MNIST at equal budgets: train, evaluate, write docs/paper_table.md.

Every model is `ipvae.train_model(preset="mnist", model=NAME, epochs=EPOCHS)`, so each has the same
number of optimiser steps on batches of the same size. The script resumes: an interrupted training
continues, and measurements that exist in RUNS are not repeated.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipvae
from ipvae.files import atomic_write
from ipvae.float_models.config import preset_config

MODELS = (
    *("ipvae", "igvae", "igrelu", "iavae"),
    *("pvae-linear", "pvae-mlp", "pvae-conv"),
    *("gvae-linear", "gvae-mlp", "gvae-conv"),
    *("grelu-linear", "grelu-mlp", "grelu-conv"),
)
BETAS = (2.0, 8.0, 32.0)
"""Values of the dial; the model with the preset's is in the first table too."""
PRESET = "mnist"
LABELS = ("200", "1000", "5000")
PAPER = (
    ("iP-VAE, linear, T = 128", "403,217", "4.39", ".951", ".844", "96.5"),
    ("iG-VAE, linear, T = 64", "403,730", "7.63", ".914", "0", "92.7"),
    ("iG-relu-VAE, linear, T = 32", "403,730", "8.45", ".906", ".785", "95.7"),
    ("P-VAE, convolutional encoder and decoder", "6,794,246", "25.48", ".713", ".838", "97.9"),
    ("G-VAE, convolutional encoder and decoder", "6,925,318", "14.40", ".841", "0", "95.8"),
    ("G-relu-VAE, convolutional encoder and decoder", "6,925,318", "17.13", ".809", ".500", "95.4"),
)
"""Name, parameters, MSE in 1e-3, R2, zeros, accuracy in percent: means of five seeds, 400 epochs in
batches of 100, after 1000 steps; arXiv 2410.19315 and its released figures."""

TRAINING_IMAGES = 60000
PAGE = """\
# The paper's table, at equal budgets

**Budget: {budget}.** Each model is one training from scratch, with seed {seed} and one thread:

    ipvae train --preset mnist --data-dir DIR --model NAME --epochs {epochs} --threads 1 --out RUN

Each has {batches:,} optimiser steps of {usual.batch_size} images and K = {usual.latents};
iterative models have T = {usual.steps}. Figures are for the first {samples:,} test images,
after the given number of updates, seed 0. Classifiers are fitted
on {probe_images:,} training images. The deviation over seeds was not measured.
[training.md](training.md) defines models and figures.
{missing}
{table}

`accuracy` is of logistic regression on rates (Gaussian: means). `N labels` is of the 5 nearest of N
labelled images.

## The paper's figures

Means of five seeds, after 240,000 optimiser steps of 100 images; iterative models after 1000
updates; accuracy fitted on 60,000 images (arXiv 2410.19315 and its released figures). Budgets
differ, so values of the two tables cannot be compared. Amortized models here have a linear decoder,
the paper's a convolutional one.

{paper}

## Beta as a dial

`ipvae`, trained from scratch with each beta and the same budget, after {dial_steps} updates:

{dial}

## The command

    python scripts/tables/paper_table.py --data-dir DIR

trains every model with the preset's {usual.epochs} epochs, evaluates all test images
after 1000 updates and writes this page. Run again, it continues where it stopped. This page is of
the options `{options}`.
"""
HEADS = (
    *("model", "parameters", "updates", "MSE, 1e-3", "R2", "zeros", "accuracy, %"),
    *(f"{n} labels, %" for n in LABELS),
    *("participation ratio", "shattering, %", "dead latents"),
)
Row = dict[str, Any]


def trained(name: str, folder: Path, chosen: argparse.Namespace, **settings: Any) -> Row:
    """Train a model, or resume its training, and evaluate it.

    Returns
    -------
    JSON data of `ipvae.evaluate`, with `parameters`
    """
    begun = any((folder / file).exists() for file in ("resume.safetensors", "model.json"))
    model = ipvae.train_model(
        preset=PRESET,
        model=name,
        epochs=chosen.epochs,
        seed=chosen.seed,
        threads=1,
        data_dir=chosen.data_dir,
        out=folder,
        resume=begun,
        **settings,
    )
    amortized = model.member.inference == "amortized"
    dial = bool(settings)
    file = folder / "figures.json"
    if not file.exists():
        measured = ipvae.evaluate(
            folder,
            steps=None if amortized else chosen.steps,
            samples=chosen.samples,
            data_dir=chosen.data_dir,
            probe=not dial,
            probe_images=None if dial else chosen.probe_images,
            neighbours=not dial,
            dimensionality=not dial,
        )
        atomic_write(file, (json.dumps(measured.to_json(), indent=2) + "\n").encode())
    found = json.loads(file.read_text(encoding="utf-8"))
    return {**found, "parameters": sum(array.size for array in model.params.values())}


def lines_of(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def row_of(name: str, found: Row) -> list[str]:
    """Cells of one model, in the order of HEADS."""
    voted = [found["neighbours"][n] for n in LABELS]
    shattering = found["dimensionality"]["shattering"]
    return [
        f"`{name}`",
        f"{found['parameters']:,}",
        str(found["steps"]),
        f"{1e3 * found['mse']:.2f}",
        f"{found['r2']:.3f}",
        f"{found['zeros']:.3f}",
        f"{100 * found['accuracy']:.1f}",
        *("" if vote is None else f"{100 * vote['accuracy']:.1f}" for vote in voted),
        f"{found['dimensionality']['participation_ratio']:.0f}",
        f"{100 * shattering['accuracy']:.1f}",
        str(found["dead_latents"]),
    ]


def page(found: dict[str, Row], dial: dict[float, Row], chosen: argparse.Namespace) -> str:
    """Return the whole document, Markdown."""
    usual, first = preset_config(PRESET), next(iter(found.values()))
    missing = [name for name in MODELS if name not in found]
    turned = [
        [
            *(f"{beta:g}", f"{1e3 * r['mse']:.2f}"),
            *(f"{r['r2']:.3f}", f"{r['zeros']:.3f}", f"{r['spikes']:.0f}"),
        ]
        for beta, r in dial.items()
    ]
    return PAGE.format(
        budget="short" if chosen.epochs < usual.epochs else "the preset's budget",
        epochs=chosen.epochs,
        seed=chosen.seed,
        batches=chosen.epochs * -(-TRAINING_IMAGES // usual.batch_size),
        usual=usual,
        samples=first["samples"],
        probe_images=chosen.probe_images,
        missing=f"Not measured here: {', '.join(missing)}.\n" if missing else "",
        table="\n".join(lines_of(HEADS, [row_of(*one) for one in found.items()])),
        paper="\n".join(lines_of((*HEADS[:2], *HEADS[3:7]), PAPER)),
        dial_steps=next(iter(dial.values()))["steps"],
        dial="\n".join(lines_of(("beta", *HEADS[3:6], "spikes an image"), turned)),
        options=f"--epochs {chosen.epochs} --steps {chosen.steps} --samples {first['samples']} "
        f"--probe-images {chosen.probe_images}",
    )


def main() -> None:
    """Train and evaluate what is missing, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("build/paper_table"))
    parser.add_argument("--page", type=Path, default=Path("docs/paper_table.md"))
    parser.add_argument("--epochs", type=int, default=preset_config(PRESET).epochs)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--probe-images", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--betas", nargs="+", type=float, default=BETAS)
    chosen = parser.parse_args()
    found = {name: trained(name, chosen.runs / name, chosen) for name in chosen.models}
    usual = preset_config(PRESET).beta
    dial = {
        beta: found["ipvae"]
        if beta == usual and "ipvae" in found
        else trained("ipvae", chosen.runs / f"ipvae-{beta:g}", chosen, beta=beta)
        for beta in chosen.betas
    }
    atomic_write(chosen.page, page(found, dial, chosen).encode())
    print(chosen.page)


if __name__ == "__main__":
    main()
