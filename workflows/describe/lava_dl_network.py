"""Facts of a lava-dl network, and its layers as a table."""

from typing import Any

from ipvae.energy.counting.lava_dl_counts import fan_out
from ipvae.network.lava_dl_network import ConvSynapses, CubaNeuron, Neuron, PlainLayer, PlainNetwork
from ipvae.report.numbers import whole
from ipvae.workflows.results import Table

COLUMNS = ["", "shape", "neuron", "synapses"]


def network_facts(network: PlainNetwork) -> dict[str, Any]:
    """Return the facts of a network; JSON data."""
    entry = network.input
    return {
        "kind": "lava-dl network",
        "input_shape": list(entry.shape),
        "input_neuron": _neuron(entry.neuron),
        "input_transform": {"weight": entry.weight, "bias": entry.bias},
        "neurons": network.n_neurons,
        "neuron_family": "sigma-delta" if network.sigma_delta else "CUBA",
        "layers": [_layer_facts(layer) for layer in network.layers],
    }


def layer_table(facts: dict[str, Any]) -> Table:
    """Return the layers of a network as text."""
    rows = [
        [
            f"{layer['layer']} {layer['kind']}",
            " x ".join(str(n) for n in layer["shape"]),
            layer["neuron"],
            f"{whole(layer['synapses'])} ({whole(layer['zero_synapses'])} zero)",
        ]
        for layer in facts["layers"]
    ]
    return Table("layers", COLUMNS, rows)


def _layer_facts(layer: PlainLayer) -> dict[str, Any]:
    synapses = layer.synapses
    facts: dict[str, Any] = {
        "layer": layer.name,
        "kind": "conv" if isinstance(synapses, ConvSynapses) else "dense",
        "shape": list(layer.shape),
        "neuron": _neuron(layer.neuron),
        "neurons": layer.n_neurons,
        "synapses": int(fan_out(synapses).sum()),
        "zero_synapses": int((fan_out(synapses) - fan_out(synapses, nonzero=True)).sum()),
        "weights": synapses.weight.size,
        "weight_range": [int(synapses.weight.min()), int(synapses.weight.max())],
    }
    if isinstance(synapses, ConvSynapses):
        facts |= {
            "kernel": list(synapses.weight.shape[2:]),
            "stride": list(synapses.stride),
            "padding": list(synapses.padding),
            "dilation": list(synapses.dilation),
            "groups": synapses.groups,
        }
    return facts


def _neuron(neuron: Neuron | None) -> str:
    """Short text on the function of a neuron."""
    if neuron is None:
        return "none: images are messages"
    if isinstance(neuron, CubaNeuron):
        return (
            f"CUBA, threshold {neuron.threshold}, decays {neuron.current_decay} and "
            f"{neuron.voltage_decay} of 4096"
        )
    return "sigma" if neuron.sums else f"sigma-delta, threshold {neuron.threshold}"
