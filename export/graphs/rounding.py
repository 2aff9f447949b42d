"""Scale of a layer, and its weights, bias and threshold as integers of the chip."""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.graphs.compensation import can_compensate, compensated_integers
from ipvae.export.graphs.scaled_neurons import ScaledNeurons
from ipvae.export.graphs.weights import FloatWeights
from ipvae.network.kinds.cuba import BIAS_MAX, STATE_LIMIT, STATE_SHIFT
from ipvae.network.kinds.lif import SHIFT_MAX, THRESHOLD_MAX

TARGET = 2**18
"""Largest integer threshold; a state of 24 bits holds 32 of them."""
ROOM = 1.25
"""Margin over the largest state of the calibration."""
EXPONENT_MAX = 14
LEAST_UNIT = 16
"""Smallest integer threshold; rounding below it is too coarse."""
CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Fractions of the largest weight at which a grid of few levels may end."""
FEW_BITS = 5


@dataclass(frozen=True, eq=False)
class Scale:
    """Integers of a layer for 1 threshold, and the exponents of its connections.

    Attributes
    ----------
    unit : int
        Units of the voltage for the threshold.
    shift : int
        Left shift of the synaptic input.
    exponents : tuple of int
        Of each connection: weight = real weight * unit / 2**(shift + exponent).
    ends : tuple of float
        Largest real weight that each connection keeps.
    """

    unit: int
    shift: int
    exponents: tuple[int, ...]
    ends: tuple[float, ...]


def layer_scale(
    neurons: ScaledNeurons,
    weights: list[FloatWeights],
    bits: int,
    peak: float,
    cuba: bool,
    plain: bool,
) -> Scale:
    """Choose the scale of a layer.

    Parameters
    ----------
    neurons : ScaledNeurons
    weights : of each connection, in thresholds
    bits : int in 4..8
    peak : float
        Largest state of the calibration in thresholds.
    cuba : bool
        True for CUBA neurons: the shift is 6, and the unit a multiple of 64.
    plain : bool
        True to do without exponents, which lava-dl's file cannot hold.

    Raises
    ------
    QuantizationError
        If no scale fits.
    """
    end = 2 ** (bits - 1) - 1
    ends = [grid_end(one.weight, end) for one in weights]
    most = min(TARGET, THRESHOLD_MAX / 2, (STATE_LIMIT - 1) / (ROOM * max(peak, 1.0)))
    bias = max(np.abs(neurons.current_bias).max(), np.abs(neurons.voltage_bias).max())
    if bias > 0:
        most = min(most, BIAS_MAX * 2 ** (STATE_SHIFT if cuba else SHIFT_MAX) / bias)
    fixed = plain or any(one.is_conv for one in weights)
    most_shift = STATE_SHIFT if cuba else SHIFT_MAX
    highest = most_shift + (0 if fixed else EXPONENT_MAX)
    largest = max(ends)
    if largest == 0:
        raise QuantizationError(
            f"node {neurons.name}: all weights to it are 0, so nothing can be scaled; remove it"
        )
    lowest = STATE_SHIFT if cuba else 0
    total = math.floor(math.log2(most * largest / end))
    total = max(lowest, min(highest, total))
    unit = int(min(most, end * 2**total / largest))
    unit = unit >> STATE_SHIFT << STATE_SHIFT if cuba else unit
    if unit < LEAST_UNIT * (4 if cuba else 1):
        raise QuantizationError(
            f"node {neurons.name}: the weights are up to {largest:.3g} thresholds and the states "
            f"up to {peak:.3g}, more than 24 bits hold; use more bits or smaller weights"
        )
    shift = STATE_SHIFT if cuba else min(SHIFT_MAX, total)
    if not fixed and not cuba:
        shift = min(shift, *(_total(e, unit, end) for e in ends))
    exponents = tuple(
        0 if one.is_conv or plain else max(0, _total(e, unit, end) - shift)
        for one, e in zip(weights, ends, strict=True)
    )
    return Scale(unit, shift, exponents, tuple(ends))


def _total(end: float, unit: int, most: int) -> int:
    """Least exponent with which the largest weight of a connection fits the grid."""
    if end == 0:
        return 0
    return max(0, math.ceil(math.log2(end * unit / most) - 1e-9))


def grid_end(weight: np.ndarray, levels: int) -> float:
    """Largest weight of a grid: the real one, or with few levels the end of least error."""
    largest = float(np.abs(weight).max(initial=0))
    if levels >= 2 ** (FEW_BITS - 1) or largest == 0:
        return largest

    def error(part: float) -> float:
        step = part * largest / levels
        rounded = np.clip(np.rint(weight / step), -levels, levels) * step
        return float(np.square(rounded - weight).sum())

    return min(CLIPS, key=error) * largest


def rounded_weights(
    weights: FloatWeights, scale: Scale, number: int, bits: int, sent: np.ndarray
) -> tuple[np.ndarray, dict]:
    """Round a connection.

    Parameters
    ----------
    weights : FloatWeights
    scale : Scale
    number : int
        Of the connection in the scale.
    bits : int
    sent : (n, steps, senders) float32
        Messages of the source in the calibration, for error-compensated rounding.

    Returns
    -------
    the integers, int16, and the facts of their rounding
    """
    return rounded_to(
        weights, 2.0 ** (scale.shift + scale.exponents[number]) / scale.unit, bits, sent
    )


def rounded_to(
    weights: FloatWeights, step: float, bits: int, sent: np.ndarray
) -> tuple[np.ndarray, dict]:
    """Round a connection to multiples of a step; see `rounded_weights`."""
    end = 2 ** (bits - 1) - 1
    exact = np.rint(weights.weight / step)
    clipped = np.clip(exact, -end, end).astype(np.int16)
    compensates = can_compensate(weights)
    if compensates:
        clipped = compensated_integers(weights, step, bits, sent).astype(np.int16)
    largest = max(float(np.abs(weights.weight).max(initial=0)), 1e-12)
    facts = {
        "nodes": list(weights.nodes),
        "kind": "conv"
        if weights.is_conv
        else ("diagonal" if weights.weight.ndim == 1 else "dense"),
        "weights": int(clipped.size),
        "bits": bits,
        "step": step,
        "largest": largest,
        "range": [int(clipped.min(initial=0)), int(clipped.max(initial=0))],
        "compensated": compensates,
        "clipped": int((np.abs(exact) > end).sum()),
        "zeros": int((clipped == 0).sum()),
        "largest_error": float(np.abs(clipped * step - weights.weight).max(initial=0) / largest),
    }
    return clipped, facts


def rounded_bias(
    neurons: ScaledNeurons, scale: Scale, shape: tuple[int, ...], cuba: bool
) -> "tuple[np.ndarray | None, int, float]":
    """Round the bias of a layer.

    Returns
    -------
    the bias as integers or None, its left shift, and the largest rounding in thresholds
    """
    real = neurons.current_bias if neurons.current_bias.any() else neurons.voltage_bias
    most, shift = float(np.abs(real).max(initial=0)) * scale.unit, STATE_SHIFT
    if not cuba:
        shift = max(0, math.ceil(math.log2(max(most, 1.0) / BIAS_MAX)))
    found = np.rint(real * scale.unit / 2.0**shift).astype(np.int32)
    error = float(np.abs(found * 2.0**shift / scale.unit - real).max(initial=0))
    if not found.any():
        return None, shift, error
    by_channel = found.reshape(shape[0], -1)
    if (by_channel == by_channel[:, :1]).all():
        found = by_channel[:, 0].copy()
    return found, shift, error
