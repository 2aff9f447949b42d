"""Means and standard deviations over seeds of JSON data."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvae.workflows.evaluation.text import DEVIATION

SETTINGS = ("threshold", "tolerance", "value")
"""Keys of numbers that are settings, not measurements."""


def mean_over_seeds(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means of figures over seeds, with standard deviations under separate keys.

    Parameters
    ----------
    results : JSON data of one evaluation for each of two or more seeds

    Returns
    -------
    dict
        Means under the same keys; `<key>_sd` is the standard deviation over seeds (n - 1 degrees
        of freedom) of the number in `<key>`. Settings, and counts that are equal for all seeds,
        are unchanged. A figure that is null for some seed is null.
    """
    found: dict[str, Any] = {}
    for key in results[0]:
        values = [result[key] for result in results]
        found[key] = _mean(key, values)
        if _measured(key, values):
            found[key + DEVIATION] = _deviation(values)
    return found


def _mean(key: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, dict) and all(value is not None for value in values):
        return mean_over_seeds(values)
    if isinstance(first, list):
        return [_mean(key, list(items)) for items in zip(*values, strict=True)]
    if _is_number(first) and values.count(first) < len(values):
        return None if not _all_numbers(values) else float(np.mean(values))
    return first


def _measured(key: str, values: list[Any]) -> bool:
    """Return whether a number is a figure that depends on the seed."""
    if key in SETTINGS or not any(map(_is_number, values)):
        return False
    shared = all(isinstance(value, int) for value in values) and values.count(values[0]) == len(
        values
    )
    return not shared


def _deviation(values: list[Any]) -> float | None:
    return float(np.std(values, ddof=1)) if _all_numbers(values) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _all_numbers(values: list[Any]) -> bool:
    return all(_is_number(value) and math.isfinite(value) for value in values)
