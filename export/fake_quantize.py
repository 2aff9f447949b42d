"""The recurrent matrix as the chip will have it, in real units, for training to run on."""

import functools
import math
from collections.abc import Callable

import numpy as np

from ipvae.export.grid import recurrent_grid

_OCTAVES_PER_NAT = 1.0 / math.log(2.0)
_EXPONENTS = (-64, 64)
"""Any: what the file allows is for export to check."""

FEW_BITS, SELF_STEPS = 4, 2.0
"""Up to so many bits, self-inhibition is raised by so many integer steps of the other weights.

Rounding leaves combinations of neurons that excite themselves, and counts run away after hundreds
of steps. On models/mnist, 150 images at 4 bits, they do with nothing; with 1, 2 and 4 steps R2
at step 1000 is .016, .013 and .014 below that of exact weights. From 5 bits on nothing is needed.
"""


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
    (K, K) float64, nats per count; the diagonal, which the neuron keeps, exact, and for few bits
    raised by `self_steps`
    """
    own = np.diag(recurrent)
    weights = (recurrent - np.diag(own)) * _OCTAVES_PER_NAT
    integers, exponent = recurrent_grid(weights, bits, _EXPONENTS, "weight_rec")
    step = 2.0**exponent / _OCTAVES_PER_NAT
    return integers * step + np.diag(own + self_steps(bits) * step)


def self_steps(bits: int) -> float:
    """Return by how many steps of the other weights self-inhibition is raised."""
    return SELF_STEPS if bits <= FEW_BITS else 0.0
