"""A plain network of lava-dl: dense and convolutional layers of CUBA or sigma-delta neurons.

The network is a chain, as its `.net` file describes it (`ipvae.network.io.lava_dl_file`): frozen
data, validated at construction. It has no random draws and no learning, and comes from outside
this project, which runs it and counts its operations. Shapes are lava-dl's, channels first:
(C, H, W), or (n,). Arrays are flattened in that order.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.layers import frozen

STATE_LIMIT = 2**23
"""Bound of the magnitude of states of Lava's neurons: 24 bits with a sign."""
STATE_SHIFT = 6
"""Left shift of thresholds, biases and inputs of CUBA neurons to the scale of their states."""
DECAY_UNITY = 4096
"""A decay of 1: the state is cleared at every step."""
THRESHOLD_END = 2**18
"""lava-dl writes thresholds up to 2^18 - 1 for neurons that never spike."""
BIAS_MIN, BIAS_MAX = -4096, 4095
"""Bias mantissas of CUBA neurons: 13 bits with a sign."""
SPIKE_EXP = 6
"""Fraction bits of a sigma-delta message (netx's `spike_exp`)."""
SIGMA_SHIFT = 12
"""Fraction bits of a sigma-delta state: the message's and six more (`state_exp`)."""
SIGMA_END = STATE_LIMIT >> SIGMA_SHIFT
"""Bound of the magnitude of activations, biases and thresholds of sigma-delta neurons."""
MAX_NEURONS = 2**24
"""Largest layer that can be run; lava-dl's largest public network has 76,032 neurons."""
KERNEL_SPAN_MAX, PADDING_MAX = 127, 63
"""Lava's Conv stores these, and twice the padding, in 8 bits and wraps beyond."""


def require_chip_weights(weight: np.ndarray) -> None:
    """Raise DescriptionError unless an 8-bit synapse can store these weights exactly.

    The range is -128..127, or even numbers in -256..254, for both signs; for one sign it is 0..255
    or -255..0.
    """
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    even = low >= -256 and high <= 254 and not (weight % 2).any()
    one_sign = (low == 0 and high <= 255) or (high == 0 and low >= -255)
    if not (low >= -128 and high <= 127) and not even and not one_sign:
        raise DescriptionError(
            f"weight holds {low}..{high}, allowed in the chip's 8 bits are -128..127, even numbers "
            "in -256..254, 0..255 or -255..0; quantize it in lava-dl before you export it"
        )


def _require(what: str, found: int, low: int, high: int) -> None:
    if not low <= found <= high:
        raise DescriptionError(f"{what} is {found}, allowed {low}..{high}")


@dataclass(frozen=True)
class CubaNeuron:
    """Leaky integrate-and-fire neuron with synaptic current; its messages are true or false.

    Attributes
    ----------
    threshold : int, `vThMant`; in units of 2^6 of the potential
    current_decay, voltage_decay : int in 0..4096, `iDecay` and `vDecay`
    """

    threshold: int
    current_decay: int
    voltage_decay: int

    def __post_init__(self) -> None:
        _require("vThMant", self.threshold, 0, THRESHOLD_END)
        _require("iDecay", self.current_decay, 0, DECAY_UNITY)
        _require("vDecay", self.voltage_decay, 0, DECAY_UNITY)


ACCUMULATOR = CubaNeuron(threshold=2**17, current_decay=0, voltage_decay=DECAY_UNITY)
"""netx's substitute for a dense layer without neurons: integrates its input, never spikes."""


@dataclass(frozen=True)
class SigmaDeltaNeuron:
    """Integrates its input, rectifies, and sends changes of at least `threshold` (`vThMant`).

    With `sums` it sends the sum itself at every step (lava-dl's `sigma_output`).
    """

    threshold: int
    sums: bool = False

    def __post_init__(self) -> None:
        _require("vThMant", self.threshold, 0, SIGMA_END - 1)


Neuron = CubaNeuron | SigmaDeltaNeuron


@dataclass(frozen=True, eq=False)
class DenseSynapses:
    """Fully connected synapses.

    Attributes
    ----------
    weight : (n_out, n_in) int16
    """

    weight: np.ndarray

    def __post_init__(self) -> None:
        require_chip_weights(self.weight)
        object.__setattr__(self, "weight", frozen(self.weight, np.int16))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the layer."""
        return (self.weight.shape[0],)

    @property
    def n_in(self) -> int:
        """Neurons of the previous layer."""
        return self.weight.shape[1]


@dataclass(frozen=True, eq=False)
class ConvSynapses:
    """A convolution (a correlation, as in PyTorch).

    Attributes
    ----------
    weight : (C_out, C_in / groups, kernel height, kernel width) int16
    in_shape : (C_in, height, width)
    stride, padding, dilation : (of rows, of columns)
    groups : int
    """

    weight: np.ndarray
    in_shape: tuple[int, int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        require_chip_weights(self.weight)
        object.__setattr__(self, "weight", frozen(self.weight, np.int16))
        c_out, c_in = self.weight.shape[:2]
        if self.groups < 1 or c_out % self.groups or self.in_shape[0] != c_in * self.groups:
            raise DescriptionError(
                f"weight has {c_out} x {c_in} channels in {self.groups} groups, allowed are "
                f"multiples of the groups for {self.in_shape[0]} channels of input"
            )
        for axis, name in enumerate(("height", "width")):
            _require(f"stride ({name})", self.stride[axis], 1, KERNEL_SPAN_MAX)
            _require(f"padding ({name})", self.padding[axis], 0, PADDING_MAX)
            _require(f"dilation ({name})", self.dilation[axis], 1, KERNEL_SPAN_MAX)
            _require(f"span of the kernel ({name})", self.span(axis), 1, KERNEL_SPAN_MAX)
        for axis, name in enumerate(("height", "width")):
            if self.shape[axis + 1] < 1:
                raise DescriptionError(
                    f"kernel spans {self.span(axis)} in {name}, allowed up to "
                    f"{self.in_shape[axis + 1] + 2 * self.padding[axis]}, its padded input"
                )

    def span(self, axis: int) -> int:
        """Distance from the first to the last input of one output; axis 0 is height."""
        return self.dilation[axis] * (self.weight.shape[2 + axis] - 1) + 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the layer."""
        height, width = (
            (self.in_shape[axis + 1] + 2 * self.padding[axis] - self.span(axis))
            // self.stride[axis]
            + 1
            for axis in (0, 1)
        )
        return self.weight.shape[0], height, width

    @property
    def n_in(self) -> int:
        """Neurons of the previous layer."""
        return math.prod(self.in_shape)


Synapses = DenseSynapses | ConvSynapses


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """Synapses and their target neurons.

    Attributes
    ----------
    name : str, the layer's number in the file
    synapses : DenseSynapses or ConvSynapses
    neuron : CubaNeuron or SigmaDeltaNeuron
    bias : int32 or None; (n,) of a dense layer, (C_out,) of a convolutional layer
    """

    name: str
    synapses: Synapses
    neuron: Neuron
    bias: np.ndarray | None = None

    def __post_init__(self) -> None:
        _require("its number of neurons", self.n_neurons, 1, MAX_NEURONS)
        if self.bias is None:
            return
        if isinstance(self.neuron, SigmaDeltaNeuron) and self.neuron.sums:
            raise DescriptionError("sigma_output with a bias, which netx cannot give it")
        if self.bias.shape != self.shape[:1]:
            raise DescriptionError(
                f"bias has shape {self.bias.shape}, allowed {self.shape[:1]}, one for each "
                f"{'neuron' if len(self.shape) == 1 else 'channel'}"
            )
        if isinstance(self.neuron, CubaNeuron):
            low, high = BIAS_MIN, BIAS_MAX
        else:
            low, high = 1 - SIGMA_END, SIGMA_END - 1
        for value in (self.bias.min(), self.bias.max()):
            _require("bias", int(value), low, high)
        object.__setattr__(self, "bias", frozen(self.bias, np.int32))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,) or (C, H, W)."""
        return self.synapses.shape

    @property
    def n_neurons(self) -> int:
        """Neurons of the layer."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class PlainInput:
    """Input stage of a network.

    Attributes
    ----------
    shape : (n,) or (C, H, W)
    neuron : CubaNeuron, SigmaDeltaNeuron or None
        None: images are the messages themselves.
    weight, bias : float
        Transform of a real pixel x: weight * x + bias, rounded toward zero.
    """

    shape: tuple[int, ...]
    neuron: Neuron | None = None
    weight: float = 64.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise DescriptionError(f"shape {self.shape}, allowed are (n,) and (C, H, W)")
        _require("its number of pixels", self.size, 1, MAX_NEURONS)

    @property
    def size(self) -> int:
        """Pixels of one image."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class PlainNetwork:
    """Chain of an input and layers; all neurons are of one family."""

    input: PlainInput
    layers: tuple[PlainLayer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise DescriptionError("holds no dense or convolutional layer")
        n_before = self.input.size
        for layer in self.layers:
            if layer.synapses.n_in != n_before:
                raise DescriptionError(
                    f"layer {layer.name}: its weights hear {layer.synapses.n_in} neurons, "
                    f"allowed {n_before}, those of the layer before"
                )
            n_before = layer.n_neurons
        neurons = [layer.neuron for layer in self.layers]
        families = {type(n) for n in [*neurons, self.input.neuron] if n is not None}
        if len(families) > 1:
            raise DescriptionError("mixes CUBA and sigma-delta neurons; allowed is one kind")
        for layer in self.layers[:-1]:
            if isinstance(layer.neuron, SigmaDeltaNeuron) and layer.neuron.sums:
                raise DescriptionError(
                    f"layer {layer.name}: sigma_output, allowed in the last layer only"
                )

    @cached_property
    def sigma_delta(self) -> bool:
        """True for sigma-delta neurons, False for CUBA neurons."""
        return isinstance(self.layers[0].neuron, SigmaDeltaNeuron)

    @property
    def depth(self) -> int:
        """Layers with synapses: chip steps from an input to the output of the last layer."""
        return len(self.layers)

    @property
    def n_neurons(self) -> int:
        """Neurons of all layers, input neurons included."""
        of_input = self.input.size if self.input.neuron is not None else 0
        return of_input + sum(layer.n_neurons for layer in self.layers)
