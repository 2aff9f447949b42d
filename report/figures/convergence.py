"""Quality against steps, with the early-stopping point."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from ipvae.report.html.svg import Drawn, Point, drawn
from ipvae.report.numbers import error, fit, percent
from ipvae.report.pictures.canvas import BLUE, GREEN, GREY, ORANGE, WIDE, drawing

PANELS = (
    ("r2", "R²", BLUE, "o", fit),
    ("mse", "MSE per pixel", ORANGE, "s", error),
    ("zeros", "zeros in the code", GREEN, "^", percent),
)


def convergence(points: Sequence[Mapping[str, float]], stop: Mapping[str, float] | None) -> Drawn:
    """Draw R2, MSE and zeros against the number of steps; a quantity without values has no panel.

    Parameters
    ----------
    points : `step`, `r2`, `mse` and `zeros` each; None leaves a gap
    stop : `step` and `within` of the early-stopping point, marked by a line
    """
    steps = [point["step"] for point in points]
    places: list[Point] = []
    shown = [panel for panel in PANELS if any(point[panel[0]] is not None for point in points)]
    with drawing(WIDE, 70 + 190 * len(shown)) as figure:
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.13, right=0.97, top=0.95, bottom=0.08, hspace=0.3)
        for axes, (key, name, colour, marker, form) in zip(panels, shown, strict=True):
            values = np.array([_number(point[key]) for point in points])
            axes.plot(steps, values, marker=marker, color=colour, clip_on=False)
            axes.set_title(name)
            axes.set_xscale("log", base=2)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
            if key == "zeros":
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            if stop is not None:
                axes.axvline(stop["step"], color=GREY, linestyle="--", linewidth=1)
            places += [
                Point(axes, x, y, f"step {x}: {name} {form(y)}")
                for x, y in zip(steps, values, strict=True)
                if np.isfinite(y)
            ]
        if stop is not None:
            panels[0].set_title(f"dashed: stop point, step {stop['step']}", loc="right", color=GREY)
        panels[-1].set_xlabel("step")
        panels[-1].xaxis.set_major_formatter("{x:g}")
        panels[-1].xaxis.set_minor_locator(NullLocator())
        panels[-1].set_xlim(min(steps), max(steps[-1], 2))
        return drawn(figure, "convergence", _alt(points, stop, len(shown) == len(PANELS)), places)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _alt(points: Sequence[Mapping[str, float]], stop: Mapping[str, float] | None, r2: bool) -> str:
    last = points[-1]
    caption = f"{'R2, ' if r2 else ''}MSE and zeros against steps 1 to {last['step']}."
    return caption if stop is None else f"{caption} The stop point is step {stop['step']}."
