"""LIF neuron with a choice of reset, as other simulators have it: to zero or by subtraction."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds.base import NeuronKind, of_each, require_within
from ipvae.network.kinds.cuba import (
    BIAS_MAX,
    BIAS_MIN,
    DECAY_UNITY,
    INPUT_LIMIT,
    STATE_LIMIT,
    STATE_SHIFT,
    decayed,
)
from ipvae.network.kinds.poisson_neuron import one_or_each, require_one_or_each, same_parameters
from ipvae.network.kinds.program import INT32, Program, Statement, branch, op, word

ZERO, SUBTRACT = "zero", "subtract"
RESETS = (ZERO, SUBTRACT)
THRESHOLD_MAX = 2**22
SPIKE_BITS = 4
MOST_SPIKES = 2**SPIKE_BITS - 1
"""Most spikes of a row; a message has 4 bits."""
SHIFT_MAX = 12
"""Largest left shift of the synaptic input and of the bias."""
OF_EACH = ("current_decay", "voltage_decay")
"""Parameters that are one number, or one for each map or neuron."""

_MOST = STATE_LIMIT - 1


def _spikes() -> list[Statement]:
    """Largest number of thresholds within the voltage, from the highest bit down."""
    found = [op("z", "copy", 0)]
    for bit in range(SPIKE_BITS - 1, -1, -1):
        more, name = f"more_{1 << bit}", f"spikes_{1 << bit}"
        reach = [
            op("reach", "mul", more, "threshold", width=INT32),
            branch(f"{name}_reached", ["ge", "voltage", "reach"], [op("z", "copy", more)]),
        ]
        found += [op(more, "add", "z", 1 << bit), branch(name, ["le", more, "most"], reach)]
    return found


def _reset(voltage: str, count: str) -> list[Statement]:
    """Reset of a voltage, for a number of spikes."""
    taken = f"{voltage}_taken"
    subtract = [
        op(taken, "mul", count, "amount", width=INT32),
        op(voltage, "sub", voltage, taken, width=INT32),
    ]
    zero = [branch(f"{voltage}_zero", ["gt", count, 0], [op(voltage, "copy", 0, width=INT32)])]
    return [branch(f"{voltage}_reset", ["eq", "to_zero", 1], zero, subtract, fixed=True)]


@lru_cache(maxsize=1)
def program() -> Program:
    """Return the program of the neuron with its words."""
    late, wide = ["eq", "next_row", 1], INT32 + 8
    statements = [
        *decayed("current", 24),
        op("input", "mul", "a_in", "scale", width=wide),
        op("current_sum", "add", "current_kept", "input", width=wide),
        op("current_sum", "add", "current_sum", "current_bias", width=wide),
        op("current", "clip", "current_sum", -_MOST, _MOST),
        *decayed("voltage", 24),
        op("driven", "add", "voltage_kept", "current", width=INT32),
        op("driven", "add", "driven", "bias", width=INT32),
        branch("late", late, _reset("driven", "last"), fixed=True),
        op("voltage", "clip", "driven", -_MOST, _MOST),
        *_spikes(),
        op("after", "copy", "voltage", width=INT32),
        branch("now", late, [], _reset("after", "z"), fixed=True),
        op("voltage", "clip", "after", -_MOST, _MOST),
        op("last", "copy", "z"),
        op("s_out", "copy", "z"),
    ]
    neuron, bias = "layer/LAYER/neuron", -BIAS_MIN << SHIFT_MAX
    return Program(
        statements=statements,
        states=[
            word("current", -_MOST, _MOST),
            word("voltage", -_MOST, _MOST),
            word("last", 0, MOST_SPIKES),
        ],
        constants=[
            word("threshold", 1, THRESHOLD_MAX, source=f"{neuron}/threshold"),
            word("amount", 0, THRESHOLD_MAX, source=f"{neuron}/amount"),
            word("scale", 1, 1 << SHIFT_MAX, source=f"2**({neuron}/shift)"),
            word("to_zero", 0, 1, source=f"1 if {neuron}/reset is zero"),
            word("next_row", 0, 1, source=f"{neuron}/nextRow"),
            word("most", 1, MOST_SPIKES, source=f"{neuron}/mostSpikes"),
        ],
        neuron_constants=[
            word("current_keep", 0, DECAY_UNITY, source=f"{DECAY_UNITY} - {neuron}/iDecays"),
            word("voltage_keep", 0, DECAY_UNITY, source=f"{DECAY_UNITY} - {neuron}/vDecays"),
            word(
                "bias",
                -bias,
                bias,
                width=26,
                source=f"layer/LAYER/bias << {neuron}/biasShift, or 0",
            ),
            word(
                "current_bias",
                -bias,
                bias,
                width=26,
                source=f"layer/LAYER/bias << {neuron}/biasShift, or 0",
            ),
        ],
        inputs=[word("a_in", -INPUT_LIMIT, INPUT_LIMIT, 26)],
        outputs=[word("s_out", 0, MOST_SPIKES)],
    )


@dataclass(frozen=True, eq=False)
class LifNeuron(NeuronKind):
    """Leaky integrate-and-fire neuron with a choice of reset.

    One row is

        current = clip(decay(current, current_decay) + 2^shift a_in + [bias])
        voltage = clip(decay(voltage, voltage_decay) + current + [bias] - [late])
        z       = largest n of 0..most with n = 0 or voltage >= n threshold
        voltage = clip(voltage - z amount), or 0 if z > 0 and the reset is to zero

    with `decay` of CUBA neurons (docs/spec/neurons/lif.md) and clip to +-(2^23 - 1). The bias is
    2^bias_shift times the layer's. With `next_row` the reset of the last line happens in the next
    row instead, as `late`: after the decay and the input.

    Attributes
    ----------
    threshold : int in 1..2^22, in the unit of the voltage
    amount : int in 0..2^22
        What a spike subtracts; not used by a reset to zero.
    current_decay, voltage_decay : int in 0..4096, or an array with one for each map or neuron
    shift, bias_shift : int in 0..12
        Left shifts of the synaptic input and of the bias.
    reset : 'zero' or 'subtract'
    next_row : bool
    most : int in 1..15
        Most spikes of a row; above 1 messages have 4 bits.
    bias_to_current : bool
        Whether the bias is added to the current, which decays, in place of the voltage.
    """

    threshold: int
    amount: int
    current_decay: "int | np.ndarray"
    voltage_decay: "int | np.ndarray"
    shift: int = STATE_SHIFT
    bias_shift: int = STATE_SHIFT
    reset: str = SUBTRACT
    next_row: bool = False
    most: int = 1
    bias_to_current: bool = False

    name = "LIF"
    states = ("current", "voltage", "last")
    potential = "voltage"
    datasets: ClassVar = {
        "threshold": "threshold",
        "amount": "amount",
        "current_decay": "iDecays",
        "voltage_decay": "vDecays",
        "shift": "shift",
        "bias_shift": "biasShift",
        "reset": "reset",
        "next_row": "nextRow",
        "most": "mostSpikes",
        "bias_to_current": "biasToCurrent",
    }
    restarts = True
    state_words = 1

    def __post_init__(self) -> None:
        require_within("threshold", self.threshold, 1, THRESHOLD_MAX)
        require_within("amount", self.amount, 0, THRESHOLD_MAX)
        require_within("shift", self.shift, 0, SHIFT_MAX)
        require_within("biasShift", self.bias_shift, 0, SHIFT_MAX)
        require_within("mostSpikes", self.most, 1, MOST_SPIKES)
        if self.reset not in RESETS:
            raise DescriptionError(f"reset: found '{self.reset}', allowed {' and '.join(RESETS)}")
        for name in ("next_row", "bias_to_current"):
            require_within(name, getattr(self, name), 0, 1)
            object.__setattr__(self, name, bool(getattr(self, name)))
        for name in OF_EACH:
            value = one_or_each(self.datasets[name], getattr(self, name))
            object.__setattr__(self, name, value)
            for end in (np.min(value), np.max(value)):
                require_within(self.datasets[name], int(end), 0, DECAY_UNITY)

    def __eq__(self, other: object) -> bool:
        return same_parameters(self, other)

    def __hash__(self) -> int:
        return hash((self.threshold, self.amount, self.most))

    @property
    def message_bits(self) -> int:
        """0 if a neuron sends at most one spike in a row, else 5: a count and its sign."""
        return 0 if self.most == 1 else SPIKE_BITS + 1

    @property
    def sent(self) -> tuple[int, int]:
        """0 and the most spikes of a row."""
        return 0, self.most

    @property
    def bias_range(self) -> tuple[int, int]:
        """13 bits with a sign."""
        return BIAS_MIN, BIAS_MAX

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return program()

    def constants(self) -> dict[str, int]:
        """Constants of the program that a layer shares."""
        return {
            "threshold": self.threshold,
            "amount": self.amount,
            "scale": 1 << self.shift,
            "to_zero": int(self.reset == ZERO),
            "next_row": int(self.next_row),
            "most": self.most,
        }

    def neuron_constants(self, biases: np.ndarray) -> dict[str, np.ndarray]:
        """Constants of the program that each neuron has."""
        n, bias = len(biases), biases.astype(np.int64) << self.bias_shift
        return {
            "current_keep": DECAY_UNITY - of_each(self.current_decay, n),
            "voltage_keep": DECAY_UNITY - of_each(self.voltage_decay, n),
            "bias": bias * (not self.bias_to_current),
            "current_bias": bias * self.bias_to_current,
        }

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Raise DescriptionError unless there is one decay, or one for each map or neuron."""
        for name in OF_EACH:
            require_one_or_each(self.datasets[name], getattr(self, name), shape)

    def text(self) -> str:
        """Name, threshold, reset and decays."""
        own: Any = (np.unique(getattr(self, name)) for name in OF_EACH)
        i, v = (f"{d[0]}" if len(d) == 1 else f"{d[0]} to {d[-1]}" for d in own)
        when = " in the next row" if self.next_row else ""
        return (
            f"LIF, threshold {self.threshold}, reset {self.reset}{when}, decays {i} and {v} of "
            f"{DECAY_UNITY}" + (f", up to {self.most} spikes" if self.most > 1 else "")
        )
