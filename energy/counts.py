"""Operations of a run, counted from its trace; each count is defined in docs/energy.md."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.description import LAYER, IntNetwork
from ipvae.network.trace import Trace


@dataclass(frozen=True)
class Counts:
    """Operations per image, means over the images of a run.

    Attributes
    ----------
    synaptic_ops : float
        Stored synapses of every nonzero count that is received: K per message.
    count_weighted_ops : float
        The same with each message weighted by its count: what a chip of binary spikes would do.
    effective_macs : float
        Nonzero weights of every nonzero count that is received (NeuroBench's Effective_MACs).
    messages : float
        Nonzero counts sent at steps 0..T-1, those that are received.
    spikes : float
        Sum of the counts of steps 0..T-1.
    neuron_updates : float
        Neuron programs run: K at each of the steps 0..T.
    drive_macs : float
        Products of the drive, M K, on the host.
    readout_ops : float
        Products of one reconstruction from the counts of step T: M per nonzero count, on the host.
    """

    synaptic_ops: float
    count_weighted_ops: float
    effective_macs: float
    messages: float
    spikes: float
    neuron_updates: float
    drive_macs: float
    readout_ops: float

    def as_dict(self) -> dict[str, float]:
        """JSON data."""
        return asdict(self)


def count(network: IntNetwork, trace: Trace) -> Counts:
    """Count the operations of a trace of any backend.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    trace : Trace

    Returns
    -------
    Counts
        Means over the images of the trace.
    """
    layer = network.layer
    k, m = layer.n_neurons, layer.n_pixels
    z = trace.stacked(LAYER, "z").astype(np.int64)
    received = z[:, :-1]
    messages = (received > 0).sum(axis=(0, 1))  # (K,), by sender
    nonzero_fan_out = (layer.weight_rec != 0).sum(axis=0)
    n_images = len(z)
    return Counts(
        synaptic_ops=int(messages.sum()) * k / n_images,
        count_weighted_ops=int(received.sum()) * k / n_images,
        effective_macs=int(messages @ nonzero_fan_out) / n_images,
        messages=int(messages.sum()) / n_images,
        spikes=int(received.sum()) / n_images,
        neuron_updates=float(z.shape[1] * k),
        drive_macs=float(m * k),
        readout_ops=int((z[:, -1] > 0).sum()) * m / n_images,
    )
