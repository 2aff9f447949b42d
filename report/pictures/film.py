"""Frames of an animated picture: a film, its reconstruction, the spikes, and the cost of each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, colours, drawing, place

WIDTH, HEIGHT = 720, 440
SIDE, BOTTOM = 190, 196
LEFTS = (24, 238, 452)
GRID = 32
"""Largest number of neurons in a row of the picture of counts."""


@dataclass(frozen=True, eq=False)
class FilmData:
    """Everything that a film's picture shows, frame by frame.

    Attributes
    ----------
    frames, reconstructions : (F, height, width), real pixel units
    counts : (F, K) int
        Output of the code in the last update of each frame.
    r2 : (F,) float64
    synaptic_ops : (F,) float64
    title : str
    signed : bool
        Whether pixels below 0 have a meaning.
    """

    frames: np.ndarray
    reconstructions: np.ndarray
    counts: np.ndarray
    r2: np.ndarray
    synaptic_ops: np.ndarray
    title: str
    signed: bool


def drawn_frames(of: FilmData) -> Iterator[np.ndarray]:
    """Draw the frames of the animated picture: (HEIGHT, WIDTH, 3) uint8 each."""
    with drawing(WIDTH, HEIGHT) as figure:
        figure.text(0.033, 0.98, of.title, fontsize=10, fontweight="bold", va="top")
        style = colours(of.frames, signed=of.signed)
        shown = _image(figure, LEFTS[0], "frame")
        decoded = _image(figure, LEFTS[1], "reconstruction")
        pictures = [
            axes.imshow(values[0], interpolation="nearest", **style)
            for axes, values in ((shown, of.frames), (decoded, of.reconstructions))
        ]
        grid = _in_a_grid(np.abs(of.counts))
        spikes = _image(figure, LEFTS[2], f"{of.counts.shape[1]} neurons: counts")
        most = max(float(np.quantile(grid, 0.995)), 1.0)
        counted = spikes.imshow(grid[0], cmap="Blues", vmin=0, vmax=most, interpolation="nearest")
        marks = _curves(figure, of)
        for f in range(len(of.frames)):
            for picture, values in zip(pictures, (of.frames, of.reconstructions), strict=True):
                picture.set_data(values[f])
            counted.set_data(grid[f])
            for mark in marks:
                mark.set_xdata([f, f])
            figure.canvas.draw()
            buffer = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
            yield buffer[..., :3].copy()


def _image(figure: Figure, left: float, name: str) -> Axes:
    axes = place(figure, left, BOTTOM, SIDE, SIDE)
    axes.set_title(name, fontsize=9, color=GREY, pad=3)
    axes.set_axis_off()
    return axes


def _in_a_grid(counts: np.ndarray) -> np.ndarray:
    """Neurons in rows, the most active first: (F, rows, columns)."""
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    columns = min(GRID, max(1, int(np.ceil(np.sqrt(counts.shape[1])))))
    rows = -(-counts.shape[1] // columns)
    full = np.zeros((len(counts), rows * columns), counts.dtype)
    full[:, : counts.shape[1]] = counts[:, order]
    return full.reshape(len(counts), rows, columns)


def _curves(figure: Figure, of: FilmData) -> list:
    """Draw R2 and operations of all frames; return the marks of the present one."""
    marks, x = [], np.arange(len(of.frames))
    thousands = of.synaptic_ops / 1e3
    low = float(np.nanmin(of.r2, initial=1.0))
    for left, values, name, colour, ends in (
        (56, of.r2, "R2 of each frame", BLUE, (min(low - 0.02, 0.8), 1.0)),
        (
            406,
            thousands,
            "synaptic operations (thousand)",
            ORANGE,
            (0, 1.15 * max(thousands.max(), 1)),
        ),
    ):
        axes = place(figure, left, 46, 285, 100)
        axes.plot(x, values, color=colour, marker=".")
        axes.set_title(name, fontsize=9, color=GREY, pad=3)
        axes.set(xlabel="frame", ylim=ends, xlim=(-0.5, len(x) - 0.5))
        marks.append(axes.axvline(0, color=GREY, linewidth=1))
    return marks
