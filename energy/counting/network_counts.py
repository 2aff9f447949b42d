"""Operations of a `Network`, layer by layer, from a run's totals; docs/energy.md defines each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.network.connections import Connection
from ipvae.network.network import INPUT, Layer, Network
from ipvae.network.traces.network_totals import LayerSums, NetworkTotals


@dataclass(frozen=True)
class LayerCounts:
    """Operations of one layer per sample, means over the samples of a run.

    Attributes
    ----------
    layer : str
        Layer number in the file; the input is '0'.
    kind : 'input', or kinds of its connections and 'drive', joined by ' + '
    neurons : int
    synapses : int
        Connections; a convolution counts each one, although weights are shared.
    messages : float
        Nonzero messages that its neurons send.
    spikes : float
        Sum of the message sizes.
    synaptic_ops : float
        Synapses of every nonzero message that it receives. A dense connection has one synapse per
        message for each neuron; a convolution has one for each neuron in reach.
    count_weighted_ops : float
        As `synaptic_ops`, each message weighted by its size.
    effective_macs : float
        As `synaptic_ops`, nonzero weights only.
    neuron_updates : float
        Neuron updates; 0 for an input without neurons.
    updates_active : float
        Neuron updates with a nonzero output.
    """

    layer: str
    kind: str
    neurons: int
    synapses: int
    messages: float
    spikes: float
    synaptic_ops: float
    count_weighted_ops: float
    effective_macs: float
    neuron_updates: float
    updates_active: float

    def as_dict(self) -> dict[str, str | int | float]:
        """JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class NetworkCounts:
    """Operations per image, means over the images of a run.

    Attributes
    ----------
    total : Counts
    layers : tuple of LayerCounts
        The input first.
    zeros : float
        Fraction of zeros in all values that layers send to others.
    """

    total: Counts
    layers: tuple[LayerCounts, ...]
    zeros: float


def network_counts(
    network: Network, totals: NetworkTotals, host_products: float = 0.0
) -> NetworkCounts:
    """Count the operations of a run on any backend.

    Lead-in rows count, since the chip computes them. Messages that a delay holds back beyond the
    last row are not received.

    Parameters
    ----------
    network : Network
    totals : NetworkTotals
    host_products : float
        Products of the input transform and of drives per image.
    """
    n, sums = totals.images, totals.layers
    layers = [_input(network, sums[INPUT], n)]
    layers += [_layer(layer, sums, n) for layer in network.layers]
    sources = {c.source for layer in network.layers for c in layer.connections}
    sent = [sums[name] for name in sources]
    updates = sum(layer.neuron_updates for layer in layers)
    active = sum(layer.updates_active for layer in layers)
    received = [received_messages(layer.connections, totals) for layer in network.layers]
    drawing = [sums[name] for name, kind in network.kinds.items() if kind.draws]
    values = sum(of.rows * len(of.messages) for of in sent) * n
    total = Counts(
        synaptic_ops=sum(layer.synaptic_ops for layer in layers),
        count_weighted_ops=sum(layer.count_weighted_ops for layer in layers),
        effective_macs=sum(layer.effective_macs for layer in layers),
        messages=float(sum(received)) / n,
        spikes=sum(int(of.sizes.sum()) for of in sent) / n,
        neuron_updates=updates,
        drive_macs=host_products,
        readout_ops=0.0,
        updates_active=active,
        updates_idle=updates - active,
        draws=float(sum(of.rows * len(of.messages) for of in drawing)),
        random_words=sum(of.random_words for of in drawing) / n,
    )
    silent = values - sum(int(of.messages.sum()) for of in sent)
    return NetworkCounts(total, tuple(layers), silent / values if values else 1.0)


def received_messages(connections: Sequence[Connection], totals: NetworkTotals) -> int:
    """Messages that connections deliver in a run, once for each connection."""
    sums = totals.layers
    return sum(int(delivered(c, sums[c.source])[0].sum()) for c in connections)


def _input(network: Network, of: LayerSums, images: int) -> LayerCounts:
    messages = int(of.messages.sum()) / images
    updated = network.input.neuron is not None
    return LayerCounts(
        layer=INPUT,
        kind="input",
        neurons=network.input.size,
        synapses=0,
        messages=messages,
        spikes=int(of.sizes.sum()) / images,
        synaptic_ops=0.0,
        count_weighted_ops=0.0,
        effective_macs=0.0,
        neuron_updates=float(of.rows * network.input.size) if updated else 0.0,
        updates_active=messages if updated else 0.0,
    )


def _layer(layer: Layer, sums: dict[str, LayerSums], images: int) -> LayerCounts:
    own = sums[layer.id]
    of_each = [_operations(connection, sums[connection.source]) for connection in layer.connections]
    operations = np.sum(of_each, axis=0) if of_each else (0, 0, 0)
    stored, weighted, effective = (int(n) / images for n in operations)
    messages = int(own.messages.sum()) / images
    return LayerCounts(
        layer=layer.id,
        kind=connections_text(layer),
        neurons=layer.n_neurons,
        synapses=sum(int(c.weights.fan_out().sum()) for c in layer.connections),
        messages=messages,
        spikes=int(own.sizes.sum()) / images,
        synaptic_ops=stored,
        count_weighted_ops=weighted,
        effective_macs=effective,
        neuron_updates=float(own.rows * layer.n_neurons),
        updates_active=messages,
    )


def connections_text(layer: Layer) -> str:
    """Kinds of a layer's connections, and `drive` if it has one, joined by ' + '."""
    kinds = [connection.weights.kind for connection in layer.connections]
    return " + ".join(dict.fromkeys([*kinds, *(["drive"] if layer.drive is not None else [])]))


def _operations(connection: Connection, sent: LayerSums) -> tuple[int, int, int]:
    """Synaptic, count-weighted and effective operations of a connection in a run."""
    weights, found = connection.weights, np.zeros(3, np.int64)
    if not isinstance(connection.delay, np.ndarray):
        messages, sizes = delivered(connection, sent)
        stored, nonzero = weights.fan_out(), weights.fan_out(nonzero=True)
        return int(messages @ stored), int(sizes @ stored), int(messages @ nonzero)
    for delay in np.unique(connection.delay):
        receivers = connection.delay == delay
        messages, sizes = sent_before(sent, int(delay))
        nonzero = (weights.weight[receivers] != 0).sum(axis=0, dtype=np.int64)
        found += [
            receivers.sum() * messages.sum(),
            receivers.sum() * sizes.sum(),
            messages @ nonzero,
        ]
    return int(found[0]), int(found[1]), int(found[2])


def delivered(connection: Connection, sent: LayerSums) -> tuple[np.ndarray, np.ndarray]:
    """Messages and sizes of each sender that some receiver gets: (n_in,) int64 each."""
    return sent_before(sent, connection.least_delay)


def sent_before(sent: LayerSums, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Messages and sizes up to the last rows, which are left out."""
    kept = len(sent.last) - rows
    last, sizes = sent.last[max(kept, 0) :], sent.last_sizes[max(kept, 0) :]
    return sent.messages - last.sum(axis=0), sent.sizes - sizes.sum(axis=0)
