"""Operations of each step."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import EngFormatter, MaxNLocator

from ipvae.report.html.svg import Drawn, Point, drawn
from ipvae.report.numbers import count
from ipvae.report.pictures.canvas import BLUE, GREEN, ORANGE, WIDE, drawing

PANELS = (
    ("messages", "messages", BLUE),
    ("spikes", "spikes", GREEN),
    ("synaptic_ops", "synaptic operations", ORANGE),
)
MOST_POINTS = 33
MOST_VALUES = 1024
"""Maximum values of a line; in a longer run, each value is the mean of a block of steps."""


def by_step(found: Mapping[str, Sequence[float]]) -> Drawn:
    """Draw messages, spikes and synaptic operations of each step, means over images.

    Parameters
    ----------
    found : `step` and lists of the same length
    """
    block = -(-len(found["step"]) // MOST_VALUES)
    steps = list(found["step"])[::block]
    panels = [panel for panel in PANELS if panel[0] in found]
    every = -(-len(steps) // MOST_POINTS)
    places: list[Point] = []
    with drawing(WIDE, 60 + 190 * len(panels)) as figure:
        below = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.13, right=0.97, top=0.95, bottom=0.09, hspace=0.32)
        for axes, (key, name, colour) in zip(below, panels, strict=True):
            values = _means(found[key], block)
            axes.plot(steps, values, color=colour)
            axes.set_title(name)
            axes.set_ylim(0, 1.08 * max(values) or 1)
            axes.yaxis.set_major_formatter(EngFormatter() if max(values) >= 1000 else "{x:g}")
            pairs = list(zip(steps, values, strict=True))[::every]
            places += [Point(axes, x, y, f"step {x}: {count(y)} {name}") for x, y in pairs]
        below[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        below[-1].set_xlabel("step" if block == 1 else f"step; means of {block} steps")
        alt = (
            f"Messages, spikes and synaptic operations of steps {steps[0]} to {found['step'][-1]}."
        )
        return drawn(figure, "by-step", alt, places)


def _means(values: Sequence[float], block: int) -> list[float]:
    """Mean of each block of values; the last may be shorter."""
    return [float(np.mean(values[i : i + block])) for i in range(0, len(values), block)]
