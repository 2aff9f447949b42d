"""A photograph, its spikes and their reconstruction, for the README.

    python scripts/figures/photograph_spikes.py OUT.png [--model models/photographs] [--step 128]

Exports the model to 8 bits, runs the held-out photograph `camera` on the emulator and draws three
panels: the preprocessed image, the number of spikes of all maps at each place of the grid, and the
image that the decoder reads out of this one step's spikes.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import ipvae
from ipvae.evaluation.metrics import quality_of_images
from ipvae.report.pictures.canvas import drawing, place, save, title
from ipvae.train.datasets.photographs import photographs

SIDE, GAP, TOP, LEFT = 340, 16, 96, 16
CONTRAST = 2.5
"""Real pixel values that are drawn white and black."""


def main() -> None:
    """Run the photograph and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="models/photographs")
    parser.add_argument("--step", type=int, default=128)
    given = parser.parse_args()
    image = photographs(held_out=True)["camera"]
    made: Any = ipvae.quantize(given.model).network
    network: Any = ipvae.resize(made, image.shape)
    result: Any = ipvae.run(network, image[None], steps=given.step, record="totals")
    counts = result.network_totals.last
    (layer,) = network.layers
    shown = network.decoder.images(counts, layer.shape, network.input.shape)
    scale = network.input.pixels.scale
    r2 = quality_of_images(image.reshape(1, -1) * scale, shown, counts)["r2"]
    per_place = counts.reshape(layer.shape).sum(axis=0)
    each = counts.sum() / image.size
    panels = [
        (image * scale, "photograph, whitened", "gray", (-CONTRAST, CONTRAST)),
        (per_place, f"spikes of step {given.step}, {each:.2f} per pixel", "gray_r", (0, 12)),
        (
            shown.reshape(image.shape),
            f"read out of them: R2 {r2:.3f}",
            "gray",
            (-CONTRAST, CONTRAST),
        ),
    ]
    width = 2 * LEFT + 3 * SIDE + 2 * GAP
    with drawing(width, TOP + SIDE + LEFT) as figure:
        zeros = np.mean(counts == 0)
        title(
            figure,
            "A photograph that the model never saw, in spikes",
            f"{layer.n_neurons:,} Poisson neurons, 8-bit weights shared by all places; "
            f"{zeros:.0%} are silent in the step",
        )
        for index, (values, name, colour, limits) in enumerate(panels):
            axes = place(figure, LEFT + index * (SIDE + GAP), LEFT, SIDE, SIDE)
            axes.imshow(values, cmap=colour, vmin=limits[0], vmax=limits[1])
            axes.set_title(name)
            axes.set_axis_off()
        save(figure, given.out)


if __name__ == "__main__":
    main()
