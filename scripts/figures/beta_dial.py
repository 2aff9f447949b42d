"""Trade-off of energy and quality by beta: train models, print the table, draw the figure.

The results are in docs/training.md. Models that exist in RUNS are not trained again. Equal models
give identical bytes.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kept import kept
from matplotlib.ticker import LogLocator, NullLocator

import ipvae
from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, drawing, save, title

BETAS: dict[str, tuple[float, ...]] = {
    "ipvae": (2, 8, 24, 48, 96),
    "pvae-linear": (0.25, 0.5, 1, 2, 4, 8),
}
COLOURS = {"ipvae": BLUE, "pvae-linear": ORANGE}
PRESET = "digits"

Row = dict[str, Any]


def measured(model: str, beta: float, runs: Path, seed: int, epochs: int | None) -> Row:
    """Train a model unless it exists, and evaluate it after its default last step.

    Parameters
    ----------
    model : key of `ipvae.float_models.zoo.MODEL_SPECS`
    beta : weight of the KL term; other settings are the preset's
    runs : folder of the models
    seed : seed of the training
    epochs : epochs of the training, None for the preset's

    Returns
    -------
    JSON data of `ipvae.evaluate`, with `beta`
    """
    folder = runs / f"{model}-{beta:g}"
    if not (folder / "model.json").exists():
        ipvae.train_model(
            preset=PRESET, model=model, beta=beta, seed=seed, epochs=epochs, threads=1, out=folder
        )
    return {"beta": beta, **kept(folder / "figures.json", lambda: ipvae.evaluate(folder))}


def table(found: Mapping[str, Sequence[Row]]) -> str:
    """Rows of a Markdown table."""
    lines = [
        "| model | beta | R2 | zeros | spikes an image | dead latents |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{model}` | {row['beta']:g} | {row['r2']:.3f} | {row['zeros']:.3f} | "
        f"{row['spikes']:.1f} | {row['dead_latents']} |"
        for model, rows in found.items()
        for row in rows
    ]
    return "\n".join(lines)


def draw(path: Path, found: Mapping[str, Sequence[Row]], of: str) -> None:
    """Draw R2 against zeros and against spikes, one point per beta, as a PNG file."""
    with drawing(1000, 520) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        figure.subplots_adjust(left=0.065, right=0.975, top=0.84, bottom=0.11, wspace=0.08)
        for axes, key, side in zip(panels, ("zeros", "spikes"), (1, -1), strict=True):
            for model, rows in found.items():
                x, y = [row[key] for row in rows], [row["r2"] for row in rows]
                axes.plot(x, y, "o-", color=COLOURS[model], label=model)
                for row in rows:
                    axes.annotate(
                        f"{row['beta']:g}",
                        (row[key], row["r2"]),
                        xytext=(5 * side, 4),
                        textcoords="offset points",
                        ha="left" if side > 0 else "right",
                        color=COLOURS[model],
                    )
        panels[0].set_xlabel("zeros: latents without a spike at a step")
        panels[0].set_ylabel("R²")
        panels[1].set_xlabel("spikes an image at that step")
        panels[1].set_xscale("log")
        panels[1].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[1].xaxis.set_minor_locator(NullLocator())
        panels[1].xaxis.set_major_formatter("{x:g}")
        panels[0].legend(loc="lower left", frameon=False)
        for axes in panels:
            axes.margins(x=0.08, y=0.1)
            axes.tick_params(colors=GREY)
        title(figure, "Beta, the energy dial", of)
        save(figure, path)


def main() -> None:
    """Train missing models, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("build/beta_dial"))
    parser.add_argument("--figure", type=Path, default=Path("docs/pictures/beta_dial.png"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    chosen = parser.parse_args()
    found = {
        model: [measured(model, beta, chosen.runs, chosen.seed, chosen.epochs) for beta in betas]
        for model, betas in BETAS.items()
    }
    print(table(found))
    chosen.figure.parent.mkdir(parents=True, exist_ok=True)
    below = (
        f"{PRESET}, held-out images, seed {chosen.seed}; ipvae after 64 steps, pvae-linear after "
        "its one pass; numbers: beta"
    )
    draw(chosen.figure, found, below)


if __name__ == "__main__":
    main()
