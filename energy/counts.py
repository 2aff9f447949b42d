"""Operations of a run, counted from its trace; each count is defined in docs/energy.md."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.trace import Trace


@dataclass(frozen=True)
class Counts:
    """Operations per image, means over the images of a run.

    Attributes
    ----------
    synaptic_ops : float
        Stored synapses of every nonzero output that is received: as many per message as the
        receiving layer has neurons.
    count_weighted_ops : float
        The same with each message weighted by its size: what a chip of binary spikes would do.
    effective_macs : float
        Nonzero weights of every nonzero output that is received (NeuroBench's Effective_MACs).
    messages : float
        Nonzero outputs that are received, once for each layer that receives them; a code that
        hears itself sends those of step T to nobody.
    spikes : float
        Sum of the code's counts (sizes) of steps 0..T-1.
    neuron_updates : float
        Neuron programs run: all neurons at each of the steps 0..T.
    drive_macs : float
        Products of the drive on the host: M K, or M where each neuron sees one pixel.
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
    code = network.code
    weighed, effective, hardware, messages = 0, 0, 0, 0
    for stage in network.wiring.stages:
        weights = stage.layer.weight_rec
        if weights is None:
            continue
        sent = np.abs(trace.stacked(str(stage.layer.source), "z").astype(np.int64))
        received = sent[:, : sent.shape[1] - stage.lag]
        by_sender = (received > 0).sum(axis=(0, 1))
        messages += int(by_sender.sum())
        hardware += int(by_sender.sum()) * stage.layer.n_neurons
        weighed += int(received.sum()) * stage.layer.n_neurons
        effective += int(by_sender @ (weights != 0).sum(axis=0))
    z = np.abs(trace.stacked(code, "z").astype(np.int64))
    n_images, rows = z.shape[:2]
    return Counts(
        synaptic_ops=hardware / n_images,
        count_weighted_ops=weighed / n_images,
        effective_macs=effective / n_images,
        messages=messages / n_images,
        spikes=int(z[:, :-1].sum()) / n_images,
        neuron_updates=float(rows * sum(layer.n_neurons for layer in network.layers.values())),
        drive_macs=float(
            sum(layer.weight.size for layer in network.layers.values() if layer.weight is not None)
        ),
        readout_ops=int((z[:, -1] > 0).sum()) * network.n_pixels / n_images,
    )
