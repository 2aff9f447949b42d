"""Constants of a layer and of its neurons, under the names of docs/loihi2/*.json.

They are the register values of a neuro-core model; computing them does not require Lava.
"""

import numpy as np

from ipvae.lava_procs.schedule import Schedule
from ipvae.network.description import DRAWN
from ipvae.network.kinds import graded, poisson
from ipvae.network.kinds.parts import input_constants_of
from ipvae.network.layers import GradedLayer
from ipvae.network.rules import random_source
from ipvae.network.schedule import AnyLayer

WORD_BITS = 24
"""Width of every state of a neuron, sign included."""


def layer_words(layer: AnyLayer, schedule: Schedule, replay: bool = False) -> dict[str, int]:
    """Constants that all neurons of a layer share.

    Parameters
    ----------
    layer : PoissonLayer or GradedLayer
    schedule : Schedule
    replay : bool
        True if Poisson neurons replay given counts instead of drawing.

    Returns
    -------
    dict of name -> int
        Names and ranges as under `constants` of the neuron's specification.
    """
    rows = {"period": schedule.period, "phase": schedule.phase, "lag": schedule.lag}
    if isinstance(layer, GradedLayer):
        own = graded.constants_of(layer)
    else:
        own = {**poisson.constants_of(layer), "replay": int(replay)}
    return {**input_constants_of(layer), **rows, **own}


def neuron_words(layer: AnyLayer) -> dict[str, np.ndarray]:
    """Constants specific to each neuron.

    Returns
    -------
    dict of name -> (K,) int32, unsigned 24-bit words among them
        Names and ranges as under `neuron_constants` of the neuron's specification.
    """
    if isinstance(layer, GradedLayer):
        return {}
    a, b = random_source.neuron_keys(DRAWN, layer.n_neurons)
    found = {
        **poisson.update_constants_of(layer),
        "neuron_a": a,
        "neuron_b": b,
    }
    return {name: np.asarray(values, dtype=np.int32) for name, values in found.items()}
