"""Units of a layer's values, and the exponents of its connections."""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.graphs.rounding import grid_end
from ipvae.export.graphs.weights import FloatWeights
from ipvae.network.connections import EXPONENT_RANGE
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION

MOST_UNITS = 256
"""Largest value of the calibration in units of its layer. States of 24 bits hold 2048."""
STORED_BITS = 8
"""Bits of a weight on the chip."""


@dataclass(frozen=True, eq=False)
class Units:
    """Scale of a layer.

    Attributes
    ----------
    unit : float
        Real value of one unit: of the integer 1 of a bias or a threshold, and of 64 in messages.
    exponents : tuple of int
        Of each connection.
    shifts : tuple of int
        Stored weights are levels times 2**shift; above 0 for convolutions of few bits only.
    """

    unit: float
    exponents: tuple[int, ...]
    shifts: tuple[int, ...]

    def step(self, number: int) -> float:
        """Real change of the value by a stored weight of 1 and one unit of the sender."""
        return self.unit * 2.0 ** (self.exponents[number] - MESSAGE_FRACTION)


def layer_units(name: str, weights: list[FloatWeights], bits: int, peak: float) -> Units:
    """Choose the scale of a layer.

    The step of a connection is unit * 2**(exponent - 6). Lava's convolutions have no exponent, so
    theirs is 0, and levels of fewer than 8 bits are stored times a power of two. The unit is the
    smallest with which all weights fit their bits and the values fit `MOST_UNITS`.

    Parameters
    ----------
    name : node, for messages
    weights : of each connection, times the unit of its sender
    bits : int in 4..8
    peak : float
        Largest magnitude of the layer's input in the calibration.

    Raises
    ------
    QuantizationError
        If all weights are 0, or two connections have weights of too different sizes.
    """
    end = 2 ** (bits - 1) - 1
    finest = [2**MESSAGE_FRACTION * grid_end(one.weight, end) / end for one in weights]
    if max(finest) == 0:
        raise QuantizationError(
            f"node {name}: all weights to it are 0, so nothing can be scaled; remove it"
        )
    least, most = EXPONENT_RANGE
    room = peak / MOST_UNITS
    widest = STORED_BITS - bits
    convolutions = [u / 2**widest for u, one in zip(finest, weights, strict=True) if one.is_conv]
    if any(convolutions):
        unit = max(room, *convolutions)
    else:
        largest = max(finest)
        exponent = most if room <= 0 else math.floor(math.log2(largest / room))
        unit = max(largest * 2.0 ** -min(max(exponent, least), most), room)
    needed = [least if u == 0 else math.ceil(math.log2(u / unit) - 1e-9) for u in finest]
    exponents = tuple(
        0 if one.is_conv else max(least, n) for n, one in zip(needed, weights, strict=True)
    )
    shifts = tuple(max(0, n) if one.is_conv else 0 for n, one in zip(needed, weights, strict=True))
    if max(exponents) > most:
        raise QuantizationError(
            f"node {name}: its connections have weights up to {max(finest) / min(finest):.3g} "
            "times as large as others; train it with smaller differences"
        )
    return Units(unit, exponents, shifts)


def rounded_biases(bias: np.ndarray, unit: float, shape: tuple[int, ...]) -> np.ndarray | None:
    """Bias in units: int32, one for each neuron or channel; None if all are 0.

    Parameters
    ----------
    bias : (n,) float64
    unit : float
    shape : of the layer
    """
    found = np.rint(bias / unit).astype(np.int32)
    if not found.any():
        return None
    by_channel = found.reshape(shape[0], -1)
    return by_channel[:, 0].copy() if (by_channel == by_channel[:, :1]).all() else found
