"""Test vectors of the LIF neuron; the step is written here in plain Python integers."""

import numpy as np

from ipvae.network.kinds.cuba import BIAS_MAX, BIAS_MIN
from ipvae.network.kinds.lif import MOST_SPIKES, THRESHOLD_MAX, program
from neuron_spec import cases
from neuron_spec.cases import Case, Values, signed
from neuron_spec.cuba_cases import decayed

TOP = 2**23 - 1
"""Largest current and voltage."""
USUAL: Values = {
    "a_in": 37,
    "current": 5000,
    "voltage": 70_001,
    "last": 0,
    "current_keep": 3073,
    "voltage_keep": 4001,
    "threshold": 128_000,
    "amount": 127_999,
    "scale": 64,
    "to_zero": 0,
    "next_row": 0,
    "most": 1,
    "bias": 640,
    "current_bias": 0,
}
BARE: Values = {"current_keep": 4096, "voltage_keep": 4096, "bias": 0, "a_in": 0, "current": 0}
"""The voltage remains as it is."""
COUNTS: Values = {**BARE, "threshold": 1000, "amount": 1000, "most": MOST_SPIKES}
"""A neuron that sends counts."""
LATE: Values = {**BARE, "next_row": 1, "voltage": 130_000, "last": 1}
"""A reset that is due from the row before."""


def chosen() -> list[Case]:
    """Return at least one case for each branch, and the edges."""
    full: Values = {"current_keep": 4096, "a_in": 1}
    found: list[Case] = [
        ("current_negative.no", "rounded down", {"current": 4095, "current_keep": 4095}),
        ("current_negative.yes", "rounded up: to zero", {"current": -1, "current_keep": 4095}),
        ("current_negative.yes", "a whole number", {"current": -8192, "current_keep": 1}),
        ("voltage_negative.yes", "whole", {**BARE, "voltage": -8192, "voltage_keep": 1}),
        ("current.below", "past the limit", {**full, "current": -TOP, "a_in": -1}),
        ("current.inside", "at the limit", {**full, "current": TOP - 64}),
        ("current.above", "past the limit", {**full, "current": TOP - 63}),
        ("current.above", "by its bias", {**full, "current": TOP - 64, "current_bias": 1}),
        ("current.above", "largest input", {**full, "a_in": 2**24, "scale": 4096}),
        ("voltage_negative.no", "rounded down", {"voltage": 4095, "voltage_keep": 4095}),
        ("voltage_negative.yes", "to zero", {**BARE, "voltage": -1, "voltage_keep": 4095}),
        ("voltage.below", "past the limit", {**BARE, "voltage": -TOP, "bias": -64}),
        ("voltage.inside", "below the threshold", {**BARE, "voltage": 127_999}),
        ("voltage.above", "past the limit", {**BARE, "voltage": TOP, "bias": 64}),
        ("late.no", "the reset is now", {**BARE, "voltage": 128_000}),
        ("late.yes", "none is due", {**LATE, "last": 0}),
        ("driven_reset.no", "subtracted after the decay", {**LATE, "voltage_keep": 2048}),
        ("driven_reset.yes", "to zero, with the input", {**LATE, "to_zero": 1, "a_in": 9}),
        ("driven_zero.yes", "to zero", {**LATE, "to_zero": 1}),
        ("driven_zero.no", "none is due", {**LATE, "to_zero": 1, "last": 0}),
        ("now.yes", "the reset is in the next row", {**LATE, "last": 0}),
        ("now.no", "the reset is in this row", {**BARE, "voltage": 128_001}),
        ("after_reset.no", "subtracted", {**BARE, "voltage": 200_000}),
        ("after_reset.yes", "to zero", {**BARE, "voltage": 200_000, "to_zero": 1}),
        ("after_zero.yes", "to zero", {**BARE, "voltage": 128_000, "to_zero": 1}),
        ("after_zero.no", "no spike", {**BARE, "voltage": 127_999, "to_zero": 1}),
    ]
    for bit in (1, 2, 4, 8):
        name = f"spikes_{bit}"
        found += [
            (f"{name}.yes", f"{bit} thresholds", {**COUNTS, "voltage": 1000 * bit}),
            (f"{name}_reached.yes", "reached", {**COUNTS, "voltage": 1000 * bit}),
            (f"{name}_reached.no", "one less", {**COUNTS, "voltage": 1000 * bit - 1}),
        ]
        if bit > 1:
            found.append((f"{name}.no", "too many", {**COUNTS, "voltage": 10**6, "most": bit - 1}))
    many: Values = {**COUNTS, "threshold": 1, "amount": THRESHOLD_MAX, "most": 3}
    found.append(("voltage.below", "by the reset", {**many, "voltage": 3}))
    found.append(("spikes_8.yes", "the most", {**COUNTS, "voltage": 10**6, "most": 8}))
    found.append(("spikes_1.no", "the most are sent", {**COUNTS, "voltage": 10**6, "most": 2}))
    return found


def at_random(n: int) -> list[Case]:
    """Return valid values of every constant and state."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(n):
        threshold = int(rng.integers(1, 2 ** int(rng.integers(1, 23))))
        bias = int(rng.integers(BIAS_MIN, BIAS_MAX + 1)) << int(rng.integers(0, 7))
        place = "bias" if rng.integers(2) else "current_bias"
        given: Values = {
            "a_in": signed(rng, 2**18),
            "current": signed(rng, TOP),
            "voltage": signed(rng, TOP),
            "last": int(rng.integers(2)),
            "current_keep": int(rng.integers(4097)),
            "voltage_keep": int(rng.integers(4097)),
            "threshold": min(threshold, THRESHOLD_MAX),
            "amount": int(rng.integers(threshold + 1)),
            "scale": 1 << int(rng.integers(13)),
            "to_zero": int(rng.integers(2)),
            "next_row": int(rng.integers(2)),
            "most": int(rng.integers(1, MOST_SPIKES + 1)),
            "bias": 0,
            "current_bias": 0,
            place: bias,
        }
        late = "late.yes" if given["next_row"] else "late.no"
        found.append((late, "at random", given))
    return found


def vectors() -> list[dict]:
    """Return all vectors."""
    return cases.vectors(program(), [*chosen(), *at_random(40)], USUAL, step, cases.given)


def step(v: Values) -> Values:
    """Return the values after one step."""

    def clipped(x: int) -> int:
        return max(min(x, TOP), -TOP)

    def reset(x: int, count: int) -> int:
        if v["to_zero"]:
            return 0 if count else x
        return x - count * v["amount"]

    current = decayed(v["current"], v["current_keep"]) + v["scale"] * v["a_in"]
    current = clipped(current + v["current_bias"])
    voltage = decayed(v["voltage"], v["voltage_keep"]) + current + v["bias"]
    voltage = clipped(reset(voltage, v["last"]) if v["next_row"] else voltage)
    z = max(0, min(voltage // v["threshold"], v["most"]))
    voltage = clipped(voltage if v["next_row"] else reset(voltage, z))
    return {**v, "current": current, "voltage": voltage, "last": z, "s_out": z}
