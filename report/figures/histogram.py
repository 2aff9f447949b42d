"""Histograms of values between their clipping limits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.ticker import EngFormatter, NullLocator

from ipvae.report.html.svg import Drawn, drawn
from ipvae.report.numbers import plain, whole
from ipvae.report.pictures.canvas import BLUE, INK, ORANGE, WIDE, drawing


def histogram(name: str, what: str, found: Mapping[str, Any], *, ratio: bool = False) -> Drawn:
    """Draw a histogram, with dashed lines at clipping limits inside its range.

    Parameters
    ----------
    name : str
        Name of the figure.
    what : str
        Label of the vertical axis, which is logarithmic.
    found : mapping
        Histogram from `ipvae.evaluation.histograms`.
    ratio : bool
        Use a logarithmic horizontal axis.
    """
    edges, counts = np.array(found["edges"]), np.array(found["counts"])
    with drawing(WIDE, 340) as figure:
        axes = figure.add_axes((0.13, 0.16, 0.84, 0.75))
        if counts.any():  # a logarithmic axis needs at least one count
            axes.stairs(counts, edges, fill=True, color=BLUE)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0.7, max(1.6 * counts.max(initial=1), 10))
        if ratio:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(found["unit"])
        axes.set_ylabel(what)
        span = edges[-1] - edges[0]
        inside = [
            clip
            for clip in found.get("clips", ())
            if clip is not None and edges[0] - 1e-6 * span <= clip <= edges[-1] + 1e-6 * span
        ]
        for clip in inside:
            axes.axvline(clip, color=ORANGE, linestyle="--", clip_on=False)
        if inside:
            axes.set_title("dashed: clip", loc="right", color=INK)
        alt = (
            f"Histogram of {whole(counts.sum())} {what}: {found['unit']} from {plain(edges[0])} to "
            f"{plain(edges[-1])}; the table beside it has the clips."
        )
        return drawn(figure, name, alt)
