"""Figures on changed images: rotated, shifted, inverted, with noise or other contrast."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.changes import NAMES, Change, changed
from ipvae.evaluation.metrics import r2, spikes
from ipvae.workflows.evaluables.base import Evaluable, States
from ipvae.workflows.evaluation.codes import Codes
from ipvae.workflows.progress import stage

ALLOWED = {
    "rotate": "degrees, such as 0,15,90",
    "shift": "whole pixels, such as 2,4",
    "noise": "deviations from 0 on, such as 0.1,0.2",
    "salt": "fractions from 0 to 1, such as 0.05,0.1",
    "contrast": "factors from 0 on, such as 0.25,0.5",
}
"""Allowed values of changes, for messages; an inversion has no value."""

ChangeLike = Change | tuple[str, float] | str
"""A change, its name and value, or 'invert'."""


def as_changes(given: Sequence[ChangeLike], width: int) -> list[Change]:
    """Check changes of images of this width.

    Raises
    ------
    InputError
        If there is no such change, or its value is not allowed.
    """
    return [_as_change(one, width) for one in given]


def _as_change(given: ChangeLike, width: int) -> Change:
    if isinstance(given, str):
        given = (given, 1.0)
    name, value = (given.name, given.value) if isinstance(given, Change) else given
    if name not in NAMES:
        raise InputError(f"changes: found {name!r}, allowed {', '.join(NAMES)}")
    number = float(value)
    least, most, words = {
        "rotate": (-math.inf, math.inf, ALLOWED["rotate"]),
        "shift": (1 - width, width - 1, f"whole pixels, up to {width - 1}, such as 2,4"),
        "invert": (1, 1, "1"),
        "noise": (0, math.inf, ALLOWED["noise"]),
        "salt": (0, 1, ALLOWED["salt"]),
        "contrast": (0, math.inf, ALLOWED["contrast"]),
    }[name]
    whole = name != "shift" or number.is_integer()
    if not (whole and math.isfinite(number) and least <= number <= most):
        raise InputError(f"{name}: found '{number:g}', allowed {words}")
    return Change(name, number)


def change_figures(
    of: Evaluable,
    changes: list[Change],
    pixels: np.ndarray,
    steps: list[int],
    seed: int,
    codes: Codes | None,
) -> list[dict[str, Any]]:
    """Return the figures of each change; JSON data.

    Parameters
    ----------
    of : Evaluable
    changes : each is applied to the unchanged images
    pixels : (N, M) unchanged images
    steps : to evaluate
    seed : of the noise and all random draws
    codes : codes of unchanged images, on which a classifier is fitted; None without classifier.
        The test images are the last of `pixels`.
    """
    rows = []
    for change in changes:
        images = changed(pixels, of.format, change, seed)
        with stage(f"{change.name} {change.value:g}", len(pixels)) as progress:
            states = of.infer(images, steps, seed, progress).states
        rows.append(_figures(of, change, pixels, images, states, codes))
    return rows


def _figures(
    of: Evaluable,
    change: Change,
    pixels: np.ndarray,
    images: np.ndarray,
    states: States,
    codes: Codes | None,
) -> dict[str, Any]:
    """Figures of one change, which turned `pixels` into `images` (N, M)."""
    real, counts = of.real(images), {step: z for step, (z, _) in states.items()}
    points = of.curve(real, counts)
    last = counts[max(counts)]
    found = {"change": change.name, "value": change.value, **points[-1], "curve": points}
    if of.counts:
        found["spikes"] = spikes(last)
    if change.hides:
        clean = of.real(pixels)
        read_out = of.reconstructions(last)
        found |= {"clean_r2": r2(clean, read_out), "clean_r2_of_input": r2(clean, real)}
    if codes is not None:
        judged = states[max(states)][1][-len(codes.test_labels) :]
        found["accuracy"] = float(codes.reader.score(judged, codes.test_labels))
    return found
