"""Test vectors of the CUBA neuron; the step is written here in plain Python integers."""

import numpy as np

from ipvae.network.kinds.cuba import BIAS_MAX, BIAS_MIN, program
from neuron_spec import cases
from neuron_spec.cases import Case, Source, Values, signed, size

TOP = 2**23
"""Largest current."""
USUAL: Values = {
    "a_in": 37,
    "current": 5000,
    "voltage": 70_001,
    "current_keep": 3073,
    "voltage_keep": 4001,
    "threshold": 128_000,
    "bias": 640,
}
BARE: Values = {"current_keep": 4096, "voltage_keep": 4096, "bias": 0, "a_in": 0}
"""No decay, and no input."""
ALONE: Values = {**BARE, "current": 0}
"""The voltage remains as it is."""


def chosen() -> list[Case]:
    """Return at least one case for each branch, and the edges."""
    free: Values = {"threshold": 2**24, **BARE}
    return [
        ("current_negative.no", "rounded down", {"current": 4095, "current_keep": 4095}),
        ("current_negative.yes", "rounded up: to zero", {"current": -1, "current_keep": 4095}),
        ("current_negative.yes", "toward zero", {"current": -4097, "current_keep": 1}),
        ("current_negative.no", "no decay", {"current": TOP - 1, "current_keep": 4096, "a_in": 0}),
        ("current_negative.yes", "a whole number", {"current": -8192, "current_keep": 1}),
        ("current_negative.no", "decay of 1", {"current": -TOP + 1, "current_keep": 0}),
        ("wraps_down.no", "at the top: stays", {**free, "current": TOP - 64, "a_in": 1}),
        ("wraps_down.yes", "one past the top", {**free, "current": TOP - 63, "a_in": 1}),
        ("wraps_up.no", "above the bottom: stays", {**free, "current": 65 - TOP, "a_in": -1}),
        ("wraps_up.yes", "at the bottom", {**free, "current": 64 - TOP, "a_in": -1}),
        ("wraps_up.yes", "below it", {**free, "current": 63 - TOP, "a_in": -1}),
        ("wraps_down.yes", "wrapped once only", {**free, "current": 5, "a_in": 2**19}),
        ("wraps_up.yes", "wrapped once only", {**free, "current": 5, "a_in": -(2**19)}),
        ("voltage_negative.no", "rounded down", {"voltage": 4095, "voltage_keep": 4095}),
        ("voltage_negative.yes", "to zero", {**ALONE, "voltage": -1, "voltage_keep": 4095}),
        ("voltage_negative.yes", "toward zero", {**ALONE, "voltage": -4097, "voltage_keep": 1}),
        ("voltage_negative.yes", "whole", {**ALONE, "voltage": -8192, "voltage_keep": 1}),
        ("voltage_negative.no", "decay of 1", {**ALONE, "voltage": TOP - 1, "voltage_keep": 0}),
        ("voltage.below", "past the limit", {**free, "voltage": 1 - TOP, "current": -1}),
        ("voltage.inside", "at it", {**free, "voltage": 2 - TOP, "current": -1}),
        ("voltage.inside", "at it, above", {**free, "voltage": TOP - 2, "current": 1}),
        ("voltage.above", "past it", {**free, "voltage": TOP - 1, "current": 1}),
        ("voltage.below", "far", {**free, "voltage": 1 - TOP, "current": 1 - TOP, "bias": -6400}),
        ("voltage.above", "far", {**free, "voltage": TOP - 1, "current": TOP, "bias": 6400}),
        ("spike.no", "at the threshold", {**ALONE, "voltage": 128_000}),
        ("spike.yes", "above it", {**ALONE, "voltage": 128_001}),
        ("spike.no", "threshold 0 at 0", {**ALONE, "voltage": 0, "threshold": 0}),
        ("spike.yes", "threshold 0 above 0", {**ALONE, "voltage": 1, "threshold": 0}),
        (
            "spike.yes",
            "17 bits",
            {**free, "voltage": TOP - 1, "current": 900, "threshold": TOP - 64},
        ),
        ("spike.no", "never: clipped below", {**free, "voltage": TOP - 1, "threshold": TOP}),
        ("spike.yes", "by the bias alone", {**ALONE, "voltage": 127_937, "bias": 64}),
        ("spike.no", "negative bias", {**ALONE, "voltage": 128_001, "bias": -64}),
    ]


def at_random(n: int) -> list[Case]:
    """Return valid values of every constant and state."""
    rng = np.random.default_rng(10)
    found = []
    for _ in range(n):
        given: Values = {
            "a_in": signed(rng, 2**18),
            "current": signed(rng, TOP - 1),
            "voltage": signed(rng, TOP - 1),
            "current_keep": int(rng.integers(4097)),
            "voltage_keep": int(rng.integers(4097)),
            "threshold": size(rng, 2**18) << 6,
            "bias": int(rng.integers(BIAS_MIN, BIAS_MAX + 1)) << 6,
        }
        branch = "spike.yes" if step({**USUAL, **given})["s_out"] else "spike.no"
        found.append((branch, "at random", given))
    return found


def vectors() -> list[dict]:
    """Return all vectors."""
    return cases.vectors(program(), [*chosen(), *at_random(40)], USUAL, step, cases.given)


def decayed(x: int, keep: int) -> int:
    """Return x * keep / 4096, rounded toward zero."""
    size = abs(x) * keep // 4096
    return size if x > 0 else -size


def step(v: Values) -> Values:
    """Return the values after one step."""
    current = decayed(v["current"], v["current_keep"]) + 64 * v["a_in"]
    if current > TOP:
        current -= 2 * TOP
    elif current <= -TOP:
        current += 2 * TOP
    voltage = decayed(v["voltage"], v["voltage_keep"]) + current + v["bias"]
    voltage = max(min(voltage, TOP - 1), 1 - TOP)
    sent = voltage > v["threshold"]
    return {**v, "current": current, "voltage": 0 if sent else voltage, "s_out": int(sent)}


CUBA = Source(USUAL, vectors, "cuba.md", "lava.proc.lif.models:PyLifModelBitAcc")
