"""Program of the Poisson neuron (docs/spec/neurons/poisson.md)."""

from functools import lru_cache

import numpy as np

from ipvae.network.kinds import parts
from ipvae.network.kinds.program import (
    LEAVE,
    Program,
    Statement,
    Word,
    bits,
    branch,
    op,
    repeat,
    word,
)
from ipvae.network.layers import FRAC_BITS_RANGE, MAX_LAYERS, PoissonLayer
from ipvae.network.rules import activations, poisson, random_source
from ipvae.network.rules.arithmetic import CHANGE_MAX, FRAC_BITS, SELF_MAX, STATE_MAX, TERM_MAX

ROW_BITS = 7
FINEST = FRAC_BITS_RANGE[1] - FRAC_BITS
LOW, HIGH = poisson.LOG_RATE_MIN << FINEST, poisson.LOG_RATE_MAX << FINEST
UNSIGNED_MAX = poisson.UNIFORM_VALUES - 1
ROWS_MAX = random_source.STEP_LIMIT
STEPS_MAX = min(ROWS_MAX * (MAX_LAYERS + 1), STATE_MAX)


def tail() -> np.ndarray:
    """The sampler's table as 2**24 - A: every word fits 24 bits; (481, 27) int32."""
    return poisson.UNIFORM_VALUES - poisson.thresholds()


def tables() -> dict[str, np.ndarray]:
    """Lookup tables of the program, by name."""
    return {"tail": tail(), "ceiling": activations.ceiling_table()}


def states() -> list[Word]:
    """State variables of a neuron between chip steps."""
    host, start = "host, before an image's first step", "every row; by the host {} before an image"
    most = poisson.largest_draw()
    return [
        word("u", LOW, HIGH, var="u", written=start.format("u_init")),
        word("z", 0, most, var="z", written=start.format(0)),
        word("received", -STATE_MAX, STATE_MAX, var="received", written="every row"),
        word("drive", -TERM_MAX, TERM_MAX, var="drive", written=host),
        word("image_a", 0, UNSIGNED_MAX, var="image_key", index=0, written=host, unsigned=True),
        word("image_b", 0, UNSIGNED_MAX, var="image_key", index=1, written=host, unsigned=True),
        word("step", 0, STEPS_MAX, var="step", written="every step; by the host 0 before an image"),
        word("given", 0, most, var="given", written="host, before a row"),
        word("row", 0, ROWS_MAX, written="every row; not read by the host"),
        word("next", 0, STEPS_MAX, written="every row; not read by the host"),
    ]


def constants() -> list[Word]:
    """Constants shared by all neurons of a layer."""
    neuron = "layer/LAYER/neuron"
    return [
        *parts.layer_constants("layer/LAYER"),
        word("memory", 0, 1, source=f"{neuron}/memory; 1 in version 1"),
        word("ceiling_on", 0, 1, source=f"{neuron}/ceiling; 0 in version 1"),
        word("finer", 0, FINEST, source=f"{neuron}/fracBits - {FRAC_BITS}"),
        word("u_min", LOW, 0, source=f"{neuron}/uMin"),
        word("u_max", 0, HIGH, source=f"{neuron}/uMax"),
        word("du_min", -CHANGE_MAX, 0, source=f"{neuron}/duMin"),
        word("du_max", 0, CHANGE_MAX, source=f"{neuron}/duMax"),
        word("z_max", 1, STATE_MAX, source=f"2**{neuron}/messageBits - 1"),
        word("replay", 0, 1, source="1 where counts are given in place of drawn"),
    ]


def neuron_constants() -> list[Word]:
    """Constants of each neuron."""
    neuron = "layer/LAYER/neuron"
    key = "docs/spec/random_source.md"
    return [
        word("u_init", LOW, HIGH, source=f"{neuron}/uInit"),
        word("self_weight", 0, SELF_MAX, source=f"{neuron}/selfWeight"),
        word("own_limit", 1, SELF_MAX, source=f"{SELF_MAX} // max(self_weight, 1)"),
        word("neuron_a", 0, UNSIGNED_MAX, source=f"na of {key}", unsigned=True),
        word("neuron_b", 0, UNSIGNED_MAX, source=f"nb of {key}", unsigned=True),
    ]


def constants_of(layer: PoissonLayer) -> dict[str, int]:
    """Values of a layer's own constants, apart from its synaptic input, rows and replay."""
    return {
        "memory": int(layer.memory),
        "ceiling_on": int(layer.ceiling),
        "finer": layer.finer_bits,
        "u_min": layer.u_min,
        "u_max": layer.u_max,
        "du_min": layer.du_min,
        "du_max": layer.du_max,
        "z_max": layer.count_max,
    }


def update_constants_of(layer: PoissonLayer) -> dict[str, np.ndarray]:
    """Values of the constants of each neuron that `update` uses: (K,) each."""
    own_limit = SELF_MAX // np.maximum(layer.self_weight, 1)
    return {"u_init": layer.u_init, "self_weight": layer.self_weight, "own_limit": own_limit}


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
    act = [
        *parts.total_input(),
        *update(),
        branch("replay", ["eq", "replay", 1], [op("z", "copy", "given")], draw(), fixed=True),
    ]
    return parts.acting(act)


def update() -> list[Statement]:
    """Update of `u` from `total`."""
    going_on = branch("update", ["gt", "row", 0], with_memory())
    return [branch("memory", ["eq", "memory", 1], [going_on], without_memory(), fixed=True)]


def with_memory() -> list[Statement]:
    """Statements of `ipvae.network.rules.neuron_step.next_log_rate` for an iterative model."""
    return [
        op("count", "min", "z", "own_limit"),
        op("own", "mul", "self_weight", "count"),
        op("change", "sub", "total", "own"),
        op("d", "clip", "change", "du_min", "du_max"),
        op("v", "add", "u", "d"),
        op("u", "clip", "v", "u_min", "u_max"),
    ]


def without_memory() -> list[Statement]:
    """Statements of the same rule if every row starts from `u_init`."""
    n = len(activations.ceiling_table())
    return [
        op("d0", "clip", "total", "du_min", "du_max"),
        op("v", "add", "u_init", "d0"),
        branch(
            "ceiling",
            ["eq", "ceiling_on", 1],
            [
                op("distance", "sub", "u_max", "v"),
                op("distance", "abs", "distance"),
                *parts.bump("ceiling", n, activations.CEILING_BITS - activations._PER_UNIT_BITS),
                op("bent", "min", "v", "u_max"),
                op("v", "sub", "bent", "bump"),
            ],
            fixed=True,
        ),
        op("u0", "clip", "v", "u_min", "u_max"),
        op("u", "copy", "u0"),
    ]


def draw() -> list[Statement]:
    """Statements of `ipvae.network.rules.poisson.draw`, and of the count limit."""
    above = (1 << FRAC_BITS) - 1 - poisson.SPLIT_ABOVE
    return [
        op("w", "shr", "u", "finer"),
        branch(
            "one_draw",
            ["le", "w", poisson.SPLIT_ABOVE],
            [op("o", "copy", 0)],
            [op("o", "add", "w", above), op("o", "shr", "o", FRAC_BITS)],
        ),
        op("octaves", "shl", "o", FRAC_BITS),
        op("v", "sub", "w", "octaves"),
        op("position", "sub", "v", poisson.LOG_RATE_MIN),
        op("r", "shr", "position", ROW_BITS),
        op("r1", "add", "r", 1),
        op("f", "and", "position", (1 << ROW_BITS) - 1),
        op("sub_draws", "shl", 1, "o"),
        bits("c", "shl", "row", random_source.DRAWS_PER_STEP.bit_length() - 1),
        op("sum", "copy", 0),
        repeat("i", "sub_draws", [*uniform(), *scan()]),
        op("z", "min", "sum", "z_max"),
    ]


def uniform() -> list[Statement]:
    """Statements of `ipvae.network.rules.random_source.uniforms`, for sub-draw i."""
    a, b = random_source._WEYL_A, random_source._WEYL_B
    m = [int(number) for number in random_source._MULTIPLIERS]

    def fold(name: str, shift: int) -> list[Statement]:
        return [bits("s", "shr", name, shift), bits(name, "xor", name, "s")]

    return [
        bits("ci", "add", "c", "i"),
        bits("y", "mul", "ci", b),
        bits("y", "add", "y", "image_b"),
        *fold("y", 12),
        bits("y", "mul", "y", m[0]),
        *fold("y", 11),
        bits("h", "mul", "ci", a),
        bits("h", "add", "h", "neuron_a"),
        bits("h", "add", "h", "image_a"),
        *fold("h", 12),
        bits("h", "mul", "h", m[1]),
        *fold("h", 13),
        bits("h", "mul", "h", m[2]),
        *fold("h", 11),
        bits("y", "xor", "y", "neuron_b"),
        bits("h", "add", "h", "y"),
        bits("h", "mul", "h", m[3]),
        *fold("h", 14),
        bits("h", "mul", "h", m[4]),
        *fold("h", 10),
        bits("h", "mul", "h", m[5]),
        *fold("h", 12),
    ]


def scan() -> list[Statement]:
    """Count the thresholds that the uniform reaches, as distances from 2**24."""
    return [
        bits("left_over", "xor", "h", UNSIGNED_MAX),
        repeat(
            "n",
            poisson.thresholds().shape[1],
            [
                bits("threshold", "read", "tail", "r", "n"),
                branch(
                    "between_rows",
                    ["gt", "f", 0],
                    [
                        bits("above", "read", "tail", "r1", "n"),
                        op("slope", "sub", "threshold", "above"),
                        op("part", "mul", "slope", "f", width=27),
                        op("part", "shr", "part", ROW_BITS),
                        bits("threshold", "sub", "threshold", "part"),
                    ],
                ),
                branch("missed", ["ge", "left_over", "threshold"], [LEAVE]),
                op("sum", "add", "sum", 1),
            ],
        ),
    ]
