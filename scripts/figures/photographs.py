"""Figures of a convolutional model on whole held-out photographs, for its card.

    python scripts/figures/photographs.py MODEL [--steps 16,64,1000] [--seed 0] [--side N]

For each photograph and number of steps: MSE, R2 and zeros by the float model; spikes per pixel of
the image at that step; the largest count of all steps up to it; and rho, the largest eigenvalue of
the inhibition weighted by settled rates (docs/convolutional.md), which has to be below 2.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import ipvae
from ipvae.evaluation.metrics import quality_of_images
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import dumps
from ipvae.float_models.convolutional.stability import DIVERGED, load
from ipvae.float_models.convolutional.steps import Prepared, decode
from ipvae.train.datasets.photographs import photographs

AVERAGED = 64
"""Last steps whose rates are averaged for rho."""


def figures(model: Checkpoint, pixels: np.ndarray, steps: list[int], seed: int) -> dict[str, Any]:
    """Return the curve and rho of one photograph; JSON data.

    Parameters
    ----------
    model : convolutional model of grey images
    pixels : (height, width) integer pixels
    steps : numbers of steps, increasing
    seed : of the draws
    """
    canvas = model.canvas.resized(*pixels.shape)
    real = (pixels * np.float32(model.data.scale)).astype(np.float32)[None]
    prepared, curve, largest = Prepared.of(model.params, canvas), [], 0
    rates = np.zeros(canvas.grid)
    for t, z, u in prepared.trajectory(real, steps[-1], seed=seed, index=0):
        largest = max(largest, int(z.max()))
        if largest > DIVERGED:
            return {"curve": curve, "diverged": t}
        if t > steps[-1] - AVERAGED:
            rates += np.exp(u) / AVERAGED
        if t in steps:
            shown = decode(model.params, canvas, z[None]).reshape(1, -1)
            found = quality_of_images(real.reshape(1, -1), shown, z.reshape(1, -1))
            spikes = float(z.sum() / pixels.size)
            curve.append({"step": t, **found, "spikes_per_pixel": spikes, "largest": largest})
    return {"curve": curve, "rho": load(prepared, rates)}


def middle(pixels: np.ndarray, side: int | None) -> np.ndarray:
    """Return a square in the middle of an image (height, width), or all of it for None."""
    if side is None:
        return pixels
    top, left = ((extent - side) // 2 for extent in pixels.shape)
    return pixels[top : top + side, left : left + side]


def main() -> None:
    """Print the figures, and write them to a file if one is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--steps", default="16,32,64,128,500,1000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, help="only a square in the middle, of this side")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    steps = sorted(int(step) for step in given.steps.split(","))
    model = ipvae.load_model(given.model)
    found = {}
    for name, pixels in photographs(held_out=True).items():
        found[name] = figures(model, middle(pixels, given.side), steps, given.seed)
        for point in found[name]["curve"]:
            print(
                f"| {name} | {point['step']} | {point['r2']:.3f} | {point['zeros']:.3f} | "
                f"{point['spikes_per_pixel']:.3f} | {point['largest']} |",
                flush=True,
            )
        print({key: value for key, value in found[name].items() if key != "curve"}, flush=True)
    if given.out is not None:
        given.out.write_text(dumps(found))


if __name__ == "__main__":
    main()
