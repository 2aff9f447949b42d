"""Program of the graded neuron (docs/spec/neurons/graded.md)."""

from functools import lru_cache

import numpy as np

from ipvae.network.kinds import parts
from ipvae.network.kinds.poisson import ROWS_MAX, STEPS_MAX
from ipvae.network.kinds.program import Program, Statement, Word, branch, op, word
from ipvae.network.layers import LEAK_RANGE, SHIFT_RANGE, GradedLayer
from ipvae.network.rules import activations
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX


def tables() -> dict[str, np.ndarray]:
    """Lookup tables of the program, by name."""
    return {"swish": activations.swish_table()}


def states() -> list[Word]:
    """State variables of a neuron between chip steps."""
    host, start = "host, before an image's first step", "every row; by the host 0 before an image"
    return [
        word("u", -2 * TERM_MAX, 2 * TERM_MAX, var="u", written=start),
        word("z", -STATE_MAX, STATE_MAX, var="z", written=start),
        word("received", -STATE_MAX, STATE_MAX, var="received", written="every row"),
        word("drive", -TERM_MAX, TERM_MAX, var="drive", written=host),
        word("step", 0, STEPS_MAX, var="step", written="every step; by the host 0 before an image"),
        word("row", 0, ROWS_MAX, written="every row; not read by the host"),
        word("next", 0, STEPS_MAX, written="every row; not read by the host"),
    ]


def constants() -> list[Word]:
    """Constants shared by all neurons of a layer."""
    neuron = "layer/LAYER/neuron"
    return [
        *parts.layer_constants("layer/LAYER"),
        word("leak", *LEAK_RANGE, source=f"{neuron}/leak"),
        word("swish_on", 0, 1, source=f"1 if {neuron}/activation is swish"),
        word("threshold", 0, TERM_MAX, source=f"{neuron}/threshold"),
        word("threshold_low", -TERM_MAX, 0, source="-threshold"),
        word("shift", *SHIFT_RANGE, source=f"{neuron}/shift"),
        word("half", 0, 1 << (SHIFT_RANGE[1] - 1), source="(1 << shift) >> 1"),
        word("z_min", -STATE_MAX, 0, source=f"{neuron}/zMin"),
        word("z_max", 0, STATE_MAX, source=f"{neuron}/zMax"),
    ]


def neuron_constants() -> list[Word]:
    """Constants of each neuron: an empty list, because neurons differ only in their drive."""
    return []


def constants_of(layer: GradedLayer) -> dict[str, int]:
    """Values of a layer's own constants, apart from its synaptic input and rows."""
    return {
        "leak": layer.leak,
        "swish_on": int(layer.activation == activations.SWISH),
        "threshold": layer.threshold,
        "threshold_low": -layer.threshold,
        "shift": layer.shift,
        "half": (1 << layer.shift) >> 1,
        "z_min": layer.z_min,
        "z_max": layer.z_max,
    }


@lru_cache(maxsize=1)
def program() -> Program:
    """Return the program of the neuron with its words and tables."""
    return Program(
        statements=statements(),
        states=states(),
        constants=constants(),
        neuron_constants=neuron_constants(),
        inputs=parts.inputs(),
        outputs=parts.sent(states()),
        tables=tables(),
    )


def statements() -> list[Statement]:
    """Complete statements of the neuron."""
    return parts.acting([*parts.total_input(), *update(), *output()])


def update() -> list[Statement]:
    """Update of `u` from `total`."""
    leaky = [
        op("way", "sub", "total", "u"),
        op("way", "shr", "way", "leak"),
        op("u", "add", "u", "way"),
    ]
    return [
        branch(
            "leak",
            ["gt", "leak", 0],
            [branch("update", ["gt", "row", 0], leaky)],
            [op("u", "copy", "total")],
            fixed=True,
        )
    ]


def output() -> list[Statement]:
    """Statements of `ipvae.network.rules.neuron_step.graded_output`."""
    n = len(activations.swish_table())
    return [
        op("y", "copy", "u"),
        branch(
            "swish",
            ["eq", "swish_on", 1],
            [
                op("distance", "abs", "u"),
                *parts.bump("swish", n, activations.SWISH_BITS - activations._PER_UNIT_BITS),
                branch("negative", ["lt", "u", 0], [op("y", "copy", 0)]),
                op("y", "sub", "y", "bump"),
            ],
            fixed=True,
        ),
        branch(
            "past_threshold",
            ["gt", "y", "threshold"],
            [op("y", "sub", "y", "threshold")],
            [
                branch(
                    "past_negative",
                    ["lt", "y", "threshold_low"],
                    [op("y", "sub", "y", "threshold_low")],
                    [op("y", "copy", 0)],
                )
            ],
        ),
        op("y", "add", "y", "half"),
        op("y", "shr", "y", "shift"),
        op("z", "clip", "y", "z_min", "z_max"),
    ]
