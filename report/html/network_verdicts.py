"""Summary verdicts of a report on a `Network` of any kinds of neurons."""

from collections.abc import Iterator, Mapping
from typing import Any

from ipvae.report.html.counted_nouns import number_of
from ipvae.report.html.verdicts import (
    FAILS,
    FIGURE,
    HOLDS,
    OPEN,
    Verdict,
    fits_verdict,
    headline_verdicts,
)
from ipvae.report.numbers import count, fit, percent, whole


def network_verdicts(result: Mapping[str, Any]) -> list[Verdict]:
    """Return the verdicts of a result, most important first; aspects without data are omitted."""
    spent, *rest = headline_verdicts(result["headline"])
    first = [_exact(result["verified"]), fits_verdict(result["check"]), spent]
    return [
        *first,
        *_quality(result),
        *_accuracy(result),
        _cost(result),
        *_silent(result),
        *rest,
        *_proof(result),
    ]


def _exact(found: Mapping[str, Any] | None) -> Verdict:
    if found is None:
        text = "not verified in this report; name a backend to verify with, such as lava"
        return Verdict(OPEN, "Bit-exact", text)
    extent = f"{number_of(found['samples'], 'image')}, {number_of(found['steps'], 'step')}"
    if found["bit_exact"]:
        values = whole(found["compared_values"])
        text = f"{' = '.join(found['backends'])} in {values} values ({extent})"
        return Verdict(HOLDS, "Bit-exact", text)
    where = found["first_divergence"] or {}
    text = (
        f"{where.get('backend')} differs first at step {where.get('step')}, layer "
        f"{where.get('layer')} ({extent})"
    )
    return Verdict(FAILS, "Bit-exact", text)


def _quality(result: Mapping[str, Any]) -> Iterator[Verdict]:
    found = result.get("quality")
    if found is not None:
        text = f"R2 {fit(found['r2'])} after {number_of(result['steps'], 'step')}"
        yield Verdict(FIGURE, "Reconstruction", text)


def _accuracy(result: Mapping[str, Any]) -> Iterator[Verdict]:
    found = result["accuracy"]
    if found is not None:
        images = number_of(result["labelled"], "labelled image")
        text = f"{percent(found, 2)} of {images} by the last layer"
        yield Verdict(FIGURE, "Class accuracy", text)


def _cost(result: Mapping[str, Any]) -> Verdict:
    counts = result["counts"]
    text = (
        f"{whole(counts['synaptic_ops'])} synaptic operations, {count(counts['messages'])} "
        f"messages ({percent(result['zeros'])} of all values are zero)"
    )
    return Verdict(FIGURE, "Cost of an image", text)


def _silent(result: Mapping[str, Any]) -> Iterator[Verdict]:
    names = result["silent_layers"]
    if not names:
        return
    last = result["layers"][-1]["layer"]
    within = [name for name in names if name != last]
    if within:
        layers = ", ".join("the input" if name == "0" else f"layer {name}" for name in within)
        yield Verdict(FAILS, "Silent layers", f"nothing passes {layers}: no message in this run")
    if last in names:
        found = result["outputs"]
        classes = (
            "classes come from its potentials" if found["neurons"] > 1 else "see its potential"
        )
        text = f"layer {last} sends nothing in this run; {classes} ({found['potential']})"
        yield Verdict(FIGURE, "Silent output", text)


def _proof(result: Mapping[str, Any]) -> Iterator[Verdict]:
    check = result["check"]
    if check["intervals"]:
        proved = check["overflow_proved"]
        number = len(check["intervals"])
        text = f"impossible: {number} intervals proved" if proved else "not excluded"
        yield Verdict(HOLDS if proved else FAILS, "Overflow", text)
    reached = sum(sum(of.values()) for of in result["at_limits"].values())
    text = f"{number_of(reached, 'value')} stood at a limit" if reached else "no value at a limit"
    yield Verdict(FIGURE if reached else HOLDS, "Limits of values", text)
