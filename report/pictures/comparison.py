"""Comparison picture of several models: quality against steps, operations and energy."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from ipvae.report.numbers import MICRO, tick
from ipvae.report.pictures.canvas import DPI, GREY, PAPER, drawing, title

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without yellow, which has low contrast on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h")
"""Marker shapes; their number and the number of colours are coprime, for 77 distinct pairs."""
ROWS = {"r2": "R²: explained variance of an image", "zeros": "zeros", "accuracy": "accuracy"}
WIDE, TALL, HEAD, AXIS, LINE = 1260, 260, 92, 70, 22
"""Pixels: width, row height, heights above and below the rows, height of a legend line."""
LEGEND_COLUMNS = 3
EXACT = "integers"
PART = "dynamic"
"""Part of the energy to draw; static energy is not added."""
TICKS_LEAST = 3
NO_TOOL = dict.fromkeys(("Date", "Creator", "Format", "Type"))

Point = Mapping[str, Any]
Place = Callable[[Point], tuple[float, float] | None]
"""Function from a point to the ends of its band on an axis; None for a point without a position."""


def comparison(
    png: str | Path, svg: str | Path, subjects: Sequence[Mapping[str, Any]], of: str, energy: str
) -> None:
    """Draw R2, zeros and accuracy against steps, operations and modelled energy.

    Integer models have filled markers and solid lines; float models have hollow markers and dashes.
    A single-pass model is a point. A ring marks an early-stopping point. Each model has its own
    marker, so that colour is not needed.

    Parameters
    ----------
    png, svg : files to write
    subjects, of, energy
        See `comparison_figure`.

    Raises
    ------
    ValueError
        If there are no models.
    OSError
        If a file cannot be written.
    """
    with drawing(WIDE, _height(subjects)) as figure:
        _draw_all(figure, subjects, of, energy)
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata=NO_TOOL)


def comparison_figure(subjects: Sequence[Mapping[str, Any]], of: str, energy: str) -> Figure:
    """Return the comparison figure.

    Parameters
    ----------
    subjects : `name`, `kind`, `stop` and `curve` each, as `ipvae compare --json` has them
    of : description of the images, for the title
    energy : name of the model whose dynamic energies are drawn: a line at the upper end, with the
        band down to the lower end

    Raises
    ------
    ValueError
        If there are no models.
    """
    with drawing(WIDE, _height(subjects)) as figure:
        _draw_all(figure, subjects, of, energy)
        return figure


def _rows(subjects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Quantities that at least one point has."""
    if not subjects:
        raise ValueError("subjects: found none, allowed one or more")
    return [key for key in ROWS if any(key in point for s in subjects for point in s["curve"])]


def _foot(subjects: Sequence[Mapping[str, Any]]) -> int:
    return LINE * math.ceil((len(subjects) + 1) / LEGEND_COLUMNS) + AXIS


def _height(subjects: Sequence[Mapping[str, Any]]) -> int:
    return HEAD + TALL * len(_rows(subjects)) + _foot(subjects)


def _draw_all(figure: Figure, subjects: Sequence[Mapping[str, Any]], of: str, energy: str) -> None:
    columns: dict[str, Place] = {
        "step": lambda point: (point["step"], point["step"]),
        "operations an image": lambda point: (point["operations"], point["operations"]),
        f"µJ an image ({energy}, {PART})": lambda point: _microjoules(point, energy),
    }
    rows, height = _rows(subjects), _height(subjects)
    looks = [_look(i, subject) for i, subject in enumerate(subjects)]
    panels = figure.subplots(len(rows), len(columns), sharex="col", sharey="row", squeeze=False)
    figure.subplots_adjust(
        left=0.05, right=0.985, top=1 - HEAD / height, bottom=_foot(subjects) / height, wspace=0.06
    )
    for key, line in zip(rows, panels, strict=True):
        for axes, place in zip(line, columns.values(), strict=True):
            for subject, look in zip(subjects, looks, strict=True):
                _draw(axes, subject, key, place, look)
        line[0].set_title(ROWS[key])
        _set_heights(line[0], key, subjects)
    for axes, name in zip(panels[-1], columns, strict=True):
        _set_logarithmic(axes, powers_of_two=name == "step")
        axes.set_xlabel(name)
    _legend(figure, subjects, looks)
    below = f"{of}; energy is modelled, not measured"
    title(figure, "What it costs, and what it buys", below)


def _microjoules(point: Point, model: str) -> tuple[float, float] | None:
    for row in point.get("energy", []):
        if row["model"] == model and row.get("part", PART) == PART:
            return row["low_j"] * MICRO, row["high_j"] * MICRO
    return None


def _look(number: int, subject: Mapping[str, Any]) -> dict[str, Any]:
    """Colour, marker and line style of a model."""
    colour, exact = COLOURS[number % len(COLOURS)], subject["kind"] == EXACT
    alone = len(subject["curve"]) == 1
    return {
        "color": colour,
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": "none" if alone else "-" if exact else "--",
        "markerfacecolor": colour if exact else PAPER,
        "markersize": 8 if alone else 5,
        "zorder": 3 - exact / 2 - number / 1000,  # hollow markers above filled, the first on top
    }


def _draw(
    axes: Axes, subject: Mapping[str, Any], key: str, place: Place, look: dict[str, Any]
) -> None:
    """Draw one model in one panel, if its points have positions there."""
    points = [point for point in subject["curve"] if key in point and place(point) is not None]
    if not points:
        return
    low, high = np.array([place(point) for point in points], dtype=float).T
    values = np.array([point[key] for point in points], dtype=float)
    axes.plot(high, values, **look)
    if (low < high).any():
        axes.fill_betweenx(values, low, high, color=look["color"], alpha=0.08, linewidth=0)
    for point, x, y in zip(points, high, values, strict=True):
        if point["step"] == subject["stop"] and len(subject["curve"]) > 1:
            axes.plot(x, y, **RING)


RING = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": "black",
    "zorder": 4,
}


def _set_heights(axes: Axes, key: str, subjects: Sequence[Mapping[str, Any]]) -> None:
    """Set limits from just below the smallest value, or 0, to 1; far below -1 use powers of ten."""
    values = [point.get(key, 1.0) for subject in subjects for point in subject["curve"]]
    least = min((value for value in values if np.isfinite(value)), default=0.0)
    if least < -1:
        _set_powers(axes, least)
        return
    bottom = 0.0 if key == "zeros" else math.floor(10 * (least - 0.05)) / 10
    bottom = bottom if key == "r2" else max(0.0, bottom)
    edge = 0.06 * (1.0 - bottom)  # for markers at the ends
    axes.set_ylim(bottom - edge, 1.0 + edge)
    if key != "r2":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _set_powers(axes: Axes, least: float) -> None:
    """Set a vertical scale that is linear from -1 to 1 and logarithmic below -1."""
    decades = math.ceil(math.log10(-1.1 * least))
    axes.set_yscale("symlog", linthresh=1, linscale=max(1.0, 0.7 * decades))
    axes.set_ylim(-(10.0**decades), 1.2)
    every = -(-decades // 4)
    powers = [-(10.0**n) for n in range(0, decades + 1, every)]
    axes.yaxis.set_major_locator(FixedLocator([*reversed(powers), 0.0, 0.5, 1.0]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_title(f"{axes.get_title(loc='left')}, logarithmic below -1")


def _set_logarithmic(axes: Axes, *, powers_of_two: bool) -> None:
    """Set a logarithmic axis with at least three labelled ticks; linear if no value is positive."""
    values = [np.asarray(line.get_xdata(), float) for line in axes.lines]
    if not any((x > 0).any() for x in values):
        return
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = octaves(low, high) if powers_of_two else []
    write = "{x:g}" if ticks else (lambda value, _: tick(value))
    axes.xaxis.set_major_locator(FixedLocator(ticks or decades(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(write)


def octaves(low: float, high: float) -> list[float]:
    """Return at most nine powers of two between the ends; an empty list if there is only one."""
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    every = max(1, -(-(last - first + 1) // 9))
    return [2.0**n for n in range(first, last + 1, every)] if last > first else []


def decades(low: float, high: float) -> list[float]:
    """Return powers of ten between the ends, with multiples by 3, or 2 and 5, if there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, -(-(last - first) // 8))
    found: list[float] = []
    for factors in ((1,), (1, 3), (1, 2, 5), range(1, 10), (n / 10 for n in range(10, 100))):
        marks = list(factors)
        found = [f * 10.0**n for n in range(first, last + 1, every) for f in marks]
        found = [at for at in found if low <= at <= high]
        if len(found) >= TICKS_LEAST:
            break
    return found


def _legend(
    figure: Figure, subjects: Sequence[Mapping[str, Any]], looks: Sequence[dict[str, Any]]
) -> None:
    """Draw the legend below the panels, row by row; the ring is last."""
    handles = [Line2D([], [], **look) for look in looks]
    names = [f"{subject['name']} ({subject['kind']})" for subject in subjects]
    if any("r2" in point for subject in subjects for point in subject["curve"]):
        handles.append(Line2D([], [], **RING))
        names.append("early-stopping point")
    legend = figure.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(0.04, 0.0),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        handlelength=3.5,
    )
    for text in legend.get_texts():
        text.set_color(GREY)
