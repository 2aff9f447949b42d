"""Constants of a layer and of its neurons, under the names of docs/loihi2/*.json.

They are the register values of a neuro-core model; computing them does not require Lava.
"""

import numpy as np

from ipvae.lava_procs.schedule import Schedule
from ipvae.network.description import DRAWN
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules import random_source
from ipvae.network.rules.activations import SWISH
from ipvae.network.rules.arithmetic import SELF_MAX, TERM_MAX
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
    e = layer.weight_exp
    high = TERM_MAX >> max(e, 0)
    shared = {
        "weight_exp": e,
        "left": max(e, 0),
        "right": max(-e, 0),
        "input_high": high,
        "input_low": -high,
        "sign": layer.sign,
        "period": schedule.period,
        "phase": schedule.phase,
        "lag": schedule.lag,
    }
    own = _graded(layer) if isinstance(layer, GradedLayer) else _poisson(layer, replay)
    return shared | own


def _poisson(layer: PoissonLayer, replay: bool) -> dict[str, int]:
    limits = {name: getattr(layer, name) for name in ("u_min", "u_max", "du_min", "du_max")}
    return limits | {
        "memory": int(layer.memory),
        "ceiling_on": int(layer.ceiling),
        "finer": layer.finer_bits,
        "z_max": layer.count_max,
        "replay": int(replay),
    }


def _graded(layer: GradedLayer) -> dict[str, int]:
    return {
        "leak": layer.leak,
        "swish_on": int(layer.activation == SWISH),
        "threshold": layer.threshold,
        "threshold_low": -layer.threshold,
        "shift": layer.shift,
        "half": (1 << layer.shift) >> 1,
        "z_min": layer.z_min,
        "z_max": layer.z_max,
    }


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
        "u_init": layer.u_init,
        "self_weight": layer.self_weight,
        "own_limit": SELF_MAX // np.maximum(layer.self_weight, 1),
        "neuron_a": a,
        "neuron_b": b,
    }
    return {name: np.asarray(values, dtype=np.int32) for name, values in found.items()}
