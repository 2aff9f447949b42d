"""Comparison of energy bands."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import EngFormatter, NullLocator

from ipvae.report.html.svg import Drawn, Point, drawn
from ipvae.report.numbers import band
from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, WIDE, drawing

KINDS = {"modelled": (BLUE, "o"), "measured": (ORANGE, "D")}
PARTS = {"dynamic": "-", "static": ":", "total": "--"}


def energy(rows: Sequence[Mapping[str, Any]]) -> Drawn | None:
    """Draw each band on a logarithmic axis; None if fewer than two rows are above 0.

    Parameters
    ----------
    rows : rows of the energy table, in joules
    """
    rows = [row for row in rows if row["low_j"] > 0 and row["high_j"] > 0]
    if len(rows) < 2:
        return None
    height = 70 + 46 * len(rows)
    places: list[Point] = []
    with drawing(WIDE, height) as figure:
        axes = figure.add_axes((0.03, 48 / height, 0.94, 1 - 60 / height))
        for i, row in enumerate(rows):
            colour, marker = KINDS.get(row["kind"], (GREY, "x"))
            ends = [row["low_j"], row["high_j"]]
            axes.plot(ends, [i, i], color=colour, marker=marker, linestyle=PARTS.get(row["part"]))
            words = f"{row['model']}, {row['chip']}: {row['kind']}, {row['part']}"
            axes.text(0.0, i - 0.32, words, transform=axes.get_yaxis_transform(), fontsize=8.5)
            places.append(Point(axes, row["high_j"], i, f"{words}: {band(*ends)} µJ per image"))
        axes.set_xscale("log")
        axes.set_xlim(*_decades(rows))
        axes.set_ylim(len(rows) - 0.5, -0.75)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(EngFormatter("J"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("energy per image (circle: modelled, diamond: measured)")
        alt = f"{len(rows)} bands of energy per image on one axis; the table has the figures."
        return drawn(figure, "energy", alt, places)


def _decades(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Powers of ten that enclose all bands."""
    low, high = (
        math.log10(f(row[k] for row in rows)) for f, k in ((min, "low_j"), (max, "high_j"))
    )
    return 10.0 ** math.floor(low - 0.1), 10.0 ** math.ceil(high + 0.1)
