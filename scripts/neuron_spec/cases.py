"""Test vectors, one step of one neuron each, computed by network/ and never by the program."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ipvae.network.kinds.program import Program, branches_of
from ipvae.network.rules.arithmetic import SELF_MAX, STATE_MAX, TERM_MAX

Values = dict[str, int]
Case = tuple[str, str, Values]
"""Branch, description, and the values that differ from the default values."""


class Source(NamedTuple):
    """Vectors of a kind that Lava defines: usual values, the vectors, and where it is defined."""

    usual: Values
    vectors: Callable[[], list[dict]]
    page: str
    model: str


COMMON: Values = {
    "a_in": 37,
    "drive": 500,
    "received": 0,
    "step": 5,
    "row": 5,
    "next": 5,
    "weight_exp": 6,
    "sign": -1,
    "period": 1,
    "phase": 0,
    "lag": 1,
}


RECEIVING: list[Case] = [
    ("begin.yes", "first step of an image", {"step": 0, "row": 9, "next": 3}),
    ("begin.yes", "first step, acts later", {"step": 0, "phase": 2, "row": 9, "next": 3}),
    ("begin.no", "a later step", {}),
    ("act.yes", "row 3 of a loop of two hops", {"period": 2, "step": 6, "next": 6, "row": 3}),
    ("act.no", "rest between rows", {"period": 2, "step": 7, "next": 8, "row": 4}),
    ("heard.yes", "lag 0 hears at row 0", {"step": 1, "row": 0, "next": 1, "lag": 0}),
    ("heard.no", "lag 1 does not", {"step": 0, "a_in": 999}),
    ("left_shift.yes", "e >= 0", {"a_in": -41}),
    ("left_shift.no", "e < 0, rounded down", {"weight_exp": -2, "a_in": -37}),
    ("g.below", "clipped before the shift", {"a_in": -STATE_MAX, "drive": -TERM_MAX}),
    ("g.inside", "at its limit", {"a_in": 32767, "drive": TERM_MAX}),
    ("g.above", "clipped before the shift", {"a_in": 32768, "drive": TERM_MAX}),
    ("g_limited.below", "after", {"weight_exp": -1, "a_in": -STATE_MAX, "drive": -TERM_MAX}),
    ("g_limited.inside", "after the shift", {"weight_exp": -1, "a_in": -5}),
    ("g_limited.above", "after", {"weight_exp": -1, "a_in": STATE_MAX, "drive": TERM_MAX}),
    ("added.yes", "input is added", {"sign": 1}),
    ("added.no", "input is subtracted", {"sign": -1}),
]
"""Branches common to both kinds of neuron: rounding and synaptic input."""


def with_derived(values: Values) -> Values:
    """Add the constants that are derived from others."""
    e = values["weight_exp"]
    high = TERM_MAX >> max(e, 0)
    found = {
        **values,
        "left": max(e, 0),
        "right": max(-e, 0),
        "input_high": high,
        "input_low": -high,
    }
    if "self_weight" in values:
        found["own_limit"] = SELF_MAX // max(values["self_weight"], 1)
    if "threshold" in values:
        found["threshold_low"] = -values["threshold"]
    if "shift" in values:
        found["half"] = (1 << values["shift"]) >> 1
    return found


def received_parts(v: Values) -> dict[str, Any]:
    """Arguments common to all kinds of layer; its single neuron is connected to itself."""
    return {
        "bias": np.zeros(1, np.int32),
        "weight_rec": np.zeros((1, 1), np.int8),
        "weight_exp": v["weight_exp"],
        "sign": v["sign"],
        "source": 1,
    }


def stepped(v: Values, update: Any, emit: Any) -> Values:
    """One chip step of one neuron, as in `NeuronBase`.

    Parameters
    ----------
    v : all values before
    update : callable (values) -> u
    emit : callable (values) -> z
    """
    now = dict(v)
    if now["step"] == 0:
        now |= {"row": 0, "next": now["phase"]}
    s_out = 0
    if now["step"] == now["next"]:
        now["received"] = now["a_in"] if now["row"] >= now["lag"] else 0
        now["u"] = update(now)
        now["z"] = s_out = emit(now)
        now["row"] += 1
        now["next"] += now["period"]
    now["step"] += 1
    return now | {"s_out": s_out}


def given(values: Values) -> Values:
    """Return the values: no constant follows from others."""
    return values


def vectors(
    program: Program,
    cases: list[Case],
    usual: Values,
    step: Callable[[Values], Values],
    derived: Callable[[Values], Values] = with_derived,
) -> list[dict]:
    """Return the vectors of cases, which name every branch of the program.

    `step` maps all values before to all values after, and does not use the program. `derived` adds
    constants that follow from others.
    """
    missing = set(branches_of(program.statements)) - {case[0] for case in cases}
    assert not missing, missing
    ordinary = derived(usual)
    found = []
    for branch, about, given in cases:
        before = derived({**usual, **given})
        changed = {name: n for name, n in before.items() if n != ordinary[name]}
        after = step(before)
        gives = {w["name"]: int(after[w["name"]]) for w in (*program.states, *program.outputs)}
        found.append({"branch": branch, "about": about, "given": changed, "gives": gives})
    return found


def size(rng: np.random.Generator, largest: int) -> int:
    """Return a random number in 0..largest whose magnitude is drawn first."""
    reach = int(rng.integers(1, largest.bit_length() + 1))
    return min(int(rng.integers(2**reach)), largest)


def signed(rng: np.random.Generator, largest: int) -> int:
    """Return a random number as `size` does, with either sign."""
    return size(rng, largest) * int(rng.choice([-1, 1]))
