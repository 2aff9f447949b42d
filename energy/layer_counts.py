"""Operations of each layer of a run, from its trace or totals; defined in docs/energy.md."""

from dataclasses import asdict, dataclass

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.layers import PoissonLayer
from ipvae.network.poisson import random_words
from ipvae.network.totals import Totals
from ipvae.network.trace import Trace
from ipvae.network.wiring import AnyLayer


@dataclass(frozen=True)
class LayerCounts:
    """Operations of one layer per image, means over the images of a run.

    Attributes
    ----------
    layer : str
        Its number.
    role : 'hidden', 'code' or 'readout'
    neurons : int
    synapses : int
        Stored, zeros included.
    spikes : float
        Sizes of what its neurons sent in the rows 0..T-1.
    messages : float
        Nonzero outputs of its neurons in the rows 0..T, whoever hears them.
    messages_received : float
        Nonzero outputs that it hears.
    synaptic_ops, count_weighted_ops, effective_macs : float
        As `ipvae.energy.counts.Counts`, of what it hears.
    updates_active, updates_idle : float
        Rows of neurons that send something, and that send nothing.
    draws : float
        Counts that its neurons draw, one in each row; 0 without a sampler.
    random_words : float
        Uniforms that these take.
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


@dataclass(frozen=True, eq=False)
class Sent:
    """What a layer sent in the rows 0..T, by group: each image alone, or all as one.

    Attributes
    ----------
    messages, last_messages : (G, K) int64
        Nonzero outputs of each neuron; those of the row T.
    sizes, last_sizes : (G,) int64
        Their sizes; those of the row T.
    random_words : (G,) int64
        Uniforms that its draws took.
    """

    messages: np.ndarray
    last_messages: np.ndarray
    sizes: np.ndarray
    last_sizes: np.ndarray
    random_words: np.ndarray

    def summed(self) -> "Sent":
        """All groups as one."""
        return Sent(*(value.sum(axis=0, keepdims=True) for value in vars(self).values()))


def sent_in_trace(network: IntNetwork, trace: Trace) -> dict[str, Sent]:
    """What each layer sent, by image.

    Raises
    ------
    InputError
        As `require_whole`.
    """
    require_whole(network, trace)
    found = {}
    for name, layer in network.layers.items():
        z = np.abs(trace.stacked(name, "z").astype(np.int64))
        sizes = z.sum(axis=2)
        words = np.zeros(len(z), np.int64)
        if isinstance(layer, PoissonLayer):
            words = words_drawn(layer, trace.stacked(name, "u")).sum(axis=(1, 2))
        found[name] = Sent(
            (z > 0).sum(axis=1), (z[:, -1] > 0).astype(np.int64), sizes.sum(1), sizes[:, -1], words
        )
    return found


def sent_in_totals(totals: Totals) -> dict[str, Sent]:
    """What each layer sent, all images as one group."""
    found = {}
    for name, layer in totals.layers.items():
        last = np.abs(layer.z.astype(np.int64))
        found[name] = Sent(
            layer.messages[None],
            (last > 0).sum(axis=0)[None],
            layer.sizes.sum()[None],
            last.sum()[None],
            np.array([layer.random_words]),
        )
    return found


def words_drawn(layer: PoissonLayer, u: np.ndarray) -> np.ndarray:
    """Uniforms that draws at log-rates take: int64 of the shape of `u`."""
    return random_words(u >> layer.finer_bits)


def require_whole(network: IntNetwork, trace: Trace) -> None:
    """Raise InputError unless a trace holds all that is counted.

    That is every step and neuron, `z` of each layer, and `u` of one that draws.
    """
    if not trace.complete:
        raise InputError(
            f"trace of {trace.backend}: holds chosen steps or neurons, counts need all of them; "
            "record it whole"
        )
    for name, layer in network.layers.items():
        for variable in ("u", "z") if isinstance(layer, PoissonLayer) else ("z",):
            if any(variable not in sample.get(name, {}) for sample in trace.samples):
                raise InputError(
                    f"trace of {trace.backend}: has no {variable} of layer {name}, counts need "
                    "what every layer sent and the log-rates that it drew from; record it whole"
                )


def layer_sums(
    network: IntNetwork, sent: dict[str, Sent], rows: int
) -> dict[str, dict[str, np.ndarray]]:
    """Operations of each layer, as `LayerCounts` has them, by group: (G,) int64.

    Parameters
    ----------
    network : IntNetwork
    sent : dict of layer -> Sent
    rows : int
        Rows of a group: T + 1 times its images.
    """
    found = {}
    for stage in sorted(network.wiring.stages, key=lambda stage: int(stage.name)):
        own = sent[stage.name]
        active, updates = own.messages.sum(axis=1), rows * stage.layer.n_neurons
        draws = updates if isinstance(stage.layer, PoissonLayer) else 0
        found[stage.name] = {
            "spikes": own.sizes - own.last_sizes,
            "messages": active,
            **_received(stage.layer, sent.get(str(stage.layer.source)), stage.lag, len(active)),
            "updates_active": active,
            "updates_idle": updates - active,
            "draws": np.full_like(active, draws),
            "random_words": own.random_words,
        }
    return found


def _received(
    layer: AnyLayer, source: Sent | None, lag: int, n_groups: int
) -> dict[str, np.ndarray]:
    """What a layer hears: over a lag, nobody receives what was sent in the row T."""
    if layer.weight_rec is None or source is None:
        nothing = np.zeros(n_groups, np.int64)
        names = ("messages_received", "synaptic_ops", "count_weighted_ops", "effective_macs")
        return dict.fromkeys(names, nothing)
    by_sender = source.messages - lag * source.last_messages
    messages, sizes = by_sender.sum(axis=1), source.sizes - lag * source.last_sizes
    return {
        "messages_received": messages,
        "synaptic_ops": messages * layer.n_neurons,
        "count_weighted_ops": sizes * layer.n_neurons,
        "effective_macs": by_sender @ (layer.weight_rec != 0).sum(axis=0),
    }


def drive_macs(layer: AnyLayer) -> int:
    """Products of a layer's drive for one image: K M, or K where each neuron sees one pixel."""
    return 0 if layer.weight is None else layer.weight.size


def layer_counts(network: IntNetwork, totals: Totals) -> list[LayerCounts]:
    """Count the operations of each layer from the totals of a run of at least one image."""
    return _layers(network, sent_in_totals(totals), totals.images, totals.rows)


def traced_layer_counts(network: IntNetwork, trace: Trace) -> list[LayerCounts]:
    """Count the operations of each layer from a trace of any backend.

    Raises
    ------
    InputError
        As `sent_in_trace`.
    """
    sent = {name: found.summed() for name, found in sent_in_trace(network, trace).items()}
    n_images = len(trace.samples)
    return _layers(network, sent, n_images, n_images * (trace.steps + 1))


def _layers(
    network: IntNetwork, sent: dict[str, Sent], n_images: int, rows: int
) -> list[LayerCounts]:
    roles = {stage.name: stage.role for stage in network.wiring.stages}
    return [
        LayerCounts(
            layer=name,
            role=roles[name],
            neurons=network.layers[name].n_neurons,
            synapses=0 if (w := network.layers[name].weight_rec) is None else w.size,
            drive_macs=float(drive_macs(network.layers[name])),
            **{key: int(value.sum()) / n_images for key, value in sums.items()},
        )
        for name, sums in layer_sums(network, sent, rows).items()
    ]
