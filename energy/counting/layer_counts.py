"""Operations of each layer of a run, from its activity; docs/energy.md defines each count."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.activity import Activity, LayerActivity, activity_of
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace


@dataclass(frozen=True)
class LayerCounts:
    """Operations of one layer per image, means over the images of a run.

    Attributes
    ----------
    layer : str
        Layer number.
    role : 'hidden', 'code' or 'readout'
    neurons : int
    synapses : int
        Stored synapses, zeros included.
    spikes : float
        Sum of the message sizes that its neurons send in rows 0..T-1.
    messages : float
        Nonzero outputs of its neurons in rows 0..T, received by a layer or not.
    messages_received : float
        Nonzero outputs that the layer receives.
    synaptic_ops, count_weighted_ops, effective_macs : float
        Defined as in `ipvae.energy.counting.counts.Counts`, over the messages that it receives.
    updates_active, updates_idle : float
        Neuron updates with a nonzero output, and without.
    draws : float
        Counts drawn by its neurons, one per neuron and row; 0 without a sampler.
    random_words : float
        24-bit uniforms of these draws.
    drive_macs : float
        Products of its drive, on the host.
    """

    layer: str
    role: str
    neurons: int
    synapses: int
    spikes: float
    messages: float
    messages_received: float
    synaptic_ops: float
    count_weighted_ops: float
    effective_macs: float
    updates_active: float
    updates_idle: float
    draws: float
    random_words: float
    drive_macs: float

    def as_dict(self) -> dict[str, str | int | float]:
        """JSON data."""
        return asdict(self)


def layer_counts(network: IntNetwork, run: Activity | Totals | Trace) -> list[LayerCounts]:
    """Count the operations of each layer of a run of at least one image, on any backend.

    Raises
    ------
    InputError
        See `ipvae.network.traces.activity.activity_of`.
    """
    activity = activity_of(network, run)
    roles = {stage.name: stage.role for stage in network.schedule.stages}
    return [
        LayerCounts(
            layer=name,
            role=roles[name],
            neurons=network.layers[name].n_neurons,
            synapses=0 if (w := network.layers[name].weight_rec) is None else w.size,
            drive_macs=float(drive_macs(network.layers[name])),
            **{key: int(value.sum()) / activity.images for key, value in sums.items()},
        )
        for name, sums in layer_sums(network, activity).items()
    ]


def layer_sums(network: IntNetwork, activity: Activity) -> dict[str, dict[str, np.ndarray]]:
    """Operations of each layer by group, named as in `LayerCounts`: (G,) int64."""
    return {
        name: _sums(network.layers[name], of, activity.rows) for name, of in activity.layers.items()
    }


def _sums(layer: AnyLayer, of: LayerActivity, rows: np.ndarray) -> dict[str, np.ndarray]:
    sent, received = of.sent, of.received.sum(axis=1)
    active, updates = sent.messages.sum(axis=1), rows * layer.n_neurons
    stored = np.zeros(0, np.int64)
    if layer.weight_rec is not None:
        stored = (layer.weight_rec != 0).sum(axis=0)
    return {
        "spikes": sent.sizes - sent.last_sizes,
        "messages": active,
        "messages_received": received,
        "synaptic_ops": received * layer.n_neurons,
        "count_weighted_ops": of.received_sizes * layer.n_neurons,
        "effective_macs": of.received @ stored,
        "updates_active": active,
        "updates_idle": updates - active,
        "draws": updates if isinstance(layer, PoissonLayer) else np.zeros_like(updates),
        "random_words": sent.random_words,
    }


def drive_macs(layer: AnyLayer) -> int:
    """Products of a layer's drive for one image: K M, or K with one pixel per neuron.

    A start that depends on the image takes K M more.
    """
    products = 0 if layer.weight is None else layer.weight.size
    if isinstance(layer, PoissonLayer) and layer.start is not None:
        products += layer.start.weight.size
    return products
