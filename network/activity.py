"""How much each layer hears: what makes a core busy."""

from dataclasses import dataclass

import numpy as np

from ipvae.network.core_memory import LayerShape
from ipvae.network.description import IntNetwork
from ipvae.network.trace import Trace


@dataclass(frozen=True, eq=False)
class Activity:
    """Messages per update, that is per row of a trace, rows 0..T.

    Attributes
    ----------
    source : str
        Where the figures come from.
    heard : dict of layer -> (fan-in,) float64
        Part of the updates in which the layer hears each neuron of its source.
    peak : dict of layer -> int
        Most messages that it receives in one update.
    """

    source: str
    heard: dict[str, np.ndarray]
    peak: dict[str, int]

    @property
    def received(self) -> dict[str, float]:
        """Messages that each layer receives in one update, on average."""
        return {name: float(parts.sum()) for name, parts in self.heard.items()}


def full_activity(shapes: tuple[LayerShape, ...]) -> Activity:
    """Every neuron sends at every update: the most there can be."""
    return Activity(
        "every neuron sends at every update, the most there can be",
        {shape.name: np.ones(shape.fan_in) for shape in shapes},
        {shape.name: shape.fan_in for shape in shapes},
    )


def traced_activity(network: IntNetwork, trace: Trace, source: str) -> Activity:
    """Mean over the images and updates of a trace.

    Parameters
    ----------
    network : IntNetwork
        The network that ran.
    trace : Trace
        With `z` of every layer that is heard.
    source : str
    """
    heard: dict[str, np.ndarray] = {}
    peak: dict[str, int] = {}
    for stage in network.wiring.stages:
        if stage.layer.weight_rec is None:
            heard[stage.name], peak[stage.name] = np.zeros(0), 0
            continue
        received = received_messages(trace, str(stage.layer.source), stage.lag)
        heard[stage.name] = received.sum(axis=(0, 1)) / (received.shape[0] * (trace.steps + 1))
        peak[stage.name] = int(received.sum(axis=2).max(initial=0))
    return Activity(source, heard, peak)


def received_messages(trace: Trace, source: str, lag: int) -> np.ndarray:
    """Whether each neuron of a source sent what a listener hears: (N, T + 1 - lag, J) bool."""
    sent = trace.stacked(source, "z") != 0
    return sent[:, : sent.shape[1] - lag]
