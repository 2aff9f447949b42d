"""Load of each core of a placement of a `Network` for one image, as reports list it.

A core of a convolutional layer holds all channels of some places, row after row, as the memory
model assumes (`ipvae.chip.core_memory.SharedKernel`).
"""

import math
from typing import Any

import numpy as np

from ipvae.chip.core_memory import core_words
from ipvae.chip.limits import CORE_SHARED_WORDS, LimitCheck
from ipvae.chip.placement import Core, Placement
from ipvae.energy.counting.cores import busiest_core, fewest_cores, no_plan, plan_text
from ipvae.energy.counting.max_core_load import NAMES
from ipvae.energy.counting.network_counts import delivered, sent_before
from ipvae.network.connections import Connection, Convolution, Diagonal
from ipvae.network.network import Layer, Network
from ipvae.network.traces.network_totals import LayerSums, NetworkTotals


def network_cores(network: Network, totals: NetworkTotals) -> dict[str, Any]:
    """Return the mean load of every core and the largest loads as JSON data.

    The keys are as in `ipvae.energy.counting.cores.cores_as_dict`; the busiest core of a step is
    not known from totals.
    """
    placement = fewest_cores(network)
    if isinstance(placement, LimitCheck):
        return no_plan(placement)
    loads = {layer.id: _Loads(layer, totals) for layer in network.layers}
    listed = [
        _core(core, placement, loads.get(core.layer.name), totals) for core in placement.cores
    ]
    return {
        "plan": plan_text(placement),
        "list": listed,
        "busiest": {name: busiest_core(listed, name) for name in NAMES},
        "busiest_per_step": {},
    }


def _core(
    core: Core, placement: Placement, loads: "_Loads | None", totals: NetworkTotals
) -> dict[str, Any]:
    own, n = totals.layers[core.layer.name], totals.images
    order = np.arange(core.layer.neurons) if loads is None else loads.order
    neurons = order[core.own]
    words = core_words(core.layer, core.neurons, placement.reading)["shared_words_per_core"]
    return {
        "chip": core.chip_idx,
        "core": core.core_idx,
        "layer": core.layer.name,
        "neurons": core.neurons,
        "spikes_in": 0.0 if loads is None else loads.spikes_in(neurons) / n,
        "synaptic_ops": 0.0 if loads is None else int(loads.operations[neurons].sum()) / n,
        "neuron_updates": float(core.neurons * own.rows),
        "messages_out": int(own.messages[neurons].sum()) / n,
        "memory": words / CORE_SHARED_WORDS,
    }


class _Loads:
    """Messages and operations of a layer's neurons, summed over the images of a run."""

    def __init__(self, layer: Layer, totals: NetworkTotals) -> None:
        self._layer = layer
        self._sent = [totals.layers[c.source] for c in layer.connections]
        pairs = zip(layer.connections, self._sent, strict=True)
        self.operations = np.sum([_operations(c, sent) for c, sent in pairs], axis=0)
        self.order = np.arange(layer.n_neurons)
        if len(layer.shape) == 3:  # place after place
            self.order = self.order.reshape(layer.shape[0], -1).T.reshape(-1)

    def spikes_in(self, neurons: np.ndarray) -> int:
        """Messages with a synapse to one of the neurons."""
        pairs = zip(self._layer.connections, self._sent, strict=True)
        return sum(_arriving(connection, sent, neurons) for connection, sent in pairs)


def _operations(connection: Connection, sent: LayerSums) -> np.ndarray:
    """Synaptic operations of each receiver: (n_out,) int64."""
    weights, messages = connection.weights, delivered(connection, sent)[0]
    if isinstance(weights, Convolution):
        return _covered_sums(weights, messages)
    if isinstance(weights, Diagonal):
        return messages
    if not isinstance(connection.delay, np.ndarray):
        return np.full(weights.n_out, messages.sum())
    by_delay = {d: sent_before(sent, int(d))[0].sum() for d in np.unique(connection.delay)}
    return np.array([by_delay[d] for d in connection.delay])


def _arriving(connection: Connection, sent: LayerSums, neurons: np.ndarray) -> int:
    """Messages that at least one of the neurons receives."""
    weights, messages = connection.weights, delivered(connection, sent)[0]
    if isinstance(weights, Convolution):
        return int(messages[_covering(weights, neurons)].sum())
    return int(messages[neurons].sum() if isinstance(weights, Diagonal) else messages.sum())


def _windows(weights: Convolution) -> list[tuple[slice, slice]]:
    """For each kernel position, the padded inputs that it multiplies, one for each output."""
    parts = [
        [
            slice(k * step, k * step + stride * (size - 1) + 1, stride)
            for k in range(weights.weight.shape[2 + axis])
        ]
        for axis, (step, stride, size) in enumerate(
            zip(weights.dilation, weights.stride, weights.shape[1:], strict=True)
        )
    ]
    return [(rows, columns) for rows in parts[0] for columns in parts[1]]


def _padded(weights: Convolution, inputs: np.ndarray) -> np.ndarray:
    (top, left) = weights.padding
    return np.pad(inputs, ((0, 0), (top, top), (left, left)))


def _covered_sums(weights: Convolution, messages: np.ndarray) -> np.ndarray:
    """Sum of the messages under the kernel of each output: (n_out,) int64."""
    height, width = weights.in_shape[1:]
    by_group = messages.reshape(weights.groups, -1, height, width).sum(axis=1)
    inputs = _padded(weights, by_group)
    sums = np.sum([inputs[:, rows, columns] for rows, columns in _windows(weights)], axis=0)
    return np.repeat(sums, weights.shape[0] // weights.groups, axis=0).reshape(-1)


def _covering(weights: Convolution, neurons: np.ndarray) -> np.ndarray:
    """Inputs that lie under the kernel of one of the neurons: (n_in,) bool."""
    outputs = np.zeros(math.prod(weights.shape), bool)
    outputs[neurons] = True
    of_group = outputs.reshape(weights.groups, -1, *weights.shape[1:]).any(axis=1)
    found = _padded(weights, np.zeros((weights.groups, *weights.in_shape[1:]), bool))
    for rows, columns in _windows(weights):
        found[:, rows, columns] |= of_group
    (top, left), (height, width) = weights.padding, weights.in_shape[1:]
    inside = found[:, top : top + height, left : left + width]
    return np.repeat(inside, weights.in_shape[0] // weights.groups, axis=0).reshape(-1)
