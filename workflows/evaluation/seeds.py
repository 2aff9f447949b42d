"""Means over seeds of JSON data, with the spread over seeds beside them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvae.workflows.evaluation.text import DEVIATION

SETTINGS = ("threshold", "tolerance", "value")
"""Keys of numbers that were asked for, and not measured."""


def mean_over_seeds(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means of figures over seeds, each with its deviation under a key of its own.

    Parameters
    ----------
    results : JSON data of one evaluation for each of two or more seeds

    Returns
    -------
    dict
        Of the same keys; `<key>_sd` is the standard deviation over seeds (n - 1 degrees of
        freedom) of the number in `<key>`. Counts that all seeds share and settings stay as they
        are; null where a figure is null for some seed.
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
    """Whether a number is a figure, which seeds could change."""
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
