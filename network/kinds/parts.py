"""Parts that programs of Poisson and graded neurons share: rows, synaptic input, interpolation."""

from ipvae.network.kinds.program import Statement, Word, branch, op, word
from ipvae.network.layers import WEIGHT_EXP_RANGE, GradedLayer, PoissonLayer
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX

EVERY_STEP = {"period": 1, "phase": 0, "lag": 0}
"""Constants of neurons that update in every step and use what they receive in each."""


def inputs() -> list[Word]:
    """Return the synaptic input, 24 bits."""
    return [word("a_in", -STATE_MAX, STATE_MAX)]


def sent(states: list[Word]) -> list[Word]:
    """Return the output: the neuron's message, and 0 in rest steps."""
    z = next(state for state in states if state["name"] == "z")
    return [word("s_out", z["low"], z["high"])]


def acting(act: list[Statement]) -> list[Statement]:
    """Return a program: the start of an image, an update in its step, otherwise rest."""
    return [
        branch(
            "begin",
            ["eq", "step", 0],
            [op("row", "copy", 0), op("next", "copy", "phase")],
        ),
        branch(
            "act",
            ["eq", "step", "next"],
            [
                branch(
                    "heard",
                    ["ge", "row", "lag"],
                    [op("received", "copy", "a_in")],
                    [op("received", "copy", 0)],
                ),
                *act,
                op("s_out", "copy", "z"),
                op("row", "add", "row", 1),
                op("next", "add", "next", "period"),
            ],
            [op("s_out", "copy", 0)],
        ),
        op("step", "add", "step", 1),
    ]


def total_input() -> list[Statement]:
    """Return the statements of `ipvae.network.rules.neuron_step.total_input`."""
    return [
        branch(
            "left_shift",
            ["ge", "weight_exp", 0],
            [
                op("g", "clip", "received", "input_low", "input_high"),
                op("g", "shl", "g", "left"),
            ],
            [
                op("g", "shr", "received", "right"),
                op("g_limited", "clip", "g", -TERM_MAX, TERM_MAX),
                op("g", "copy", "g_limited"),
            ],
            fixed=True,
        ),
        branch(
            "added",
            ["eq", "sign", 1],
            [op("total", "add", "drive", "g")],
            [op("total", "sub", "drive", "g")],
            fixed=True,
        ),
    ]


def bump(table: str, entries: int, shift: int) -> list[Statement]:
    """Return the statements of `bump` (docs/spec/tables.md), applied to `distance`.

    The table has `entries` entries, each for 2**shift units of the distance.
    """
    return [
        branch(
            f"{table}_far",
            ["ge", "distance", (entries - 1) << shift],
            [op("bump", "copy", 0)],
            [
                op("i", "shr", "distance", shift),
                op("f", "and", "distance", (1 << shift) - 1),
                op("j", "add", "i", 1),
                op("bump", "read", table, "i"),
                op("slope", "read", table, "j"),
                op("slope", "sub", "slope", "bump"),
                op("part", "mul", "slope", "f", width=27),
                op("part", "shr", "part", shift),
                op("bump", "add", "bump", "part"),
            ],
        )
    ]


def layer_constants(sent: str) -> list[Word]:
    """Constants common to both kinds of layer; `sent` gives the location of the layer's group."""
    low, high = WEIGHT_EXP_RANGE
    return [
        word("weight_exp", low, high, source=f"{sent}/neuron/weight_exp"),
        word("left", 0, high, source="max(weight_exp, 0)"),
        word("right", 0, -low, source="max(-weight_exp, 0)"),
        word("input_high", 0, TERM_MAX, source=f"{TERM_MAX} >> left"),
        word("input_low", -TERM_MAX, 0, source="-input_high"),
        word("sign", -1, 1, source="ipvae/layers/LAYER/sign; -1 in version 1"),
        word("period", 1, 16, source="docs/spec/versions.md; 1 in version 1"),
        word("phase", 0, 16, source="docs/spec/versions.md; 0 in version 1"),
        word("lag", 0, 1, source="docs/spec/versions.md; 1 in version 1"),
    ]


def input_constants_of(layer: PoissonLayer | GradedLayer) -> dict[str, int]:
    """Values of the constants that `total_input` uses."""
    e = layer.weight_exp
    high = TERM_MAX >> max(e, 0)
    return {
        "weight_exp": e,
        "left": max(e, 0),
        "right": max(-e, 0),
        "input_high": high,
        "input_low": -high,
        "sign": layer.sign,
    }
