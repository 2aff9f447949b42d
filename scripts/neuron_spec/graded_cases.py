"""Test vectors of the graded neuron: every branch, both ends of every range, and random cases."""

from typing import Any

import numpy as np

from ipvae.network.kinds.graded import program
from ipvae.network.layers import LEAK_RANGE, SHIFT_RANGE, WEIGHT_EXP_RANGE, GradedLayer
from ipvae.network.rules.activations import LINEAR, SWISH
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX
from ipvae.network.rules.neuron_step import graded_output, next_potential
from neuron_spec import cases
from neuron_spec.cases import Case, Values, signed, size

USUAL: Values = {
    **cases.COMMON,
    "u": 1000,
    "z": 2,
    "leak": 0,
    "swish_on": 0,
    "threshold": 0,
    "shift": 4,
    "z_min": -1000,
    "z_max": 1000,
}

ALONE: Values = {"a_in": 0}
"""Values with the drive as the only input."""

BUMPY: Values = {**ALONE, "swish_on": 1, "shift": 0, "z_min": -STATE_MAX, "z_max": STATE_MAX}


def chosen() -> list[Case]:
    """At least one case for each branch."""
    return [
        *cases.RECEIVING,
        ("leak.yes", "rounded down", {**ALONE, "leak": 3, "u": -5, "drive": -6}),
        ("leak.yes", "rounded down to nothing", {**ALONE, "leak": 3, "u": -5, "drive": 2}),
        ("leak.no", "the potential is the input", {**ALONE, "drive": -6}),
        ("update.yes", "row 1", {"leak": 2, "step": 1, "row": 1, "next": 1}),
        ("update.no", "row 0: u stays 0", {"leak": 2, "step": 0, "drive": 5000}),
        ("swish.yes", "positive", {**BUMPY, "drive": 5000}),
        ("swish.no", "linear", {**ALONE, "drive": 5000}),
        ("swish_far.yes", "16 units away", {**BUMPY, "drive": 65536}),
        ("swish_far.yes", "16 units below", {**BUMPY, "drive": -65536}),
        ("swish_far.no", "just within", {**BUMPY, "drive": 65535}),
        ("swish_far.no", "at 0", {**BUMPY, "drive": 0}),
        ("negative.yes", "negative", {**BUMPY, "drive": -5000}),
        ("negative.no", "not negative", {**BUMPY, "drive": 70}),
        ("past_threshold.yes", "above", {**ALONE, "threshold": 100, "drive": 101}),
        ("past_threshold.no", "at it", {**ALONE, "threshold": 100, "drive": 100}),
        ("past_negative.yes", "below", {**ALONE, "threshold": 100, "drive": -130}),
        ("past_negative.no", "at it", {**ALONE, "threshold": 100, "drive": -100}),
        ("z.below", "past z_min", {**ALONE, "drive": -16_009}),
        ("z.inside", "at z_min", {**ALONE, "drive": -16_008}),
        ("z.above", "past z_max", {**ALONE, "drive": 16_008}),
    ]


def at_random(n: int) -> list[Case]:
    """Return valid values of every constant and state."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(n):
        given: Values = {
            "a_in": signed(rng, STATE_MAX),
            "drive": signed(rng, TERM_MAX),
            "weight_exp": int(rng.integers(WEIGHT_EXP_RANGE[0], WEIGHT_EXP_RANGE[1] + 1)),
            "sign": int(rng.choice([-1, 1])),
            "leak": int(rng.integers(LEAK_RANGE[0], LEAK_RANGE[1] + 1)),
            "swish_on": int(rng.integers(2)),
            "threshold": size(rng, TERM_MAX),
            "shift": int(rng.integers(SHIFT_RANGE[0], SHIFT_RANGE[1] + 1)),
            "z_min": -size(rng, STATE_MAX),
            "z_max": size(rng, STATE_MAX),
            "u": signed(rng, 2 * TERM_MAX),
        }
        found.append(("act.yes", "at random", given))
    return found


def vectors() -> list[dict]:
    """Return all vectors."""
    every = [*chosen(), *at_random(40)]
    return cases.vectors(program(), every, USUAL, step)


def step(v: Values) -> Values:
    """One step of one neuron by the rules of network/."""
    numbers: dict[str, Any] = {
        name: v[name] for name in ("leak", "threshold", "shift", "z_min", "z_max")
    }
    layer = GradedLayer(
        **cases.received_parts(v), activation=SWISH if v["swish_on"] else LINEAR, **numbers
    )

    def update(now: Values) -> int:
        if layer.memory and now["row"] == 0:
            return now["u"]
        u, drive, a_in = (np.array([now[n]]) for n in ("u", "drive", "received"))
        return int(next_potential(layer, u, drive, a_in)[0])

    def emit(now: Values) -> int:
        return int(graded_output(layer, np.array([now["u"]]))[0])

    return cases.stepped(v, update, emit)
