"""CUBA neuron: leaky integrate-and-fire with synaptic current, as Lava's fixed-point LIF."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from ipvae.network.kinds.base import NeuronKind, require_within
from ipvae.network.kinds.program import INT32, Program, Statement, branch, op, word

STATE_LIMIT = 2**23
"""Bound of the magnitude of current and voltage: 24 bits with a sign."""
STATE_SHIFT = 6
"""Left shift of synaptic input, bias and threshold to the scale of the states."""
DECAY_UNITY = 4096
"""A decay of 1: the state is cleared at every step."""
DECAY_BITS = 12
"""Binary digits of `DECAY_UNITY`."""
THRESHOLD_END = 2**18
"""lava-dl writes thresholds up to 2^18 - 1 for neurons that never spike."""
BIAS_MIN, BIAS_MAX = -4096, 4095
"""Bias mantissas: 13 bits with a sign."""


INPUT_LIMIT = 2**24
"""Bound of the magnitude of synaptic input, so that a sum fits 32 bits."""
CURRENT_LIMIT = 2**31 - 1
"""Bound of the magnitude of a current that synaptic input beyond 2^18 has wrapped once only."""


def decayed(state: str, width: int) -> list[Statement]:
    """Return the decay of a state, rounded toward zero: `STATE_kept`."""
    product, wide = f"{state}_product", width + DECAY_BITS
    return [
        op(product, "mul", state, f"{state}_keep", width=wide),
        branch(
            f"{state}_negative",
            ["lt", product, 0],
            [op(product, "add", product, DECAY_UNITY - 1, width=wide)],
        ),
        op(f"{state}_kept", "shr", product, DECAY_BITS, width=width),
    ]


def statements() -> list[Statement]:
    """Complete statements of the neuron."""
    down = [op("current", "sub", "current_sum", 2 * STATE_LIMIT, width=INT32)]
    up = [op("current", "add", "current_sum", 2 * STATE_LIMIT, width=INT32)]
    neither = [op("current", "copy", "current_sum", width=INT32)]
    return [
        *decayed("current", INT32),
        op("input", "shl", "a_in", STATE_SHIFT, width=INT32),
        op("current_sum", "add", "current_kept", "input", width=INT32),
        branch(
            "wraps_down",
            ["gt", "current_sum", STATE_LIMIT],
            down,
            [branch("wraps_up", ["le", "current_sum", -STATE_LIMIT], up, neither)],
        ),
        *decayed("voltage", 24),
        op("driven", "add", "voltage_kept", "current", width=INT32),
        op("voltage_sum", "add", "driven", "bias", width=INT32),
        op("voltage", "clip", "voltage_sum", 1 - STATE_LIMIT, STATE_LIMIT - 1),
        branch(
            "spike",
            ["gt", "voltage", "threshold"],
            [op("z", "copy", 1), op("voltage", "copy", 0)],
            [op("z", "copy", 0)],
        ),
        op("s_out", "copy", "z"),
    ]


@lru_cache(maxsize=1)
def program() -> Program:
    """Return the program of the neuron with its words."""
    neuron, most = "layer/LAYER/neuron", STATE_LIMIT - 1
    of_current = f"-{most}..{most + 1}, 24 bits and one value more, while |a_in| <= {2**18}"
    bias = -BIAS_MIN << STATE_SHIFT
    return Program(
        statements=statements(),
        states=[
            word("current", -CURRENT_LIMIT, CURRENT_LIMIT, INT32, var="u", usually=of_current),
            word("voltage", -most, most, var="v"),
        ],
        constants=[
            word("current_keep", 0, DECAY_UNITY, source=f"{DECAY_UNITY} - {neuron}/iDecay"),
            word("voltage_keep", 0, DECAY_UNITY, source=f"{DECAY_UNITY} - {neuron}/vDecay"),
            word("threshold", 0, THRESHOLD_END << STATE_SHIFT, 26, source=f"{neuron}/vThMant << 6"),
        ],
        neuron_constants=[word("bias", -bias, bias, source="layer/LAYER/bias << 6")],
        inputs=[word("a_in", -INPUT_LIMIT, INPUT_LIMIT, 26)],
        outputs=[word("s_out", 0, 1)],
    )


@dataclass(frozen=True)
class CubaNeuron(NeuronKind):
    """Leaky integrate-and-fire neuron with synaptic current; its messages are 0 or 1.

    With decay(x, d) = x (4096 - d) / 4096 rounded toward zero, one row is
    current = wrap(decay(current, current_decay) + 2^6 a_in),
    voltage = clip(decay(voltage, voltage_decay) + current + 2^6 bias) in +-(2^23 - 1),
    z = voltage > 2^6 threshold; a neuron that sends has voltage 0 afterwards.
    `wrap` adds or subtracts 2^24 once where the sum is outside -2^23 + 1 .. 2^23
    (Lava, `lava.proc.lif.models.PyLifModelBitAcc`).

    Attributes
    ----------
    threshold : int in 0..2^18, `vThMant`; in units of 2^6 of the voltage
    current_decay, voltage_decay : int in 0..4096, `iDecay` and `vDecay`
    """

    threshold: int
    current_decay: int
    voltage_decay: int

    name = "CUBA"
    states = ("current", "voltage")
    potential = "voltage"
    datasets: ClassVar = {
        "threshold": "vThMant",
        "current_decay": "iDecay",
        "voltage_decay": "vDecay",
    }
    restarts = True
    state_words = 1

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, THRESHOLD_END)
        require_within("iDecay", self.current_decay, 0, DECAY_UNITY)
        require_within("vDecay", self.voltage_decay, 0, DECAY_UNITY)

    @property
    def message_bits(self) -> int:
        """0: messages are spikes."""
        return 0

    @property
    def bias_range(self) -> tuple[int, int]:
        """13 bits with a sign."""
        return BIAS_MIN, BIAS_MAX

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return program()

    def constants(self) -> dict[str, int]:
        """Factors of the decays, and the threshold in the unit of the voltage."""
        return {
            "current_keep": DECAY_UNITY - self.current_decay,
            "voltage_keep": DECAY_UNITY - self.voltage_decay,
            "threshold": self.threshold << STATE_SHIFT,
        }

    def neuron_constants(self, biases: np.ndarray) -> dict[str, np.ndarray]:
        """Biases in the unit of the voltage."""
        return {"bias": biases.astype(np.int64) << STATE_SHIFT}

    def text(self) -> str:
        """Name, threshold and decays."""
        return (
            f"CUBA, threshold {self.threshold}, decays {self.current_decay} and "
            f"{self.voltage_decay} of 4096"
        )


ACCUMULATOR = CubaNeuron(threshold=2**17, current_decay=0, voltage_decay=DECAY_UNITY)
"""netx's substitute for a dense layer without neurons: integrates its input, never spikes."""
