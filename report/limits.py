"""A target's limits in words: what a larger network would meet first comes first."""

from collections.abc import Mapping, Sequence
from typing import Any

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import whole

BY_DESIGN = frozenset({"weight_magnitude", "payload_bits"})
"""Rules whose range an export fills for any network: near their limit they mean nothing."""


def ranked(limits: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort limits: exceeded ones, then those with the smallest margin, then those by design."""
    return sorted(limits, key=lambda line: (_kept(line), line["rule"] in BY_DESIGN, _margin(line)))


def tightest(limits: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the limit that comes first in `ranked`; None if there is no limit."""
    return next(iter(ranked(limits)), None)


def fits_text(check: Mapping[str, Any]) -> str:
    """Write on what a network fits, and the tightest limit; JSON data of `ipvae check`."""
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
    """Write a limit and how much of it is used."""
    rule = line["rule"].replace("_", " ")
    return f"{rule}, {whole(line['found'])} of {whole(line['allowed'])}"


def _kept(line: Mapping[str, Any]) -> bool:
    return line["found"] <= line["allowed"]


def _margin(line: Mapping[str, Any]) -> float:
    return 1 - line["found"] / line["allowed"]
