"""What a core must hold for some neurons of a layer, and how many it can.

The pools and the words are those of the per-core tables in public compiler logs (limits.py). The
logs leave two things open, so there are two readings of them, a tight and a wide one, and every
figure that follows is a range: a model, not an Intel figure.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.chip import limits
from ipvae.chip.limits import LimitCheck
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.once import once
from ipvae.network.traces.activity import Activity, received_activity

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
    """One way to read the logs.

    Attributes
    ----------
    name : str
    index_bits : int or None
        Bits of the target index beside each weight; None: as few as the core's neurons need.
        The logs' dense blocks take 15 to 20 bits per synapse, weight included.
    table_words : int
        64-bit words of the sampler's table that count against the shared pool. No network in the
        logs has a table, so it may lie elsewhere.
    """

    name: str
    index_bits: int | None
    table_words: int

    def synapse_bits(self, neurons: int) -> int:
        """Bits of one synapse on a core of so many neurons."""
        index = math.ceil(math.log2(neurons + 1)) if self.index_bits is None else self.index_bits
        return limits.WEIGHT_BITS + index


OPTIMISTIC = MemoryModel("optimistic", None, 0)
CONSERVATIVE = MemoryModel("conservative", 12, math.ceil(limits.DRAW_TABLE_BYTES / 8))
READINGS = (OPTIMISTIC, CONSERVATIVE)


@dataclass(frozen=True)
class LayerShape:
    """What of a layer matters to memory.

    Attributes
    ----------
    name : str
    neurons : int
    fan_in : int
        Neurons that it hears, 0 for none.
    source : str
        Name of the layer that it hears, '0' for none.
    state_words : int
        64-bit words of each neuron's state.
    draws : bool
        Whether it needs the sampler's table.
    listeners : int
        Layers that hear it.
    """

    name: str
    neurons: int
    fan_in: int
    source: str
    state_words: int
    draws: bool
    listeners: int


@once
def layer_shapes(network: IntNetwork) -> tuple[LayerShape, ...]:
    """All layers, in rising order."""
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


def recurrent_shape(n_neurons: int) -> tuple[LayerShape, ...]:
    """Shape of one layer of Poisson neurons that hears itself: K x K synapses."""
    return (LayerShape("1", n_neurons, n_neurons, "1", limits.NEURON_STATE_WORDS, True, 1),)


def error_unit_shapes(n_neurons: int, n_pixels: int) -> tuple[LayerShape, ...]:
    """Shapes of a loop of M error units and K Poisson neurons: M x K synapses each way."""
    errors = LayerShape("1", n_pixels, n_neurons, "2", limits.GRADED_STATE_WORDS, False, 1)
    return errors, LayerShape("2", n_neurons, n_pixels, "1", limits.NEURON_STATE_WORDS, True, 1)


def full_activity(shapes: tuple[LayerShape, ...]) -> Activity:
    """Every neuron sends at every update: the most there can be."""
    return received_activity(
        "every neuron sends at every update, the most there can be",
        1,
        {shape.name: np.ones(shape.fan_in, np.int64) for shape in shapes},
        {shape.name: shape.fan_in for shape in shapes},
    )


def dense_words(n_in: int, n_out: int, bits: int) -> int:
    """64-bit words of a dense block: weight and target index per synapse, header per axon."""
    return n_in * math.ceil((n_out * bits + 32) / 64)


def core_words(shape: LayerShape, neurons: int, reading: MemoryModel) -> dict[str, int]:
    """What a core holds with so many neurons of a layer, by rule.

    As in the logs: one word of AxonIn for each neuron that is heard, the dense block, one word
    of AxonMap for each own neuron and connection, none of AxonMem, one neuron group. (The rows
    reach 12 cores that hear a neuron; what more of them cost is not in the logs.)
    """
    synapses = dense_words(shape.fan_in, neurons, reading.synapse_bits(neurons))
    axon_map = neurons * max(shape.listeners, 1)
    state = neurons * shape.state_words
    table = reading.table_words if shape.draws else 0
    return {
        "axon_in_words_per_core": shape.fan_in,
        "synapse_words_per_core": synapses,
        "axon_map_words_per_core": axon_map,
        "axon_mem_words_per_core": 0,
        "neuron_words_per_core": state,
        "shared_words_per_core": shape.fan_in + synapses + axon_map + state + table,
        "neurons_per_core": neurons,
        "neuron_groups_per_core": 1,
    }


def core_lines(
    shape: LayerShape, neurons: int, reading: MemoryModel, where: str
) -> list[LimitCheck]:
    """The same beside what is allowed."""
    found = core_words(shape, neurons, reading)
    return [LimitCheck(rule, found[rule], allowed, where) for rule, allowed in _LIMITS.items()]


def most_neurons(shape: LayerShape, reading: MemoryModel) -> int:
    """Most neurons of a layer that one core holds, up to all of them; 0 if not even one."""
    low, high = 0, shape.neurons
    while low < high:
        n = (low + high + 1) // 2
        if all(line.holds for line in core_lines(shape, n, reading, "")):
            low = n
        else:
            high = n - 1
    return low


def least_cores(shape: LayerShape, reading: MemoryModel) -> int | LimitCheck:
    """Fewest cores of a layer, split by neuron; or the limit that one neuron alone exceeds."""
    most = most_neurons(shape, reading)
    if most:
        return math.ceil(shape.neurons / most)
    where = f"layer {shape.name}: one neuron and its {shape.fan_in} synapses"
    return max(core_lines(shape, 1, reading, where), key=lambda line: line.share)
