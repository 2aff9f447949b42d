"""Checks of a certificate, and the list that collects them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

PASSED, FAILED, NOT_DERIVED = "passed", "failed", "not derived"
"""Status of a check."""

SLACK = 1e-6
"""Allowed excess over half an integer step: real values are derived in another order."""


@dataclass(frozen=True)
class Check:
    """One statement about the numbers of a network.

    Attributes
    ----------
    name : str
        What is checked, as 'layer 1: bias'.
    status : 'passed', 'failed' or 'not derived'
    rule : str
        What the numbers must be.
    values : int
        Compared numbers.
    detail : str
        First difference of a failed check, reason of one not derived; empty if passed.
    """

    name: str
    status: str
    rule: str
    values: int
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return JSON data."""
        return dict(vars(self))


class Checks:
    """List of checks, in the order in which they were made."""

    def __init__(self) -> None:
        self.found: list[Check] = []

    def _add(self, name: str, rule: str, values: int, detail: str) -> None:
        self.found.append(Check(name, FAILED if detail else PASSED, rule, values, detail))

    def equal(self, name: str, rule: str, found: Any, expected: Any) -> None:
        """Compare numbers or arrays exactly."""
        found, expected = np.asarray(found), np.asarray(expected)
        if found.shape != expected.shape:
            detail = f"found the shape {found.shape}, derived {expected.shape}"
            self._add(name, rule, max(found.size, 1), detail)
            return
        self._add(name, rule, found.size, _difference(found, expected, found != expected))

    def nearest(self, name: str, rule: str, found: np.ndarray, exact: np.ndarray) -> None:
        """Compare integers with real values: each must be an integer nearest to its value."""
        found = np.asarray(found, np.float64)
        if found.shape != np.shape(exact):
            detail = f"found the shape {found.shape}, derived {np.shape(exact)}"
            self._add(name, rule, max(found.size, 1), detail)
            return
        distance = np.abs(found - exact)
        self._add(name, rule, found.size, _difference(found, exact, ~(distance <= 0.5 + SLACK)))

    def holds(self, name: str, rule: str, detail: str, values: int = 1) -> None:
        """Record a check that passed if `detail`, the description of a fault, is empty."""
        self._add(name, rule, values, detail)

    def not_derived(self, name: str, rule: str, reason: str) -> None:
        """Record what this certificate cannot derive, and why."""
        self.found.append(Check(name, NOT_DERIVED, rule, 0, reason))


def _difference(found: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """Number of differences, and the first of them."""
    places = np.argwhere(wrong)
    if not len(places):
        return ""
    at = tuple(int(i) for i in places[0])
    where = f" at {list(at)}" if at else ""
    return (
        f"{len(places)} of {found.size} differ; the first{where}: found {found[at]:.10g}, "
        f"derived {expected[at]:.10g}"
    )
