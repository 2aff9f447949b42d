"""Facts of a `Network`, and its layers as a table."""

from typing import Any

from ipvae.network.connections import Connection, Convolution
from ipvae.network.network import Layer, Network
from ipvae.report.numbers import whole
from ipvae.workflows.results import Table

COLUMNS = ["", "shape", "receives", "neuron", "synapses"]
NO_NEURON = "none: images are messages"


def network_facts(network: Network) -> dict[str, Any]:
    """Return the facts of a network; JSON data."""
    entry = network.input
    kinds = dict.fromkeys(kind.name for kind in network.kinds.values())
    return {
        "kind": "lava-dl network",
        "input_shape": list(entry.shape),
        "input_neuron": NO_NEURON if entry.neuron is None else entry.neuron.text(),
        "input_transform": {"weight": entry.weight, "bias": entry.bias},
        "neurons": network.n_neurons,
        "neuron_family": family(tuple(kinds)),
        "layers": [_layer_facts(layer) for layer in network.layers],
    }


def family(kinds: tuple[str, ...]) -> str:
    """Name for the kinds of a network: delta and sigma neurons belong to sigma-delta ones."""
    names = ["sigma-delta" if name in ("delta", "sigma") else name for name in kinds]
    return " and ".join(dict.fromkeys(names))


def layer_table(facts: dict[str, Any]) -> Table:
    """Return the layers of a network as text."""
    rows = [
        [
            f"{layer['layer']} {layer['kind']}",
            " x ".join(str(n) for n in layer["shape"]),
            layer["receives"],
            layer["neuron"],
            f"{whole(layer['synapses'])} ({whole(layer['zero_synapses'])} zero)",
        ]
        for layer in facts["layers"]
    ]
    return Table("layers", COLUMNS, rows)


def _layer_facts(layer: Layer) -> dict[str, Any]:
    first, *others = layer.connections
    facts: dict[str, Any] = {
        "layer": layer.id,
        "kind": " + ".join(dict.fromkeys(c.weights.kind for c in layer.connections)),
        "shape": list(layer.shape),
        "receives": ", ".join(_source(connection, layer) for connection in layer.connections),
        "neuron": layer.neuron.text(),
        "neurons": layer.n_neurons,
        **_connection_facts(first),
    }
    if others or first.longest_delay or first.exponent:
        facts["connections"] = [
            {
                "source": c.source,
                "kind": c.weights.kind,
                "exponent": c.exponent,
                "delay": [c.least_delay, c.longest_delay],
                **_connection_facts(c),
            }
            for c in layer.connections
        ]
        for key in ("synapses", "zero_synapses", "weights"):
            facts[key] = sum(found[key] for found in facts["connections"])
    return facts


def _source(connection: Connection, layer: Layer) -> str:
    """Source of a connection, with its delays if there are any."""
    source = "itself" if connection.source == layer.id else connection.source
    least, longest = connection.least_delay, connection.longest_delay
    if not longest:
        return source
    return f"{source} (delay {least}{'' if least == longest else f' to {longest}'})"


def _connection_facts(connection: Connection) -> dict[str, Any]:
    weights = connection.weights
    stored, nonzero = weights.fan_out(), weights.fan_out(nonzero=True)
    facts: dict[str, Any] = {
        "synapses": int(stored.sum()),
        "zero_synapses": int((stored - nonzero).sum()),
        "weights": weights.weight.size,
        "weight_range": [int(weights.weight.min()), int(weights.weight.max())],
    }
    if isinstance(weights, Convolution):
        facts |= {
            "kernel": list(weights.weight.shape[2:]),
            "stride": list(weights.stride),
            "padding": list(weights.padding),
            "dilation": list(weights.dilation),
            "groups": weights.groups,
        }
    return facts
