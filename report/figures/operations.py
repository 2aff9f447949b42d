"""Comparison of the operation counts of an image."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from ipvae.report.numbers import count, tick
from ipvae.report.pictures.canvas import BLUE, WIDE, drawing
from ipvae.report.pictures.comparison import decades


def operations_figure(counts: Mapping[str, float]) -> Figure:
    """Return a figure with a bar for each count above 0, on a logarithmic axis.

    Parameters
    ----------
    counts : mean operations per image, by name
    """
    found = {name.replace("_", " "): value for name, value in counts.items() if value > 0}
    height = 90 + 26 * max(1, len(found))
    with drawing(WIDE, height) as figure:
        axes = figure.add_axes((0.28, 50 / height, 0.58, 1 - 80 / height))
        axes.set_title("operations per image")
        axes.barh(list(found), list(found.values()), color=BLUE, height=0.7)
        axes.invert_yaxis()
        axes.set_xscale("log")
        low = min(found.values(), default=1.0)
        axes.set_xlim(low / 4, 1.2 * max(found.values(), default=10.0))
        axes.set_xticks(decades(*axes.get_xlim()), minor=False)
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        axes.tick_params(axis="x", which="minor", bottom=False)
        for place, value in enumerate(found.values()):
            axes.annotate(
                count(value), (value, place), (4, 0), textcoords="offset points", va="center"
            )
        return figure
