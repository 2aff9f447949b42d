"""Limits of a target as text, most restrictive first."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import whole

BY_DESIGN = frozenset({"weight_magnitude", "payload_bits"})
"""Rules whose range every export uses fully, so that a small margin has no meaning."""


def ranked(limits: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort limits: exceeded ones, then those with the smallest margin, then those by design."""
    return sorted(limits, key=lambda line: (_kept(line), line["rule"] in BY_DESIGN, _margin(line)))


def tightest(limits: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the first limit of `ranked`; None if there is no limit."""
    return next(iter(ranked(limits)), None)


def fits_text(check: Mapping[str, Any]) -> str:
    """Return the fitting target and the tightest limit as text, from `ipvae check` data."""
    low, high = check["cores_range"]
    cores = number_of(high, "core")
    if low != high:
        cores = f"{low} to {cores}"
    text = f"{check['target']}, on {cores} by a model of memory"
    first = tightest(check["limits"])
    if first is not None:
        text += f"; tightest: {limit_text(first)}"
    return text


def limit_text(line: Mapping[str, Any]) -> str:
    """Return a limit and its used fraction, as text."""
    rule = line["rule"].replace("_", " ")
    return f"{rule}, {whole(line['found'])} of {whole(line['allowed'])}"


def _kept(line: Mapping[str, Any]) -> bool:
    return line["found"] <= line["allowed"]


def _margin(line: Mapping[str, Any]) -> float:
    return 1 - line["found"] / line["allowed"]
