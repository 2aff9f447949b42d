"""Operations of a run, counted from its activity; docs/energy.md defines each count."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.energy.counting.layer_counts import drive_macs, layer_sums
from ipvae.network.description import IntNetwork
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace


@dataclass(frozen=True)
class Counts:
    """Operations per image, means over the images of a run.

    Attributes
    ----------
    synaptic_ops : float
        Stored synapses of every received nonzero output: for each message, the number of neurons in
        the receiving layer.
    count_weighted_ops : float
        As `synaptic_ops`, each message weighted by its size: operations of a binary-spike chip.
    effective_macs : float
        Nonzero weights of every nonzero output that is received (NeuroBench's Effective_MACs).
    messages : float
        Nonzero outputs that are received, once for each receiving layer. A code with
        recurrent weights does not receive its own messages of step T.
    spikes : float
        Sum of the code's counts (sizes) of steps 0..T-1.
    neuron_updates : float
        Neuron updates: all neurons at each of the rows 0..T.
    drive_macs : float
        Products of the drive on the host: M K, or M if each neuron is connected to one pixel. A
        start that depends on the image takes M K more.
    readout_ops : float
        Products of one reconstruction on the host: M for each nonzero count of step T.
    updates_active, updates_idle : float
        Neuron updates with a nonzero output, and without.
    draws : float
        Poisson counts drawn: one for each neuron with a sampler at each of its rows.
    random_words : float
        24-bit uniforms of these draws: 1 each up to rate 8, twice as many for each doubling.
    """

    synaptic_ops: float
    count_weighted_ops: float
    effective_macs: float
    messages: float
    spikes: float
    neuron_updates: float
    drive_macs: float
    readout_ops: float
    updates_active: float = 0.0
    updates_idle: float = 0.0
    draws: float = 0.0
    random_words: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """JSON data."""
        return asdict(self)


def count_run(network: IntNetwork, run: Activity | Totals | Trace) -> Counts:
    """Count the operations of a run on any backend.

    With early stopping, each image is counted up to its own last step.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Activity, Totals or Trace
        Run of at least one image.

    Returns
    -------
    Counts
        Means over the images of the run.

    Raises
    ------
    InputError
        If a trace lacks steps or neurons, `z` of a layer, or `u` of one that draws.
    """
    activity = activity_of(network, run)
    sums = image_sums(network, activity)
    means = {name: int(values.sum()) / activity.images for name, values in sums.items()}
    return Counts(**means, drive_macs=float(network_drive_macs(network)))


def image_sums(network: IntNetwork, activity: Activity) -> dict[str, np.ndarray]:
    """Operations of the network by group, named as in `Counts`, without the drive: (G,) int64."""
    layers = layer_sums(network, activity)

    def over_layers(name: str) -> np.ndarray:
        return np.sum([sums[name] for sums in layers.values()], axis=0)

    updates = [over_layers(name) for name in ("updates_active", "updates_idle")]
    last = activity.layers[network.code].sent.last_messages
    return {
        "synaptic_ops": over_layers("synaptic_ops"),
        "count_weighted_ops": over_layers("count_weighted_ops"),
        "effective_macs": over_layers("effective_macs"),
        "messages": over_layers("messages_received"),
        "spikes": layers[network.code]["spikes"],
        "neuron_updates": updates[0] + updates[1],
        "readout_ops": last.sum(axis=1) * network.n_pixels,
        "updates_active": updates[0],
        "updates_idle": updates[1],
        "draws": over_layers("draws"),
        "random_words": over_layers("random_words"),
    }


def network_drive_macs(network: IntNetwork) -> int:
    """Products of the drive for one image, summed over layers."""
    return sum(drive_macs(layer) for layer in network.layers.values())
