"""JSON data of a report on a `Network`, from its run."""

from typing import Any

import numpy as np

from ipvae.chip.check import check
from ipvae.chip.core_memory import READINGS, layer_shapes, least_cores
from ipvae.chip.plan import limit
from ipvae.energy.counting.network_cores import network_cores
from ipvae.energy.counting.network_counts import received_messages
from ipvae.network.connections import Connection, Convolution
from ipvae.network.io.network_file import checksum
from ipvae.network.network import INPUT, Network
from ipvae.network.traces.network_totals import LayerSums, potential
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import whole
from ipvae.workflows.describe.any_network import family, input_text
from ipvae.workflows.kinds.result import NetworkRun

SHOWN = 8
"""Number of images whose outputs are listed."""
LARGEST = 3
"""Number of outputs listed for each of them."""


def run_data(network: Network, run: NetworkRun) -> dict[str, Any]:
    """Return the keys of a report that follow from a network and its run."""
    sums = run.network_totals.layers
    kinds = tuple(dict.fromkeys(kind.name for kind in network.kinds.values()))
    sending = {*network.by_id, *([INPUT] if network.sends_input else [])}
    limits = {name: of.limits for name, of in sums.items() if of.limits}
    return {
        "family": f"{family(kinds)} network of {number_of(len(network.layers), 'layer')}",
        "input": " x ".join(map(str, network.input.shape)),
        "checksum": checksum(network),
        "backend": run.backend,
        "samples": run.images,
        "steps": run.steps,
        **({"draws": True, "seed": run.seed} if network.draws else {}),
        "zeros": run.zeros,
        "counts": run.counts.as_dict(),
        "layers": _layers(network, run),
        "silent_layers": [n for n, of in sums.items() if n in sending and not of.messages.any()],
        "at_limits": limits,
        "by_step": _by_step(run),
        "outputs": _outputs(network, run),
        "accuracy": run.accuracy,
        "labelled": 0 if run.labels is None else int((run.labels >= 0).sum()),
        "check": _checked(network),
        "cores": network_cores(network, run.network_totals),
    }


def _checked(network: Network) -> dict[str, Any]:
    """Result of `ipvae check`, with a margin for each limit."""
    found = check(network)
    return {**found.as_dict(), "limits": [limit(line) for line in found.lines]}


def _layers(network: Network, run: NetworkRun) -> list[dict[str, Any]]:
    """Counts of the input and of each layer, with what describes it."""
    shapes = {shape.name: shape for shape in layer_shapes(network)}
    found = []
    for counted in run.layers:
        name, sums = counted.layer, run.network_totals.layers[counted.layer]
        connections = () if name == INPUT else network.by_id[name].connections
        received = received_messages(connections, run.network_totals) / run.images
        least = [least_cores(shapes[name], reading) for reading in READINGS if name in shapes]
        found.append(
            {
                **counted.as_dict(),
                "neuron": network.kinds[name].text() if name != INPUT else input_text(network),
                "connections": [_connection(connection) for connection in connections],
                "messages_received": received,
                "zeros": _zeros(sums, run.images),
                "silent_neurons": int((sums.messages == 0).sum()),
                "cores": least if least and all(isinstance(n, int) for n in least) else None,
            }
        )
    return found


def _zeros(sums: LayerSums, images: int) -> float:
    """Fraction of a layer's values that are zero."""
    values = images * sums.rows * len(sums.messages)
    return 1 - int(sums.messages.sum()) / values


def _connection(connection: Connection) -> dict[str, Any]:
    weights, delays = connection.weights, [connection.least_delay, connection.longest_delay]
    text = f"{weights.kind} from {'the input' if connection.source == INPUT else connection.source}"
    if isinstance(weights, Convolution):
        text += f", kernel {weights.weight.shape[2]} x {weights.weight.shape[3]}"
        if weights.stride != (1, 1):
            text += f", stride {weights.stride[0]} x {weights.stride[1]}"
    if delays[1]:
        span = f"{delays[0]} to {delays[1]}" if delays[0] < delays[1] else str(delays[1])
        text += f", delay {span}"
    return {
        "source": connection.source,
        "kind": weights.kind,
        "synapses": int(weights.fan_out().sum()),
        "delay": delays,
        "text": f"{text} ({whole(weights.weight.size)} weights)",
    }


def _by_step(run: NetworkRun) -> dict[str, Any]:
    """Messages of each layer from row 0 on, and in its rows before; means over the images."""
    rows = run.network_totals.steps
    found: dict[str, Any] = {"step": list(range(rows)), "messages": {}, "lead_in": {}}
    for name, sums in run.network_totals.layers.items():
        means = (sums.by_row / run.images).tolist()
        before = len(means) - rows
        found["messages"][name] = means[before:]
        if before:
            found["lead_in"][name] = means[:before]
    return found


def _outputs(network: Network, run: NetworkRun) -> dict[str, Any]:
    """Outputs of the first images; none of a network that is judged by its reconstructions."""
    totals, classes = run.network_totals, run.classes
    images = []
    for i in range(0 if run.fit else min(run.images, SHOWN)):
        sent, found = totals.outputs[i], int(classes[i])
        order = np.argsort(-sent, kind="stable")[:LARGEST]
        label = None if run.labels is None or run.labels[i] < 0 else int(run.labels[i])
        images.append(
            {
                "class": None if found < 0 else found,
                "label": label,
                "largest": [[int(k), int(sent[k])] for k in order],
                "last": int(totals.last[i, max(found, 0)]),
                "potential": int(totals.potentials[i, max(found, 0)]),
            }
        )
    return {
        "layer": network.readout.id,
        "neurons": network.readout.n_neurons,
        "potential": potential(network),
        "images": images,
    }
