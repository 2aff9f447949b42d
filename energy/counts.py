"""Operations of a run, counted from its trace or totals; each is defined in docs/energy.md."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.totals import Totals
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
    sent = {}
    for name in _counted(network):
        z = np.abs(trace.stacked(name, "z").astype(np.int64))
        sent[name] = _Sent((z > 0).sum(axis=(0, 1)), z.sum(axis=(0, 1)), z[:, -1])
    return _count(network, sent, len(trace.samples), trace.steps)


def count_totals(network: IntNetwork, totals: Totals) -> Counts:
    """Count the operations of a run from its totals; the same as from its trace.

    Where images stopped alone, each counts up to its own last step.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    totals : Totals
        Of at least one image.
    """
    sent = {}
    for name in _counted(network):
        layer = totals.layers[name]
        sent[name] = _Sent(layer.messages, layer.sizes, np.abs(layer.z.astype(np.int64)))
    return _count(network, sent, totals.images, totals.mean_steps)


@dataclass(frozen=True, eq=False)
class _Sent:
    """What a layer sent in the rows 0..T: messages and sizes (K,) int64, sizes of T (N, K)."""

    messages: np.ndarray
    sizes: np.ndarray
    last: np.ndarray


def _counted(network: IntNetwork) -> set[str]:
    """The code, and layers that are heard."""
    stages = network.wiring.stages
    heard = {str(s.layer.source) for s in stages if s.layer.weight_rec is not None}
    return {network.code} | heard


def _count(network: IntNetwork, sent: dict[str, _Sent], n_images: int, n_steps: float) -> Counts:
    weighed, effective, hardware, messages = 0, 0, 0, 0
    for stage in network.wiring.stages:
        weights = stage.layer.weight_rec
        if weights is None:
            continue
        source = sent[str(stage.layer.source)]
        # What was sent at step T is received by nobody over a lag.
        by_sender = source.messages - stage.lag * (source.last > 0).sum(axis=0)
        sizes = int(source.sizes.sum()) - stage.lag * int(source.last.sum())
        messages += int(by_sender.sum())
        hardware += int(by_sender.sum()) * stage.layer.n_neurons
        weighed += sizes * stage.layer.n_neurons
        effective += int(by_sender @ (weights != 0).sum(axis=0))
    code = sent[network.code]
    neurons = sum(layer.n_neurons for layer in network.layers.values())
    return Counts(
        synaptic_ops=hardware / n_images,
        count_weighted_ops=weighed / n_images,
        effective_macs=effective / n_images,
        messages=messages / n_images,
        spikes=int(code.sizes.sum() - code.last.sum()) / n_images,
        neuron_updates=float((n_steps + 1) * neurons),
        drive_macs=float(
            sum(layer.weight.size for layer in network.layers.values() if layer.weight is not None)
        ),
        readout_ops=int((code.last > 0).sum()) * network.n_pixels / n_images,
    )
