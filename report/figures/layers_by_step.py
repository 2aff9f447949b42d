"""Messages of each layer at each step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter, MaxNLocator

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.svg import Drawn, Point, drawn
from ipvae.report.numbers import count
from ipvae.report.pictures.canvas import BLUE, WIDE, drawing

MOST_LAYERS = 16
PANEL, MARGIN = 104, 62
"""Height of a panel, and of the title and the axis together, in pixels."""
MOST_POINTS = 33
MOST_VALUES = 1024
"""Maximum values of a line; in a longer run, each value is the mean of a block of steps."""


def layers_by_step(found: Mapping[str, Any]) -> Drawn:
    """Draw the messages of each layer at each step, means over images: one panel for each layer.

    Parameters
    ----------
    found : `step`, and `messages` by layer, lists of the same length
    """
    layers = list(found["messages"].items())[:MOST_LAYERS]
    block = -(-len(found["step"]) // MOST_VALUES)
    steps = list(found["step"])[::block]
    every = -(-len(steps) // MOST_POINTS)
    height = MARGIN + PANEL * len(layers)
    places: list[Point] = []
    with drawing(WIDE, height) as figure:
        panels = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(
            left=0.13, right=0.97, top=1 - 22 / height, bottom=40 / height, hspace=0.55
        )
        for axes, (layer, of_layer) in zip(panels, layers, strict=True):
            values = _means(of_layer, block)
            name = "input" if layer == "0" else f"layer {layer}"
            axes.plot(steps, values, color=BLUE, marker="o" if len(steps) == 1 else None)
            axes.set_title(name)
            axes.set_ylim(0, 1.15 * max(values) or 1)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
            axes.yaxis.set_major_formatter(EngFormatter() if max(values) >= 1000 else "{x:g}")
            pairs = list(zip(steps, values, strict=True))[::every]
            places += [
                Point(axes, x, y, f"step {x}: {count(y)} messages, {name}") for x, y in pairs
            ]
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panels[-1].set_xlabel("step" if block == 1 else f"step; means of {block} steps")
        alt = f"Messages of {number_of(len(layers), 'layer')} at steps 0 to {found['step'][-1]}."
        return drawn(figure, "by-step", alt, places)


def _means(values: Sequence[float], block: int) -> list[float]:
    """Mean of each block of values; the last may be shorter."""
    return [float(np.mean(values[i : i + block])) for i in range(0, len(values), block)]
