"""Curves of quality against steps, and of training against epochs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import percent, percent_tick, plain
from ipvae.report.pictures.canvas import BLUE, GREY, ORANGE, drawing, save, title

NEAR = 0.99
CONVERGENCE = (760, 620)
"""Size in pixels of the convergence figure."""
EPOCH_PANELS = (
    ("loss", "loss", "nats × 256 / pixels"),
    ("nll", "NLL", "nats per image"),
    ("kl", "KL", "nats per image"),
    ("r2", "R²", "held-out images"),
    ("zeros", "zeros", "held-out images"),
    ("mse", "squared error", "per pixel, held-out images"),
)


def convergence(
    path: str | Path,
    points: Sequence[Mapping[str, float]],
    of: str,
    images: int,
    trained: int | None = None,
) -> None:
    """Draw R2 and the fraction of zeros against the number of steps, on a logarithmic axis.

    Parameters
    ----------
    path : PNG file
    points, of, images, trained
        See `convergence_figure`.

    Raises
    ------
    ValueError
        See `convergence_figure`.
    InputError
        If the file cannot be written.
    """
    with drawing(*CONVERGENCE) as figure:
        _draw_convergence(figure, points, of, images, trained)
        save(figure, path)


def convergence_figure(
    points: Sequence[Mapping[str, float]], of: str, images: int, trained: int | None = None
) -> Figure:
    """Return a figure of R2 and the fraction of zeros against the number of steps.

    Parameters
    ----------
    points : `step`, `r2` and `zeros` each, from `evaluation.metrics.curve`; with `r2_sd` and
        `zeros_sd`, the figure has a band of one standard deviation
    of : name of the model, for the title
    images : number of images of the means
    trained : steps unrolled in training, marked by a line

    Raises
    ------
    ValueError
        If there is no point or a step is below 1, which a logarithmic axis cannot show.
    """
    with drawing(*CONVERGENCE) as figure:
        _draw_convergence(figure, points, of, images, trained)
        return figure


def _draw_convergence(
    figure: Figure,
    points: Sequence[Mapping[str, float]],
    of: str,
    images: int,
    trained: int | None,
) -> None:
    steps = np.array([point["step"] for point in points], dtype=float)
    if steps.size == 0 or steps.min() < 1:
        raise ValueError(f"steps: found {steps.tolist()}, allowed one or more, each 1 or above")
    fit, zeros = (np.array([point[k] for point in points], dtype=float) for k in ("r2", "zeros"))
    upper, lower = figure.subplots(2, 1, sharex=True)
    figure.subplots_adjust(left=0.09, right=0.96, top=0.84, bottom=0.09, hspace=0.28)
    for axes, key, values, colour, name in (
        (upper, "r2", fit, BLUE, "R²: explained variance of an image"),
        (lower, "zeros", zeros, ORANGE, "zeros: latents without a spike at a step"),
    ):
        axes.plot(steps, values, "o-", color=colour, clip_on=False)
        if f"{key}_sd" in points[0]:
            deviation = np.array([point[f"{key}_sd"] for point in points], dtype=float)
            low, high = values - deviation, values + deviation
            axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set_xscale("log")
        axes.set_title(name)
        if trained is not None:
            axes.axvline(trained, color=GREY, linestyle="--", linewidth=1)
    least = float(np.nanmin(fit)) if np.isfinite(fit).any() else 0.0
    upper.set_ylim(1.1 * least if least < 0 else 0.0, 1.0)
    lower.set_ylim(0.0, 1.0)
    lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.set_xlabel("step")
    lower.set_xticks(_ticks(steps[-1]), minor=False)
    lower.xaxis.set_minor_locator(NullLocator())
    lower.xaxis.set_major_formatter("{x:g}")
    lower.set_xlim(1, max(steps[-1], 2))
    _value(upper, fit[-1], f"{fit[-1]:.3f} at step {steps[-1]:g}", BLUE)
    _value(lower, zeros[-1], percent(zeros[-1]), ORANGE)
    below = f"mean over {number_of(images, 'image')}{_near(steps, fit)}"
    if trained is not None:
        below += f"; dashed: {trained} steps unrolled in training"
    title(figure, f"Convergence of {of}", below)


def training(path: str | Path, history: Sequence[Mapping[str, Any]], of: str) -> None:
    """Draw loss, its parts, R2, zeros and error against epochs.

    Parameters
    ----------
    path : PNG file
    history : a record for each epoch, as in RUN/metrics.jsonl; a null or missing value leaves a gap
    of : name of the model, for the title

    Raises
    ------
    ValueError
        If there is no epoch.
    InputError
        If the file cannot be written.
    """
    if not history:
        raise ValueError("history: found no epoch, allowed one or more; train first")
    epochs = [record.get("epoch", i + 1) for i, record in enumerate(history)]
    with drawing(1100, 640) as figure:
        panels = figure.subplots(2, 3, sharex=True)
        figure.subplots_adjust(
            left=0.075, right=0.98, top=0.83, bottom=0.09, hspace=0.32, wspace=0.34
        )
        for axes, (key, name, unit) in zip(panels.flat, EPOCH_PANELS, strict=True):
            values = np.array([_number(record.get(key)) for record in history])
            colour = BLUE if unit.startswith("nats") else ORANGE
            axes.plot(epochs, values, "o-" if len(epochs) < 40 else "-", color=colour)
            axes.set_title(name, fontweight="bold")
            axes.set_ylabel(unit)
            axes.margins(x=0.03)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            if key == "zeros":
                axes.yaxis.set_major_formatter(lambda value, _: percent_tick(value))
            last = percent(values[-1]) if key == "zeros" else plain(values[-1])
            _value(axes, values[-1], last, colour)
        for axes in panels[1]:
            axes.set_xlabel("epoch")
        count = len(history)
        title(figure, f"Training of {of}", f"{count} epoch{'s' if count != 1 else ''}")
        save(figure, path)


def _near(steps: np.ndarray, fit: np.ndarray) -> str:
    """Text of the step at which R2 is near its last value; empty if that has no meaning."""
    last = fit[-1]
    if not np.isfinite(last) or last <= 0:
        return ""
    first = int(steps[np.flatnonzero(fit >= NEAR * last)[0]])
    return f"; {percent(NEAR, 0)} of the last R² by step {first}"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _ticks(last: float) -> list[int]:
    """Powers of 2, or powers of 4 if these are too many."""
    octaves = math.floor(math.log2(max(last, 2)))
    return [2**n for n in range(0, octaves + 1, 1 if octaves <= 8 else 2)]


def _value(axes: Axes, value: float, text: str, colour: str) -> None:
    """Write the last value above the axes."""
    if np.isfinite(value):
        axes.set_title(text, loc="right", color=colour, fontweight="bold")
