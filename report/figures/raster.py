"""Messages of the code for one image at each step."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.ticker import MaxNLocator, NullLocator

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.svg import Drawn, drawn
from ipvae.report.pictures.canvas import WIDE, drawing

MOST_NEURONS = 512


def raster(sent: np.ndarray) -> Drawn:
    """Draw the size of every message: a row for each neuron, a column for each step.

    Parameters
    ----------
    sent : (rows, K) int
        Counts at steps 0, 1, ...; neurons are sorted by total count, the largest on top.
    """
    sizes = np.abs(sent)
    order = np.argsort(-sizes.sum(axis=0), kind="stable")[:MOST_NEURONS]
    shown = sizes[:, order].T.astype(float)
    most = int(shown.max(initial=0))
    with drawing(WIDE, 600) as figure:
        axes = figure.add_axes((0.13, 0.09, 0.69, 0.88))
        image = axes.imshow(
            np.where(shown > 0, shown, np.nan),
            cmap=ListedColormap(mpl.colormaps["Blues"](np.linspace(0.4, 1.0, 64))),
            norm=LogNorm(1, max(most, 2)),
            aspect="auto",
            interpolation="none",
            extent=(-0.5, len(sent) - 0.5, len(order) - 0.5, -0.5),
        )
        axes.grid(False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("step")
        axes.set_ylabel("neuron, most active first")
        bar = figure.add_axes((0.85, 0.09, 0.03, 0.88))
        ends = sorted({1, *(t for t in (10, 100, 1000) if 2 * t < most), max(most, 2)})
        figure.colorbar(image, cax=bar, label="size of the message", ticks=ends, format="{x:g}")
        bar.yaxis.set_minor_locator(NullLocator())
        bar.grid(False)
        messages = int(np.count_nonzero(shown))
        alt = (
            f"Messages of the first image at steps 0 to {len(sent) - 1}: "
            f"{number_of(len(order), 'neuron')}, {number_of(messages, 'message')} "
            f"of sizes up to {most}."
        )
        return drawn(figure, "raster", alt)
