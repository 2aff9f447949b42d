"""Facts of a `Network`, and its layers as a table."""

from dataclasses import asdict
from typing import Any

from ipvae.energy.counting.network_counts import connections_text
from ipvae.network.connections import Connection, Convolution, Weights
from ipvae.network.network import Layer, Network
from ipvae.report.numbers import whole
from ipvae.workflows.results import Table

COLUMNS = ["", "shape", "receives", "neuron", "synapses"]
NO_NEURON = "none: images are messages"
NO_SYNAPSES = {"synapses": 0, "zero_synapses": 0, "weights": 0, "weight_range": [0, 0]}


def network_facts(network: Network) -> dict[str, Any]:
    """Return the facts of a network; JSON data."""
    entry = network.input
    kinds = dict.fromkeys(kind.name for kind in network.kinds.values())
    return {
        "kind": "network of layers" if network.driven else "lava-dl network",
        "input_shape": list(entry.shape),
        "input_neuron": input_text(network),
        "input_transform": {"weight": entry.weight, "bias": entry.bias},
        **({} if entry.pixels is None else {"input_pixels": asdict(entry.pixels)}),
        "neurons": network.n_neurons,
        "neuron_family": family(tuple(kinds)),
        "layers": [_layer_facts(layer) for layer in network.layers],
    }


def input_text(network: Network) -> str:
    """Neurons of the input, or the role of its images without them."""
    entry = network.input
    if entry.neuron is not None:
        return entry.neuron.text()
    return NO_NEURON if network.sends_input else "none: images make drives alone"


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
    facts: dict[str, Any] = {
        "layer": layer.id,
        "kind": connections_text(layer),
        "shape": list(layer.shape),
        "receives": ", ".join(_sources(layer)),
        "neuron": layer.neuron.text(),
        "neurons": layer.n_neurons,
        **(_weights_facts(layer.connections[0].weights) if layer.connections else NO_SYNAPSES),
    }
    plain = [not (c.longest_delay or c.exponent) for c in layer.connections]
    if plain not in ([], [True]):
        facts["connections"] = [
            {
                "source": c.source,
                "kind": c.weights.kind,
                "exponent": c.exponent,
                "delay": [c.least_delay, c.longest_delay],
                **_weights_facts(c.weights),
            }
            for c in layer.connections
        ]
        for key in ("synapses", "zero_synapses", "weights"):
            facts[key] = sum(found[key] for found in facts["connections"])
    if layer.drive is not None:
        drive = layer.drive
        facts["drive"] = {
            "kind": drive.weights.kind,
            "exponent": drive.exponent,
            **_weights_facts(drive.weights),
        }
    return facts


def _sources(layer: Layer) -> list[str]:
    """Sources of a layer's connections, and the pixels if they drive it."""
    found = [_source(connection, layer) for connection in layer.connections]
    return found + (["drive"] if layer.drive is not None else [])


def _source(connection: Connection, layer: Layer) -> str:
    """Source of a connection, with its delays if there are any."""
    source = "itself" if connection.source == layer.id else connection.source
    least, longest = connection.least_delay, connection.longest_delay
    if not longest:
        return source
    return f"{source} (delay {least}{'' if least == longest else f' to {longest}'})"


def _weights_facts(weights: Weights) -> dict[str, Any]:
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
