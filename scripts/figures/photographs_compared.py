"""Spikes beside LCA on the same kernels, on whole photographs, for docs/convolutional.md.

    python scripts/figures/photographs_compared.py OUT [--model models/photographs]

Exports the model, and LCA on its kernels, to 8 bits; runs both held-out photographs, cut to
multiples of 9 pixels; prints a table and draws OUT/photographs_compared.png. Measurements that
exist in OUT are not repeated. R2 is of the photograph: the variance is of all its pixels.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kept import write

import ipvae
from ipvae.report.pictures.canvas import BLUE, ORANGE, drawing, place, save, title
from ipvae.train.datasets.photographs import photographs

SIDES = 9
"""Height and width are cut to multiples of it."""
STEPS = (8, 16, 24, 32, 48, 64, 96, 128, 256, 512)
THRESHOLDS = (0.3, 0.6, 1.0)
ANY_LOSS = 1e9
WIDTH, HEIGHT = 640, 460


@dataclass(frozen=True)
class Line:
    """A network in table and picture.

    Attributes
    ----------
    name, colour, style : of the line
    options : of `ipvae.quantize`
    """

    name: str
    colour: str
    style: str
    options: dict[str, Any] = field(default_factory=dict)


LINES = (
    Line("32 maps, spikes", BLUE, "-"),
    Line("32 maps, spikes, step size x 2", BLUE, "--", {"step_scale": 2.0}),
    *(
        Line(f"32 maps, LCA {limit:g}", ORANGE, style, {"inference": "lca", "threshold": limit})
        for limit, style in zip(THRESHOLDS, ("-", "--", ":"), strict=True)
    ),
)


def measured(model: str, line: Line) -> list[dict[str, float]]:
    """Return R2, and synaptic operations so far per pixel; means over photographs."""
    network: Any = ipvae.quantize(model, most_loss=ANY_LOSS, **line.options).network
    found = []
    for pixels in photographs(held_out=True).values():
        height, width = (side - side % SIDES for side in pixels.shape)
        whole = pixels[:height, :width]
        resized = ipvae.resize(network, (height, width))
        curve = ipvae.compare(resized, whole[None], steps=STEPS).models[0].curve
        variance = float(np.var(whole * network.input.pixels.scale))
        found.append(
            [
                {
                    "step": point["step"],
                    "r2": 1 - point["mse"] / variance,
                    "zeros": point["zeros"],
                    "synaptic_ops": point["synaptic_ops"] / whole.size,
                }
                for point in curve
            ]
        )
    by_step = zip(*found, strict=True)
    return [{k: float(np.mean([p[k] for p in of])) for k in of[0]} for of in by_step]


def draw(file: Path, curves: dict[str, list[dict[str, float]]]) -> None:
    """Draw R2 against synaptic operations per pixel."""
    with drawing(WIDTH, HEIGHT) as figure:
        title(
            figure,
            "Whole held-out photographs, networks of 8 bits",
            f"steps {STEPS[0]} to {STEPS[-1]}; means of camera and china, seed 0",
        )
        axes = place(figure, 60, 50, WIDTH - 80, HEIGHT - 120)
        for line in LINES:
            points = curves[line.name]
            style: dict[str, Any] = {"color": line.colour, "linestyle": line.style, "marker": "."}
            across = [point["synaptic_ops"] for point in points]
            axes.plot(across, [point["r2"] for point in points], label=line.name, **style)
        axes.set_xscale("log")
        axes.set_xlim(100)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("synaptic operations so far, per pixel")
        axes.set_ylabel("R2")
        axes.legend(loc="lower right")
        save(figure, file)


def main() -> None:
    """Measure what is missing in OUT, print a table and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="models/photographs")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file, found = given.out / "curves.json", {}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    for line in LINES:
        if line.name not in found:
            found[line.name] = measured(given.model, line)
            write(file, found)
        for point in found[line.name]:
            numbers = f"{point['step']:.0f} | {point['r2']:.3f} | {point['synaptic_ops']:,.0f}"
            print(f"| {line.name} | {numbers} |")
        sys.stdout.flush()
    draw(given.out / "photographs_compared.png", found)


if __name__ == "__main__":
    main()
