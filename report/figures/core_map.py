"""Map of a chip's cores with the load of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Rectangle

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.svg import Drawn, drawn
from ipvae.report.numbers import percent
from ipvae.report.pictures.canvas import DARK, GAP, GREY, LIGHT, PAPER, WIDE, drawing

ACROSS, DOWN = 12, 10
"""Cells of a chip; the physical positions of cores are not public."""
MOST_CHIPS = 4


def core_map(cores: Sequence[Mapping[str, Any]], load: str = "synaptic_ops") -> Drawn:
    """Draw the cores of the first chips as cells, with colour and label by load.

    Parameters
    ----------
    cores : `chip`, `core`, `layer` and the load each
    load : key of the load
    """
    every = sorted({core["chip"] for core in cores})
    chips = every[:MOST_CHIPS]
    most = max([core[load] for core in cores], default=0) or 1
    with drawing(WIDE, 30 + 330 * len(chips)) as figure:
        panels = figure.subplots(len(chips), 1, squeeze=False)[:, 0]
        figure.subplots_adjust(
            left=0.01, right=0.99, top=1 - 30 / (30 + 330 * len(chips)), bottom=0
        )
        for axes, chip in zip(panels, chips, strict=True):
            axes.set(xlim=(0, ACROSS), ylim=(DOWN, 0), title=f"chip {chip}")
            axes.set_axis_off()
            own = {core["core"]: core for core in cores if core["chip"] == chip}
            for place in range(ACROSS * DOWN):
                _cell(axes, place, own.get(place), load, most)
        alt = f"{number_of(len(cores), 'core')} on {number_of(len(every), 'chip')}, shaded by load."
        if len(chips) < len(every):
            alt += f" The first {len(chips)} chips are drawn."
        return drawn(figure, "core-map", alt)


def _cell(axes: Any, place: int, core: Mapping[str, Any] | None, load: str, most: float) -> None:
    """One core: its layer number and its load relative to the largest."""
    row, column = divmod(place, ACROSS)
    if core is None:
        fill, words, ink = PAPER, "", GREY
    else:
        part = core[load] / most
        fill = mpl.colormaps["cividis_r"](0.85 * part)
        words = f"L{core['layer']}\n{percent(part, 0)}"
        ink = DARK if np.dot(fill[:3], (0.299, 0.587, 0.114)) > 0.5 else LIGHT
    box = Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, facecolor=fill, edgecolor=GAP)
    axes.add_patch(box)
    if words:
        axes.text(column + 0.5, row + 0.5, words, ha="center", va="center", fontsize=7.5, color=ink)
