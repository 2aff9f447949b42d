"""Common style of all pictures, and deterministic PNG files that are written atomically.

The code uses Matplotlib objects and the Agg backend: no pyplot, no display, and no permanent change
of global settings.
"""

import gc
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from ipvae.files import atomic_path
from ipvae.outputs import PICTURE_MARK

DPI = 120
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#007A5A", "#6B6B6B"
"""Okabe and Ito's palette, suitable for colour-blind readers; the green is darker."""
INK = "#1a1a1a"
WIDE = 540
"""Width in pixels of a figure on the page; its text is readable on a phone."""
SIGNED, UNSIGNED = "RdBu_r", "gray"
METADATA = {"Software": None, "Source": PICTURE_MARK}
"""Metadata of PNG files: the mark by which a later picture may replace the file."""
PAPER = "#ffffff"
GAP = "#e6e6e6"
DARK, LIGHT = "#101010", "#fdfdfd"
"""Text colours on coloured cells, the same on any page."""
THEMED = {
    "#000000": "ink",
    INK: "ink",
    GREY: "grey",
    PAPER: "paper",
    GAP: "gap",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
}
"""Colours with light and dark versions on a page, by the name of the CSS variable."""
STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GAP,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "figure.facecolor": PAPER,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
    "text.parse_math": False,  # a model's name may contain any character
    "svg.fonttype": "none",
    "svg.hashsalt": "ipvae",
}
_KEPT = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of `width` x `height` pixels; draw and save it inside the context.

    Matplotlib's defaults and STYLE apply inside, regardless of the user's settings. Garbage
    collection pauses, because a figure has thousands of objects with the same lifetime.
    """
    defaults = {k: v for k, v in mpl.rcParamsDefault.items() if k not in _KEPT}
    settings: Any = {**defaults, **STYLE}
    with _collector_paused(), mpl.rc_context(settings):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        FigureCanvasAgg(figure)
        yield figure


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector, if enabled."""
    runs = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if runs:
            gc.enable()


def save(figure: Figure, path: str | Path) -> None:
    """Write a PNG file atomically, without time and version in its metadata.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(picture, format="png", dpi=DPI, metadata=METADATA)
    with atomic_path(path) as temporary:
        temporary.write_bytes(picture.getvalue())


def title(figure: Figure, text: str, below: str) -> None:
    """Write the title of a figure and the line below it."""
    height = figure.get_figheight() * DPI
    left = 16 / (figure.get_figwidth() * DPI)
    figure.text(left, 1 - 12 / height, text, fontsize=12, fontweight="bold", va="top")
    figure.text(left, 1 - 38 / height, below, fontsize=9, color=GREY, va="top")


def colours(values: np.ndarray, *, signed: bool) -> dict[str, Any]:
    """Colour map and its limits for images: blue to red around 0, or grey from 0.

    Parameters
    ----------
    values : any shape, finite real pixel values; the largest of them sets the limit
    signed : values below 0 have a meaning; otherwise they are drawn as 0
    """
    most = float(np.abs(values).max(initial=0.0)) or 1.0
    return {"cmap": SIGNED if signed else UNSIGNED, "vmin": -most if signed else 0.0, "vmax": most}


def place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a position given in pixels."""
    across, up = figure.get_figwidth() * DPI, figure.get_figheight() * DPI
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def read_rgb(path: str | Path) -> np.ndarray:
    """Read a PNG file: (height, width, 3) uint8."""
    return np.rint(imread(path)[..., :3] * 255).astype(np.uint8)
