"""Memory of a core for neurons of a layer, and the largest number of neurons on a core.

The pools and words come from the per-core tables in public compiler logs (limits.py). The logs
leave two points open, so there is an optimistic and a conservative memory model. Every figure is
therefore a range, from a model and not from Intel.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.chip import limits
from ipvae.chip.limits import LimitCheck
from ipvae.network.connections import Convolution
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import INPUT, Layer, Network
from ipvae.network.traces.activity import Activity, received_activity
from ipvae.once import once

EVERY_NEURON = "every neuron sends at every update, the most there can be"
"""Source of an activity without a run."""
MODEL = "model fitted to public compiler logs, not an Intel figure"

_LIMITS = {
    "axon_in_words_per_core": limits.CORE_AXON_WORDS,
    "synapse_words_per_core": limits.CORE_SYNAPSE_WORDS,
    "axon_map_words_per_core": limits.CORE_AXON_WORDS,
    "axon_mem_words_per_core": limits.CORE_AXON_WORDS,
    "neuron_words_per_core": limits.CORE_NEURON_WORDS,
    "shared_words_per_core": limits.CORE_SHARED_WORDS,
    "neurons_per_core": limits.CORE_NEURONS,
    "neuron_groups_per_core": limits.CORE_NEURON_GROUPS,
}


@dataclass(frozen=True)
class MemoryModel:
    """One interpretation of the logs.

    Attributes
    ----------
    name : str
    index_bits : int or None
        Bits of the target index stored with each weight; None: as few as the core's neurons need.
        The logs' dense blocks take 15 to 20 bits per synapse, weight included.
    table_words : int
        64-bit words of the sampler's table that use the shared pool. No network in the logs has a
        table, so it may be stored elsewhere.
    """

    name: str
    index_bits: int | None
    table_words: int

    def synapse_bits(self, neurons: int) -> int:
        """Bits of one synapse on a core with the given number of neurons."""
        index = math.ceil(math.log2(neurons + 1)) if self.index_bits is None else self.index_bits
        return limits.WEIGHT_BITS + index


OPTIMISTIC = MemoryModel("optimistic", None, 0)
CONSERVATIVE = MemoryModel("conservative", 12, math.ceil(limits.DRAW_TABLE_BYTES / 8))
READINGS = (OPTIMISTIC, CONSERVATIVE)


@dataclass(frozen=True)
class SharedKernel:
    """A convolution as a core stores it: its kernels once, for all places on the core.

    No public log explains the storage of convolutions: this is a model, as `MODEL` says.

    Attributes
    ----------
    channels, height, width : int
        Shape of the input.
    out_channels, out_width : int
        Channels and columns of the layer.
    stride, span : (of rows, of columns)
        Distance between the inputs of neighbouring outputs, and extent of an output's inputs.
    taps : int
        Kernel positions times input channels of one output channel.
    """

    channels: int
    height: int
    width: int
    out_channels: int
    out_width: int
    stride: tuple[int, int]
    span: tuple[int, int]
    taps: int

    def axons(self, neurons: int) -> int:
        """Input neurons that reach a core with `neurons` neurons: whole places, row after row."""
        places = math.ceil(neurons / self.out_channels)
        rows, columns = math.ceil(places / self.out_width), min(places, self.out_width)
        covered = [
            min((n - 1) * step + span, most)
            for n, step, span, most in zip(
                (rows, columns), self.stride, self.span, (self.height, self.width), strict=True
            )
        ]
        return self.channels * covered[0] * covered[1]

    def words(self, neurons: int, bits: int) -> int:
        """64-bit words of the kernels of the channels on a core."""
        return dense_words(self.taps, min(self.out_channels, neurons), bits)


@dataclass(frozen=True)
class LayerShape:
    """Properties of a layer that determine its memory.

    Attributes
    ----------
    name : str
    neurons : int
    fan_in : int
        Presynaptic neurons, 0 for none.
    source : str
        Name of the presynaptic layer, '0' or '' for none.
    state_words : int
        64-bit words of each neuron's state.
    draws : bool
        True if the layer needs the sampler's table.
    receiving_layers : int
        Number of layers that receive its messages.
    kernels : tuple of SharedKernel
        Convolutions that it receives, beside the dense synapses of `fan_in`.
    other_sources : tuple of str
        Further presynaptic layers, in the order of the messages received.
    reached : float
        Fraction of the neurons that a message reaches, on average: 1 for dense synapses.
    """

    name: str
    neurons: int
    fan_in: int
    source: str
    state_words: int
    draws: bool
    receiving_layers: int
    kernels: tuple[SharedKernel, ...] = ()
    other_sources: tuple[str, ...] = ()
    reached: float = 1.0

    @property
    def sources(self) -> tuple[str, ...]:
        """All presynaptic layers."""
        return (self.source, *self.other_sources)

    def axons(self, neurons: int) -> int:
        """Presynaptic neurons whose messages a core with this number of neurons receives."""
        return self.fan_in + sum(kernel.axons(neurons) for kernel in self.kernels)


def layer_shapes(network: IntNetwork | Network) -> tuple[LayerShape, ...]:
    """All layers, in ascending order; input neurons of a lava-dl network first."""
    return network_shapes(network) if isinstance(network, Network) else _layer_shapes(network)


@once
def _layer_shapes(network: IntNetwork) -> tuple[LayerShape, ...]:
    sources = [layer.source for layer in network.layers.values()]
    return tuple(
        LayerShape(
            name,
            layer.n_neurons,
            0 if layer.weight_rec is None else layer.weight_rec.shape[1],
            str(layer.source),
            limits.NEURON_STATE_WORDS
            if isinstance(layer, PoissonLayer)
            else limits.GRADED_STATE_WORDS,
            isinstance(layer, PoissonLayer),
            sources.count(int(name)),
        )
        for name, layer in network.layers.items()
    )


@once
def network_shapes(network: Network) -> tuple[LayerShape, ...]:
    """All layers with neurons of a network of any kinds."""
    sources = [c.source for layer in network.layers for c in layer.connections]
    entry = network.input
    found = [_network_shape(layer, sources.count(layer.id)) for layer in network.layers]
    if entry.neuron is None:
        return tuple(found)
    words, receiving_layers = entry.neuron.state_words, sources.count(INPUT)
    return (LayerShape(INPUT, entry.size, 0, "", words, False, receiving_layers), *found)


def _network_shape(layer: Layer, receiving_layers: int) -> LayerShape:
    weights = [connection.weights for connection in layer.connections]
    fans = np.concatenate([of.fan_out() for of in weights]) if weights else np.zeros(1)
    return LayerShape(
        layer.id,
        layer.n_neurons,
        sum(of.n_in for of in weights if not isinstance(of, Convolution)),
        layer.connections[0].source if weights else "",
        layer.neuron.state_words,
        layer.neuron.draws,
        receiving_layers,
        tuple(_kernel(of) for of in weights if isinstance(of, Convolution)),
        tuple(connection.source for connection in layer.connections[1:]),
        float(fans.mean()) / layer.n_neurons,
    )


def _kernel(weights: Convolution) -> SharedKernel:
    channels, height, width = weights.in_shape
    out_channels, _, out_width = weights.shape
    taps = math.prod(weights.weight.shape[1:])
    span = (weights.span(0), weights.span(1))
    return SharedKernel(
        channels, height, width, out_channels, out_width, weights.stride, span, taps
    )


def recurrent_shape(n_neurons: int) -> tuple[LayerShape, ...]:
    """Shape of one recurrent layer of Poisson neurons: K x K synapses."""
    return (LayerShape("1", n_neurons, n_neurons, "1", limits.NEURON_STATE_WORDS, True, 1),)


def error_unit_shapes(n_neurons: int, n_pixels: int) -> tuple[LayerShape, ...]:
    """Shapes of a loop of M error units and K Poisson neurons: M x K synapses in each direction."""
    errors = LayerShape("1", n_pixels, n_neurons, "2", limits.GRADED_STATE_WORDS, False, 1)
    return errors, LayerShape("2", n_neurons, n_pixels, "1", limits.NEURON_STATE_WORDS, True, 1)


def full_activity(shapes: tuple[LayerShape, ...]) -> Activity:
    """Activity in which every neuron sends at every update: the upper limit."""
    return received_activity(
        EVERY_NEURON,
        1,
        {shape.name: np.ones(shape.axons(shape.neurons), np.int64) for shape in shapes},
        {shape.name: shape.axons(shape.neurons) for shape in shapes},
    )


def dense_words(n_in: int, n_out: int, bits: int) -> int:
    """64-bit words of a dense block: weight and target index per synapse, header per axon."""
    return n_in * math.ceil((n_out * bits + 32) / 64)


def core_words(shape: LayerShape, neurons: int, reading: MemoryModel) -> dict[str, int]:
    """Memory words and resources on a core with the given number of neurons, by rule.

    As in the logs: one word of AxonIn for each presynaptic neuron, the dense block, one word of
    AxonMap for each own neuron and connection, none of AxonMem, one neuron group. (The logs cover
    up to 12 target cores of a neuron; the cost of more is unknown.)
    """
    bits, axons = reading.synapse_bits(neurons), shape.axons(neurons)
    synapses = dense_words(shape.fan_in, neurons, bits)
    synapses += sum(kernel.words(neurons, bits) for kernel in shape.kernels)
    axon_map = neurons * max(shape.receiving_layers, 1)
    state = neurons * shape.state_words
    table = reading.table_words if shape.draws else 0
    return {
        "axon_in_words_per_core": axons,
        "synapse_words_per_core": synapses,
        "axon_map_words_per_core": axon_map,
        "axon_mem_words_per_core": 0,
        "neuron_words_per_core": state,
        "shared_words_per_core": axons + synapses + axon_map + state + table,
        "neurons_per_core": neurons,
        "neuron_groups_per_core": 1,
    }


def core_lines(
    shape: LayerShape, neurons: int, reading: MemoryModel, where: str
) -> list[LimitCheck]:
    """Usage of a core, compared with its limits."""
    found = core_words(shape, neurons, reading)
    return [LimitCheck(rule, found[rule], allowed, where) for rule, allowed in _LIMITS.items()]


def most_neurons(shape: LayerShape, reading: MemoryModel) -> int:
    """Largest number of neurons of a layer on one core, up to all of them; 0 if not even one."""
    low, high = 0, shape.neurons
    while low < high:
        n = (low + high + 1) // 2
        if all(line.holds for line in core_lines(shape, n, reading, "")):
            low = n
        else:
            high = n - 1
    return low


def least_cores(shape: LayerShape, reading: MemoryModel) -> int | LimitCheck:
    """Fewest cores for a layer, split by neuron, or the limit that a single neuron exceeds."""
    most = most_neurons(shape, reading)
    if most:
        return math.ceil(shape.neurons / most)
    where = f"layer {shape.name}: one neuron and its {shape.fan_in} synapses"
    return max(core_lines(shape, 1, reading, where), key=lambda line: line.share)
