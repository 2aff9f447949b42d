"""Activity of a run, for operation counts and core placement: messages sent and received.

It is derived from the totals of a run on any backend.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.traces.totals import LayerTotals, Totals
from ipvae.network.traces.trace import Trace
from ipvae.network.traces.trace_totals import sent_totals


@dataclass(frozen=True, eq=False)
class SentMessages:
    """Messages sent by a layer in rows 0..T, by group (G): each image alone, or all together.

    Attributes
    ----------
    messages, last_messages : (G, K) int64
        Nonzero outputs of each neuron, in all rows and in row T.
    sizes, last_sizes : (G,) int64
        Sums of their magnitudes, in all rows and in row T.
    random_words : (G,) int64
        Uniforms used by its draws.
    peak, last_peak : int
        Largest number of messages of one image at one row, over rows 0..T-1 and at row T.
    """

    messages: np.ndarray
    last_messages: np.ndarray
    sizes: np.ndarray
    last_sizes: np.ndarray
    random_words: np.ndarray
    peak: int = 0
    last_peak: int = 0


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """Messages sent and received by a layer, by group.

    Attributes
    ----------
    sent : SentMessages
    received : (G, J) int64
        Messages received from each neuron of its source; J is 0 without a source.
    received_sizes : (G,) int64
        Sums of their magnitudes.
    peak : int
        Largest number of messages received at one row of one image.
    """

    sent: SentMessages
    received: np.ndarray
    received_sizes: np.ndarray
    peak: int


@dataclass(frozen=True, eq=False)
class Activity:
    """Messages sent and received by all layers in a run.

    Attributes
    ----------
    images, steps : int
        Images of the run, and updates of each after step 0 (T).
    rows : (G,) int64
        Rows 0..T of the images of each group.
    layers : dict of layer -> LayerActivity
    source : str
        Origin of the figures.
    """

    images: int
    steps: int
    rows: np.ndarray
    layers: Mapping[str, LayerActivity]
    source: str = ""

    @property
    def received_fractions(self) -> dict[str, np.ndarray]:
        """Fraction of rows in which each layer receives each neuron of its source: (J,) float64."""
        rows = int(self.rows.sum())
        return {name: of.received.sum(axis=0) / rows for name, of in self.layers.items()}

    @property
    def received(self) -> dict[str, float]:
        """Messages that each layer receives in one row, on average."""
        return {name: float(parts.sum()) for name, parts in self.received_fractions.items()}

    @property
    def peak(self) -> dict[str, int]:
        """Largest number of messages that each layer receives in one row."""
        return {name: of.peak for name, of in self.layers.items()}


def activity_of(
    network: IntNetwork, run: Activity | Totals | Trace, source: str = "", *, plan: bool = False
) -> Activity:
    """Activity of a run on any backend, with all images as one group.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    run : Totals or Trace
        A trace must contain every step and neuron: `z` of each layer, and `u` of one that draws.
        An Activity is returned unchanged.
    source : str
        Name of the run.
    plan : bool
        Require only `z` of presynaptic layers, which is enough for a plan.

    Raises
    ------
    InputError
        If a trace lacks required values.
    """
    if isinstance(run, Activity):
        return run
    if isinstance(run, Trace):
        require_counted(network, run, plan=plan)
        run = sent_totals(network, run)
    else:
        _require_layers(network, run)
    sent = {name: _sent(layer) for name, layer in run.layers.items()}
    rows = np.array([run.rows])
    return activity_by_group(network, sent, rows, images=run.images, steps=run.steps, source=source)


def activity_by_group(
    network: IntNetwork,
    sent: Mapping[str, SentMessages],
    rows: np.ndarray,
    *,
    images: int,
    steps: int,
    source: str = "",
) -> Activity:
    """Activity from the messages sent; with a lag of 1, row T is not received by any layer."""
    layers = {}
    for stage in sorted(network.schedule.stages, key=lambda stage: int(stage.name)):
        name, weights = stage.name, stage.layer.weight_rec
        own = sent.get(name) or _silent(stage.layer.n_neurons, len(rows))
        if weights is None:
            nothing = np.zeros((len(rows), 0), np.int64), np.zeros(len(rows), np.int64)
            layers[name] = LayerActivity(own, *nothing, peak=0)
            continue
        sender, lag = sent[str(stage.layer.source)], stage.input_delay
        layers[name] = LayerActivity(
            own,
            sender.messages - lag * sender.last_messages,
            sender.sizes - lag * sender.last_sizes,
            sender.peak if lag else max(sender.peak, sender.last_peak),
        )
    return Activity(images, steps, rows, layers, source)


def received_activity(
    source: str, rows: int, received: Mapping[str, np.ndarray], peak: Mapping[str, int]
) -> Activity:
    """Activity with received messages only: enough to plan cores.

    Parameters
    ----------
    source : str
    rows : int
        Rows of all images together.
    received : dict of layer -> (J,) int64
        Messages from each neuron of the layer's source, in all rows.
    peak : dict of layer -> int
    """
    layers = {
        name: LayerActivity(_silent(0, 1), counts[None], counts.sum()[None], peak[name])
        for name, counts in received.items()
    }
    return Activity(1, rows - 1, np.array([rows]), layers, source)


def require_counted(network: IntNetwork, trace: Trace, *, plan: bool = False) -> None:
    """Raise InputError unless a trace contains everything needed; see `activity_of`."""
    if not trace.complete:
        raise InputError(
            f"trace of {trace.backend}: holds chosen steps or neurons, counts need all of them; "
            "record it whole"
        )
    sources = {str(layer.source) for layer in network.layers.values()}
    for name, layer in network.layers.items():
        needed = ("u", "z") if isinstance(layer, PoissonLayer) else ("z",)
        if plan:
            needed = ("z",) if name in sources else ()
        for variable in needed:
            if any(variable not in sample.get(name, {}) for sample in trace.samples):
                raise InputError(
                    f"trace of {trace.backend}: has no {variable} of layer {name}, counts need "
                    "what every layer sent and the log-rates that it drew from; record it whole"
                )


def received_messages(trace: Trace, source: str, lag: int) -> np.ndarray:
    """Mask of nonzero source outputs that reach a target: (N, T + 1 - lag, J) bool."""
    sent = trace.stacked(source, "z") != 0
    return sent[:, : sent.shape[1] - lag]


def _require_layers(network: IntNetwork, totals: Totals) -> None:
    """Raise InputError unless the totals have this network's layers."""
    ours = {name: layer.n_neurons for name, layer in network.layers.items()}
    found = {name: len(layer.messages) for name, layer in totals.layers.items()}
    if found != ours:
        raise InputError(
            f"run: has neurons by layer {found}, the network has {ours}. Give a run of it."
        )


def _sent(layer: LayerTotals) -> SentMessages:
    """Messages sent by a layer in a run, with all images as one group."""
    last = np.abs(layer.z.astype(np.int64))
    sends = last > 0
    return SentMessages(
        layer.messages[None],
        sends.sum(axis=0)[None],
        layer.sizes.sum()[None],
        last.sum()[None],
        np.array([layer.random_words]),
        layer.peak,
        int(sends.sum(axis=1).max(initial=0)),
    )


def _silent(neurons: int, groups: int) -> SentMessages:
    each, all_of_it = np.zeros((groups, neurons), np.int64), np.zeros(groups, np.int64)
    return SentMessages(each, each, all_of_it, all_of_it, all_of_it)
