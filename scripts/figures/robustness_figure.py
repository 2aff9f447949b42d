"""Figure of docs/robustness.md, from the measurements of scripts/figures/robustness.py."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, drawing, save, title

GREEN, PURPLE = "#009E73", "#CC79A7"
"""Colours from Okabe and Ito's palette, like the canvas' colours."""
COLOURS = {"float": BLUE, "8 bits": BLUE, "4 bits": ORANGE}
MARKS = {"float": "", "8 bits": "o", "4 bits": "D"}
LINES = {"float": "-", "8 bits": "none", "4 bits": "none"}
LEAST = -0.3
"""Lower limit of the axis; a smaller R2 is drawn at the edge, with its value as text."""

Figures = dict[str, Any]


def draw(path: Path, found: Figures, below: str) -> None:
    """Draw six panels: float as lines, integers as markers."""
    with drawing(1200, 760) as figure:
        panels = figure.subplots(2, 3)
        figure.subplots_adjust(
            left=0.05, right=0.985, top=0.86, bottom=0.07, wspace=0.17, hspace=0.33
        )
        _against(panels[0, 0], found, "rotate", "r2", "R² of rotated images", "degrees")
        _against(panels[0, 1], found, "shift", "r2", "R² of shifted images", "pixels to the right")
        _noise(panels[0, 2], found)
        _accuracy(panels[1, 0], found)
        _sets(panels[1, 1], found)
        _response(panels[1, 2], found)
        title(figure, "Robustness: float (lines) and integers (markers)", below)
        save(figure, path)


def _rows(found: Figures, name: str, change: str) -> list[list[dict]]:
    """Rows of one change, for each seed."""
    return [
        [row for row in one["changes"] if row["change"] == change] for one in found["changes"][name]
    ]


def _line(found: Figures, name: str, change: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of a change, and the mean of a measure over seeds."""
    seeds = _rows(found, name, change)
    return (
        np.array([row["value"] for row in seeds[0]]),
        np.mean([[row[key] for row in rows] for rows in seeds], axis=0),
    )


def _style(name: str) -> dict[str, Any]:
    hollow = {"mfc": "none"} if name == "4 bits" else {}
    return {"color": COLOURS[name], "marker": MARKS[name], "linestyle": LINES[name], **hollow}


def _against(axes: Axes, found: Figures, change: str, key: str, head: str, unit: str) -> None:
    for name in found["changes"]:
        axes.plot(*_line(found, name, change, key), label=name, **_style(name))
    axes.set_title(head)
    axes.set_xlabel(unit)
    axes.tick_params(colors=GREY)
    axes.set_ylim(0.5, 1)
    if change == "rotate":
        axes.set_xticks(range(0, 181, 30))
    axes.legend(loc="lower left", frameon=False)


def _noise(axes: Axes, found: Figures) -> None:
    """R2 against the image without noise, and against the noisy image."""
    for name in found["changes"]:
        axes.plot(*_line(found, name, "noise", "clean_r2"), label=name, **_style(name))
    noisy = _line(found, "float", "noise", "clean_r2_of_input")
    axes.plot(*noisy, "--", color=GREY, label="the noisy image itself")
    axes.set_title("R² against the image behind the noise")
    axes.set_xlabel("deviation of the noise, white 1")
    axes.set_ylim(max(LEAST, float(noisy[1].min()) - 0.05), 1)
    axes.legend(loc="lower left", frameon=False)


def _accuracy(axes: Axes, found: Figures) -> None:
    for change, colour, scale, unit in (
        ("rotate", BLUE, 1 / 180, "180°"),
        ("shift", ORANGE, 1 / 8, "8 pixels"),
        ("noise", GREEN, 1 / 0.4, "deviation 0.4"),
        ("salt", PURPLE, 1 / 0.2, "a fifth of the pixels"),
    ):
        x, y = _line(found, "float", change, "accuracy")
        axes.plot(x * scale, y, color=colour, label=f"{change}, up to {unit}")
        x, y = _line(found, "8 bits", change, "accuracy")
        axes.plot(x * scale, y, "o", color=colour)
    axes.set_title("accuracy, classifier of unchanged images")
    axes.set_xlabel("size of the change")
    axes.set_ylim(-0.55, 1)
    axes.set_yticks(np.arange(0, 1.1, 0.2))
    axes.legend(loc="lower left", frameon=False)


def _sets(axes: Axes, found: Figures) -> None:
    """R2 of other images: small markers after few steps, medium as trained, large after many."""
    for place, subjects in enumerate(found["sets"].values()):
        for offset, name in enumerate(COLOURS):
            r2 = [point["r2"] for point in subjects[name]["curve"]]
            y = place + 0.22 * (offset - 1)
            face = COLOURS[name] if name == "8 bits" else "none"
            axes.scatter(
                np.maximum(r2, LEAST),
                [y] * len(r2),
                s=(8, 20, 45),
                marker="|" if name == "float" else MARKS[name],
                color=COLOURS[name],
                facecolors=None if name == "float" else face,
            )
            if r2[-1] < LEAST:
                axes.text(LEAST + 0.05, y, f"{r2[-1]:.2f}", fontsize=7, va="center")
    axes.set_yticks(range(len(found["sets"])), list(found["sets"]))
    axes.invert_yaxis()
    axes.set_xlim(LEAST - 0.05, 1)
    axes.set_title("R² of other images")
    axes.set_xlabel("larger marks: after more steps")
    box = axes.get_position()
    axes.set_position((box.x0 + 0.06, box.y0, box.width - 0.06, box.height))


def _response(axes: Axes, found: Figures) -> None:
    """Spikes against contrast, with and without competition."""
    networks = found["longer"] | found["response"]
    others = {"self": (GREEN, "self-inhibition alone"), "drive": (PURPLE, "no inhibition")}
    for name, one in networks.items():
        rows = [row for row in one["changes"] if row["change"] == "contrast"]
        x, y = [row["value"] for row in rows], [row["spikes"] for row in rows]
        if name in others:
            colour, head = others[name]
            axes.loglog(x, y, "s--", color=colour, label=f"{head}, {one['steps']} steps")
        else:
            axes.loglog(x, y, label=f"{name}, {one['steps']} steps", **_style(name))
    axes.set_title("spikes of an image against contrast")
    axes.set_xlabel("contrast")
    axes.set_ylim(top=axes.get_ylim()[1] * 60)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(loc="upper left", frameon=False)
