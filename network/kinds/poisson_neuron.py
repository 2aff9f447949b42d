"""Poisson neuron as a kind of a `Network`: a log-rate, and counts drawn from it."""

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds import parts, poisson
from ipvae.network.kinds.base import NeuronKind, of_each, require_within
from ipvae.network.kinds.program import Program
from ipvae.network.layers import NOTHING, SUBTRACTED, PoissonLayer, frozen
from ipvae.network.rules import poisson as poisson_draws
from ipvae.network.rules import random_source
from ipvae.network.rules.arithmetic import CHANGE_MAX, FRAC_BITS, SELF_MAX, TERM_MAX

KEY_LAYER_MAX = 2**16 - 1
"""Largest layer word of random keys: two bytes of their domain."""
OF_EACH = ("u_init", "self_weight")


@dataclass(frozen=True, eq=False)
class PoissonNeuron(NeuronKind):
    """Neuron whose state `u` is a log-rate and whose messages are Poisson counts.

    Its input is the host's drive plus or minus the scaled `a_in` (docs/spec/neurons/poisson.md).
    Units are 2**-frac_bits octaves; a log-rate of 0 is one count a row.

    Attributes
    ----------
    u_min, u_max : int
        Limits of the log-rate.
    u_init, self_weight : int, or int array with one for each map or neuron
        Log-rate after a reset (without memory, the base to which each row's input is added), and
        inhibition by a neuron's own last count.
    du_min, du_max : int
        Limits of one update.
    payload_bits : int
        Counts saturate at 2**payload_bits - 1.
    frac_bits : int in 12..16
    weight_exp : int in -8..14
        The synaptic input in the neuron's unit is a_in * 2**weight_exp.
    sign : 1 or -1
        Whether the synaptic input is added or subtracted.
    memory : bool
        True if an update starts from the last log-rate, False if from `u_init`.
    ceiling : bool
        True if log-rates near `u_max` are compressed.
    key_layer : int in 1..65535
        Layer word of the random keys; another one for each layer of a network that draws.
    """

    u_min: int
    u_max: int
    u_init: Any = 0
    self_weight: Any = 0
    du_min: int = -CHANGE_MAX
    du_max: int = CHANGE_MAX
    payload_bits: int = 8
    frac_bits: int = FRAC_BITS
    weight_exp: int = 0
    sign: int = SUBTRACTED
    memory: bool = True
    ceiling: bool = False
    key_layer: int = 1

    name = "Poisson"
    states = ("u",)
    potential = "u"
    datasets: ClassVar = {
        "u_min": "uMin",
        "u_max": "uMax",
        "u_init": "uInit",
        "self_weight": "selfWeight",
        "du_min": "duMin",
        "du_max": "duMax",
        "payload_bits": "messageBits",
        "frac_bits": "fracBits",
        "weight_exp": "weight_exp",
        "sign": "sign",
        "memory": "memory",
        "ceiling": "ceiling",
        "key_layer": "keyLayer",
    }
    restarts = True
    state_words = 4
    driven = True
    draws = True

    def __post_init__(self) -> None:
        require_within("key_layer", self.key_layer, 1, KEY_LAYER_MAX)
        for name in OF_EACH:
            object.__setattr__(self, name, one_or_each(name, getattr(self, name)))
        for name in ("memory", "ceiling"):
            require_within(name, getattr(self, name), 0, 1)
            object.__setattr__(self, name, bool(getattr(self, name)))
        for name in OF_EACH:  # PoissonLayer checks all ranges
            self.layer(np.zeros(2, np.int32), only=name)

    def __eq__(self, other: object) -> bool:
        return same_parameters(self, other)

    def __hash__(self) -> int:
        return hash((self.u_min, self.u_max, self.key_layer))

    def layer(self, bias: np.ndarray, only: str | None = None) -> PoissonLayer:
        """Return n neurons as a layer of an `IntNetwork` without synapses.

        Parameters
        ----------
        bias : (n,) int32
        only : 'u_init' or 'self_weight', optional
            Keep this parameter alone of those that neurons have, to check it: its ends, for 2
            neurons.
        """
        n = len(bias)
        each = {name: of_each(self._values(name, only), n) for name in OF_EACH}
        names = {f.name for f in fields(self)} - {*OF_EACH, "key_layer"}
        return PoissonLayer(
            bias=bias,
            weight=np.zeros(n, np.int16),
            source=NOTHING,
            **{name: values.astype(np.int32) for name, values in each.items()},
            **{name: getattr(self, name) for name in names},
        )

    def _values(self, name: str, only: str | None) -> Any:
        values = getattr(self, name)
        if only is None:
            return values
        return (np.min(values), np.max(values)) if only == name else np.ravel(values)[:1]

    def of_neurons(self, n: int) -> "PoissonNeuron":
        """Return the same parameters, with arrays of one number for each of n neurons."""
        return replace(self, **{name: of_each(getattr(self, name), n) for name in OF_EACH})

    @property
    def finer_bits(self) -> int:
        """Fraction bits of the log-rate beyond the 12 that the sampler uses."""
        return self.frac_bits - FRAC_BITS

    @property
    def count_max(self) -> int:
        """Largest count that a message can contain."""
        return (1 << self.payload_bits) - 1

    @property
    def count_reach(self) -> int:
        """Largest count that can occur."""
        return min(self.count_max, poisson_draws.largest_draw())

    @property
    def message_bits(self) -> int:
        """Width of a count."""
        return self.payload_bits

    @property
    def sent(self) -> tuple[int, int]:
        """0 and the largest count."""
        return 0, self.count_reach

    @property
    def bias_range(self) -> tuple[int, int]:
        """Range of the drive, of which the bias is the constant part."""
        return -TERM_MAX, TERM_MAX

    def program(self) -> Program:
        """Return one step of the neuron as a program."""
        return poisson.program()

    def constants(self) -> dict[str, int]:
        """Constants of the program that a layer shares; every step is a row."""
        own: Any = self  # has the attributes of a PoissonLayer that these take
        shared = {**parts.input_constants_of(own), **poisson.constants_of(own)}
        return {**shared, **parts.EVERY_STEP, "replay": 0}

    def neuron_constants(self, biases: np.ndarray) -> dict[str, np.ndarray]:
        """Constants of the program that each neuron has; the bias is a part of its drive."""
        n = len(biases)
        own = of_each(self.self_weight, n)
        a, b = random_source.neuron_keys(self.key_layer, n)
        return {
            "u_init": of_each(self.u_init, n),
            "self_weight": own,
            "own_limit": SELF_MAX // np.maximum(own, 1),
            "neuron_a": a.astype(np.int64),
            "neuron_b": b.astype(np.int64),
        }

    def start(self, n: int) -> dict[str, np.ndarray]:
        """Log-rates after a reset."""
        return {"u": of_each(self.u_init, n)}

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Raise DescriptionError unless there is one number, or one for each map or neuron."""
        for name in OF_EACH:
            require_one_or_each(name, getattr(self, name), shape)

    def text(self) -> str:
        """Name, limits and options."""
        octaves = [value / (1 << self.frac_bits) for value in (self.u_min, self.u_max)]
        options = ["memory"] * self.memory + ["ceiling"] * self.ceiling
        rest = "".join(f", {option}" for option in options)
        return f"Poisson, rates 2^{octaves[0]:g} to 2^{octaves[1]:g}{rest}"


def one_or_each(name: str, value: Any) -> Any:
    """Return a whole number, or a frozen int32 array (n,) of them."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.ndim > 1 or not array.size:
        raise DescriptionError(
            f"{name}: found {array.dtype} of shape {array.shape}, allowed an integer, or (n,)"
        )
    if array.ndim == 0:
        return int(array)
    if abs(array.astype(np.float64)).max() >= 2**31:
        raise DescriptionError(f"{name}: found up to {abs(array).max()}, allowed 32 bits")
    return frozen(array, np.int32)


def require_one_or_each(name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Raise DescriptionError unless a value is one number, or one for each map or neuron."""
    allowed = (shape[:1], (int(np.prod(shape)),))
    if isinstance(value, np.ndarray) and value.shape not in allowed:
        raise DescriptionError(
            f"{name} has shape {value.shape}, allowed one number, {allowed[0]} or {allowed[1]}"
        )


def same_parameters(one: Any, other: Any) -> bool:
    """Return whether two kinds are of one class and have the same parameters."""
    return type(one) is type(other) and all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
    )
