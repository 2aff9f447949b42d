"""Options and figures of `ipvae evaluate` for images that are changed: --rotate and the like."""

import math
from typing import Annotated

import numpy as np
import typer

from ipvae.cli.output import working
from ipvae.evaluation.changes import NAMES, Change, changed
from ipvae.evaluation.metrics import curve, r2, spikes
from ipvae.network.errors import InputError
from ipvae.report.numbers import error, fit, percent
from ipvae.workflows.figures import Codes
from ipvae.workflows.subjects import States, Subject

RotateOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Turn the images: degrees, such as 0,15,90. A line each."),
]
ShiftOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Move them: pixels to the right, such as 2,4; -2: left."),
]
InvertOption = Annotated[bool, typer.Option("--invert", help="Dark for light.")]
NoiseOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Add normal noise: deviations, such as 0.1,0.2 (white 1)."),
]
SaltOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Make pixels black or white: fractions, such as 0.05,0.1."),
]
ContrastOption = Annotated[
    str | None, typer.Option(metavar="LIST", help="Multiply pixels: factors, such as 0.25,0.5.")
]


def parse_changes(subject: Subject, invert: bool, **lists: str | None) -> list[Change]:
    """Changes that were asked for, in the order of the options; they are not combined.

    Parameters
    ----------
    subject : whose images are changed
    invert : whether --invert was given
    **lists : by the name of a change, values of its option with commas between them

    Raises
    ------
    InputError
        If a value is no number, or none that the change takes.
    """
    found = []
    for name in NAMES:
        if name == "invert":
            found += [Change(name, 1.0)] * invert
        elif (text := lists[name]) is not None:
            found += [Change(name, value) for value in _values(name, text, subject.shape[1])]
    return found


def _values(name: str, text: str, width: int) -> list[float]:
    least, most, words = {
        "rotate": (-math.inf, math.inf, "degrees, such as 0,15,90"),
        "shift": (1 - width, width - 1, f"whole pixels, up to {width - 1}, such as 2,4"),
        "noise": (0, math.inf, "deviations from 0 on, such as 0.1,0.2"),
        "salt": (0, 1, "fractions from 0 to 1, such as 0.05,0.1"),
        "contrast": (0, math.inf, "factors from 0 on, such as 0.25,0.5"),
    }[name]
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = [math.nan]
    whole = name != "shift" or all(value.is_integer() for value in values)
    if not (whole and all(math.isfinite(v) and least <= v <= most for v in values)):
        raise InputError(f"--{name}: found '{text}', allowed {words}")
    return values


def change_figures(
    subject: Subject,
    changes: list[Change],
    pixels: np.ndarray,
    steps: list[int],
    seed: int,
    codes: Codes | None,
) -> tuple[dict, tuple[list[str], list[list[str]]]]:
    """Key `changes`, one object for each; columns and rows of a table.

    Parameters
    ----------
    subject : network or model
    changes : each is made on the unchanged images
    pixels : (N, M) unchanged images
    steps : to look at
    seed : of the noise; the subject has its own
    codes : where a classifier is asked for: of unchanged images, to fit it on. Its test images are
        the last of `pixels`.
    """
    rows = []
    for change in changes:
        images = changed(pixels, subject.format, change, seed)
        with working(f"{change.name} {change.value:g}", len(pixels)) as progress:
            states = subject.states(images, steps, progress)
        rows.append(_figures(subject, change, pixels, images, states, codes))
    return {"changes": rows}, _table(rows)


def _figures(
    subject: Subject,
    change: Change,
    pixels: np.ndarray,
    images: np.ndarray,
    states: States,
    codes: Codes | None,
) -> dict:
    """Figures of one change, which made `images` (N, M) of `pixels`."""
    real, counts = subject.real(images), {step: z for step, (z, _) in states.items()}
    points = curve(real, counts, subject.decoder)
    last = counts[max(counts)]
    found = {"change": change.name, "value": change.value, **points[-1], "curve": points}
    if subject.counts:
        found["spikes"] = spikes(last)
    if change.hides:
        clean = subject.real(pixels)
        read_out = last.astype(np.float32) @ subject.decoder.T.astype(np.float32)
        found |= {"clean_r2": r2(clean, read_out), "clean_r2_of_input": r2(clean, real)}
    if codes is not None:
        judged = states[max(states)][1][-len(codes.test_labels) :]
        found["accuracy"] = float(codes.reader.score(judged, codes.test_labels))
    return found


def _named(row: dict) -> str:
    return row["change"] if row["change"] == "invert" else f"{row['change']} {row['value']:g}"


def _table(rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    forms = {
        "mse": error,
        "r2": fit,
        "zeros": "{:.4f}".format,
        "spikes": "{:.1f}".format,
        "accuracy": lambda value: percent(value, 2),
    }
    shown = [key for key in forms if key in rows[0]]
    heads = {"mse": "MSE", "r2": "R2"}
    return (
        ["change", *(heads.get(key, key) for key in shown)],
        [[_named(row), *(forms[key](row[key]) for key in shown)] for row in rows],
    )
