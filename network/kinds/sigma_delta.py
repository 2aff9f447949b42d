"""Sigma-delta neurons: layers exchange changes of their activations, as in Lava's fixed point."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds.base import NeuronKind, require_within
from ipvae.network.kinds.program import (
    Program,
    Statement,
    Word,
    branch,
    int32,
    int32_word,
    word,
)

MESSAGE_FRACTION = 6
"""Fraction bits of a message (netx's `spike_exp`)."""
STATE_FRACTION = 12
"""Fraction bits of a state: the message's and six more (`state_exp`)."""
VALUE_END = 2**23 >> STATE_FRACTION
"""Bound of the magnitude of image values, biases and thresholds."""
RELU, IDENTITY = "relu", "identity"
ACTIVATIONS = (RELU, IDENTITY)
GRADED_BITS = 16
"""Width of a message that netx declares."""


_VALUE = (VALUE_END - 1) << STATE_FRACTION
_THRESHOLD = word("threshold", 0, _VALUE, source="layer/LAYER/neuron/vThMant << 12")
_RESIDUE = int32_word("residue", var="residue")
_REFERENCE = int32_word("reference", var="act")
_SIGMA = int32_word("sigma", var="sigma")


def changes() -> list[Statement]:
    """Return what delta and sigma-delta neurons do with their value `v`: send its changes."""
    return [
        int32("change", "sub", "v", "reference"),
        int32("delta", "add", "change", "residue"),
        int32("size", "abs", "delta"),
        branch(
            "sent",
            ["ge", "size", "threshold"],
            [int32("z", "shr", "delta", MESSAGE_FRACTION), int32("residue", "copy", 0)],
            [int32("z", "copy", 0), int32("residue", "copy", "delta")],
        ),
        int32("reference", "copy", "v"),
        int32("s_out", "copy", "z"),
    ]


def _program(statements: list[Statement], states: list[Word], *constants: Word) -> Program:
    """Return a program of 32-bit words; a constant named `bias` is of each neuron."""
    return Program(
        statements=statements,
        states=states,
        constants=[w for w in constants if w["name"] != "bias"],
        neuron_constants=[w for w in constants if w["name"] == "bias"],
        inputs=[int32_word("a_in")],
        outputs=[int32_word("s_out")],
    )


@lru_cache(maxsize=1)
def delta_program() -> Program:
    """Return the program of the delta neuron with its words."""
    scaled = int32("v", "shl", "a_in", STATE_FRACTION)
    return _program([scaled, *changes()], [_RESIDUE, _REFERENCE], _THRESHOLD)


@lru_cache(maxsize=1)
def sigma_delta_program() -> Program:
    """Return the program of the sigma-delta neuron with its words."""
    positive = branch("below_zero", ["lt", "v", 0], [int32("v", "copy", 0)])
    received = [
        int32("sigma", "add", "sigma", "a_in"),
        int32("v", "add", "sigma", "bias"),
        branch("relu", ["eq", "relu_on", 1], [positive], fixed=True),
    ]
    return _program(
        [*received, *changes()],
        [_SIGMA, _RESIDUE, _REFERENCE],
        _THRESHOLD,
        word("relu_on", 0, 1, source="1 if the activation is relu, 0 if it is identity"),
        word("bias", -_VALUE, _VALUE, source="layer/LAYER/bias << 12"),
    )


@lru_cache(maxsize=1)
def sigma_program() -> Program:
    """Return the program of the sigma neuron with its words."""
    statements = [
        int32("sigma", "add", "sigma", "a_in"),
        int32("z", "copy", "sigma"),
        int32("s_out", "copy", "z"),
    ]
    return _program(statements, [_SIGMA])


@dataclass(frozen=True)
class DeltaNeuron(NeuronKind):
    """Input neuron that sends changes of the image of at least `threshold`.

    One row, with the image's value a_in: v = 2^12 a_in, delta = v - reference + residue;
    if |delta| >= 2^12 threshold: z = delta >> 6 and residue = 0, else z = 0 and residue = delta;
    reference = v (Lava, `lava.proc.sdn.models.PyDeltaModelFixed`).

    Attributes
    ----------
    threshold : int, `vThMant`
    """

    threshold: int

    name = "delta"
    states = ("residue", "reference")
    potential = "reference"
    datasets: ClassVar = {"threshold": "vThMant"}
    restarts = False
    state_words = 1

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, VALUE_END - 1)

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> None:
        """None: it has no bias."""
        return

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return delta_program()

    def constants(self) -> dict[str, int]:
        """Threshold in the unit of the state."""
        return {"threshold": self.threshold << STATE_FRACTION}

    def text(self) -> str:
        """Name and threshold."""
        return f"delta, threshold {self.threshold}"


@dataclass(frozen=True)
class SigmaDeltaNeuron(NeuronKind):
    """Integrates changes, applies an activation, and sends changes of at least `threshold`.

    One row: sigma = sigma + a_in, v = activation(sigma + 2^12 bias), then as `DeltaNeuron`
    (Lava, `lava.proc.sdn.models.PySigmaDeltaModelFixed`). Sums are of 32 bits and wrap, as there.

    Attributes
    ----------
    threshold : int, `vThMant`
    activation : 'relu' or 'identity'
    """

    threshold: int
    activation: str = RELU

    name = "sigma-delta"
    states = ("sigma", "residue", "reference")
    datasets: ClassVar = {"threshold": "vThMant", "activation": "activation"}
    restarts = False
    state_words = 2

    def __post_init__(self) -> None:
        require_within("vThMant", self.threshold, 0, VALUE_END - 1)
        if self.activation not in ACTIVATIONS:
            raise DescriptionError(
                f"activation: found '{self.activation}', allowed {' or '.join(ACTIVATIONS)}"
            )

    @property
    def potential(self) -> str:
        """The sum; without an activation the value itself, which has the bias too."""
        return "sigma" if self.activation == RELU else "reference"

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> tuple[int, int]:
        """As wide as values of an image."""
        return 1 - VALUE_END, VALUE_END - 1

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return sigma_delta_program()

    def constants(self) -> dict[str, int]:
        """Threshold in the unit of the state, and the activation."""
        relu = int(self.activation == RELU)
        return {"threshold": self.threshold << STATE_FRACTION, "relu_on": relu}

    def neuron_constants(self, biases: np.ndarray) -> dict[str, np.ndarray]:
        """Biases in the unit of the state."""
        return {"bias": biases.astype(np.int64) << STATE_FRACTION}

    def text(self) -> str:
        """Name, threshold and activation."""
        of = "" if self.activation == RELU else f", {self.activation}"
        return f"sigma-delta, threshold {self.threshold}{of}"


@dataclass(frozen=True)
class SigmaNeuron(NeuronKind):
    """Integrates changes and sends the sum at every row (lava-dl's `sigma_output`).

    One row: sigma = sigma + a_in, z = sigma (Lava, `lava.proc.sdn.models.PySigmaModelFixed`).
    """

    name = "sigma"
    states = ("sigma",)
    potential = "sigma"
    datasets: ClassVar = {}
    restarts = False
    state_words = 1

    @property
    def message_bits(self) -> int:
        """16 bits, as netx declares."""
        return GRADED_BITS

    @property
    def bias_range(self) -> None:
        """None: it has no bias."""
        return

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return sigma_program()

    def constants(self) -> dict[str, int]:
        """Return nothing: the neuron has no parameters."""
        return {}

    def text(self) -> str:
        """Return the name."""
        return "sigma"
