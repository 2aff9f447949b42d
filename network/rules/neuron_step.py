"""Update of a neuron from its drive and synaptic input: docs/spec/neurons/poisson.md."""

import numpy as np

from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules.activations import SWISH, soft_ceiling, swish
from ipvae.network.rules.arithmetic import clip, scale_input, self_inhibition, shift
from ipvae.network.schedule import AnyLayer


def total_input(layer: AnyLayer, drive: np.ndarray, a_in: np.ndarray) -> np.ndarray:
    """Add the scaled synaptic input to the drive: (..., K) int64, the layer's unit."""
    wide = np.asarray(drive, dtype=np.int64)
    return wide + layer.sign * scale_input(a_in, layer.weight_exp)


def next_log_rate(
    layer: PoissonLayer, u: np.ndarray, z: np.ndarray, drive: np.ndarray, a_in: np.ndarray
) -> np.ndarray:
    """Update log-rates.

    Parameters
    ----------
    u, z : (..., K) int
        Log-rates and counts before the update.
    drive, a_in : (..., K) int
        Drive, and synaptic input since the last update.

    Returns
    -------
    (..., K) int64, within u_min..u_max
    """
    change = total_input(layer, drive, a_in)
    if layer.memory:
        change = change - self_inhibition(layer.self_weight, z)
    start = np.asarray(u if layer.memory else layer.u_init, dtype=np.int64)
    v = start + clip(change, layer.du_min, layer.du_max)
    if layer.ceiling:
        v = soft_ceiling(v, layer.u_max)
    return clip(v, layer.u_min, layer.u_max)


def next_potential(
    layer: GradedLayer, u: np.ndarray, drive: np.ndarray, a_in: np.ndarray
) -> np.ndarray:
    """Update potentials of graded neurons: (..., K) int64."""
    total = total_input(layer, drive, a_in)
    return u + shift(total - u, -layer.leak) if layer.memory else total


def graded_output(layer: GradedLayer, u: np.ndarray) -> np.ndarray:
    """Output of graded neurons with potentials `u`: (..., K) int64 in z_min..z_max."""
    y = np.asarray(u, dtype=np.int64)
    if layer.activation == SWISH:
        y = swish(y)
    y = np.sign(y) * np.maximum(np.abs(y) - layer.threshold, 0)
    half = (1 << layer.shift) >> 1
    return clip(shift(y + half, -layer.shift), layer.z_min, layer.z_max)
