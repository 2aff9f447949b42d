"""Graded neuron as a kind of a `Network`: errors, activations, sparse codes, read-outs."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ipvae.network.kinds import graded, parts
from ipvae.network.kinds.base import NeuronKind
from ipvae.network.kinds.program import Program
from ipvae.network.layers import NOTHING, SUBTRACTED, GradedLayer
from ipvae.network.rules.activations import LINEAR
from ipvae.network.rules.arithmetic import TERM_MAX


@dataclass(frozen=True)
class GradedNeuron(NeuronKind):
    """Neuron with a deterministic integer output.

    Its input is the host's drive plus or minus the scaled `a_in` (docs/spec/neurons/graded.md).

    Attributes
    ----------
    z_min, z_max : int
        Limits of the output.
    leak : int in 0..15
        An update moves the potential `u` 2**-leak of the way to the input; 0: it is set to it.
    threshold : int
        Soft threshold: potentials are moved towards 0 by it.
    shift : int in 0..20
        The unit of the output is 2**shift potential units.
    activation : 'linear' or 'swish'
    unit : float
        Real value of one step of the output; figures of merit only.
    weight_exp : int in -8..14
        The synaptic input in the neuron's unit is a_in * 2**weight_exp.
    sign : 1 or -1
        Whether the synaptic input is added or subtracted.
    """

    z_min: int
    z_max: int
    leak: int = 0
    threshold: int = 0
    shift: int = 0
    activation: str = LINEAR
    unit: float = 1.0
    weight_exp: int = 0
    sign: int = SUBTRACTED

    name = "graded"
    states = ("u",)
    potential = "u"
    datasets: ClassVar = {
        "z_min": "zMin",
        "z_max": "zMax",
        "leak": "leak",
        "threshold": "threshold",
        "shift": "shift",
        "activation": "activation",
        "unit": "unit",
        "weight_exp": "weight_exp",
        "sign": "sign",
    }
    restarts = True
    state_words = 1
    driven = True

    def __post_init__(self) -> None:
        self.layer(np.zeros(1, np.int32))  # checks all ranges

    def layer(self, bias: np.ndarray) -> GradedLayer:
        """Return n neurons as a layer of an `IntNetwork` without synapses; bias is (n,) int32."""
        return GradedLayer(
            bias=bias,
            weight=np.zeros(len(bias), np.int16),
            source=NOTHING,
            **{f.name: getattr(self, f.name) for f in fields(self)},
        )

    @property
    def memory(self) -> bool:
        """True if the potential is kept from row to row."""
        return self.leak > 0

    @property
    def message_bits(self) -> int:
        """Width of an output, with a sign if it can be negative."""
        return max(1, max(self.z_max, -self.z_min - 1).bit_length() + (self.z_min < 0))

    @property
    def sent(self) -> tuple[int, int]:
        """Limits of the output."""
        return self.z_min, self.z_max

    @property
    def bias_range(self) -> tuple[int, int]:
        """Range of the drive, of which the bias is the constant part."""
        return -TERM_MAX, TERM_MAX

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return graded.program()

    def constants(self) -> dict[str, int]:
        """Constants of the program; every step is a row."""
        own: Any = self  # has the attributes of a GradedLayer that these take
        shared = {**parts.input_constants_of(own), **graded.constants_of(own)}
        return {**shared, **parts.EVERY_STEP}

    def text(self) -> str:
        """Name, range and options."""
        options = [f"leak {self.leak}"] * (self.leak > 0)
        options += [f"threshold {self.threshold}"] * (self.threshold > 0)
        options += [self.activation] * (self.activation != LINEAR)
        return ", ".join(["graded", f"{self.z_min}..{self.z_max}", *options])
