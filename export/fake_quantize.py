"""The recurrent matrix as the chip will have it, in real units, for training to run on."""

import functools
import math
from collections.abc import Callable

import numpy as np

from ipvae.export.grid import recurrent_grid

_OCTAVES_PER_NAT = 1.0 / math.log(2.0)
_EXPONENTS = (-64, 64)
"""Any: what the file allows is for export to check."""


def rounding_to(weight_bits: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the function that `ipvae.train.fit.fit` takes, None for 0 bits."""
    return functools.partial(fake_quantize, bits=weight_bits) if weight_bits else None


def fake_quantize(recurrent: np.ndarray, bits: int) -> np.ndarray:
    """Round a recurrent matrix to integers as `ipvae.export.quantize` does, and back.

    Parameters
    ----------
    recurrent : (K, K) float64, G in nats per count
    bits : 2 to 8

    Returns
    -------
    (K, K) float64, nats per count; the diagonal, which the neuron keeps, as it was
    """
    own = np.diag(recurrent)
    weights = (recurrent - np.diag(own)) * _OCTAVES_PER_NAT
    integers, exponent = recurrent_grid(weights, bits, _EXPONENTS, "weight_rec")
    return integers * (2.0**exponent / _OCTAVES_PER_NAT) + np.diag(own)
