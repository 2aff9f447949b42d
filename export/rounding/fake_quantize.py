"""Fake quantization: the recurrent matrix of the chip in real units, for training."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ipvae.export.rounding.power_of_two_scale import recurrent_grid
from ipvae.network.description import FloatNetwork

_OCTAVES_PER_NAT = 1.0 / math.log(2.0)
_EXPONENTS = (-64, 64)
"""Arbitrary limits; the export checks the limits of the file."""

FEW_BITS, FEW_BITS_COMPENSATED, SELF_STEPS = 4, 3, 2.0
"""Bits up to which self-inhibition is raised, with and without compensation, and the raise in
steps.

Rounding leaves combinations of neurons that excite themselves, and counts can diverge after
hundreds of steps. All values are from models/mnist. With nearest rounding, 4 bits, 150 images,
counts diverged without a raise; with 1, 2 and 4 steps, R2 at step 1000 was .016, .013 and .014
below exact weights. At 5 bits and more, counts did not diverge. Learned rounding can undo the
raise. With compensation (`ipvae.export.rounding.optq`), 3 bits, 256 images, R2 at step 1000 was
-.84, .87 and .90 with 0, 1 and 2 steps; at 4 bits and more it needs no raise.
"""


class Rounded(NamedTuple):
    """Rounded recurrent matrix.

    Attributes
    ----------
    matrix : (K, K) float64, nats per count
    step : value of one integer step, nats per count
    free : (K, K) bool, entries that are not clipped
    """

    matrix: np.ndarray
    step: float
    free: np.ndarray


def rounding_to(weight_bits: int) -> Callable[[np.ndarray, np.ndarray], Rounded] | None:
    """Return the rounding function for `ipvae.train.run.fit.fit`; None for 0 bits."""
    return functools.partial(fake_quantize, bits=weight_bits) if weight_bits else None


def fake_quantize(recurrent: np.ndarray, change: np.ndarray, bits: int) -> Rounded:
    """Round a recurrent matrix plus a learned change to integers, and convert back to real values.

    The integers are round(G / step + change) within +-(2**(bits - 1) - 1). The step depends on G
    alone (`ipvae.export.rounding.power_of_two_scale`), not on the change.

    Parameters
    ----------
    recurrent : (K, K) float64, G in nats per count
    change : (K, K) float64, integer steps
    bits : 2 to 8

    Returns
    -------
    Rounded
        Rounded matrix. The diagonal, self-inhibition in the neuron, is not rounded; for few bits it
        is raised by `self_steps`.
    """
    own = np.diag(recurrent)
    off_diagonal = recurrent - np.diag(own)
    _, exponent = recurrent_grid(off_diagonal * _OCTAVES_PER_NAT, bits, _EXPONENTS, "weight_rec")
    step = 2.0**exponent / _OCTAVES_PER_NAT
    limit = 2 ** (bits - 1) - 1
    wanted = off_diagonal / step + change
    free = np.abs(wanted) <= limit + 0.5
    matrix = np.clip(np.rint(wanted), -limit, limit) * step
    np.fill_diagonal(matrix, own + (np.diag(change) + self_steps(bits)) * step)
    np.fill_diagonal(free, val=True)
    return Rounded(matrix, step, free)


def with_learned_rounding(network: FloatNetwork, change: np.ndarray, bits: int) -> FloatNetwork:
    """Return a network whose recurrent matrix is on the integer grid of training.

    `ipvae.export.rounding.quantize` restores these integers, and raises self-inhibition itself.

    Parameters
    ----------
    network : FloatNetwork
    change : (K, K), learned, integer steps
    bits : width of the weights in training
    """
    runs = fake_quantize(network.gram(), change.astype(np.float64), bits)
    raised = self_steps(bits) * runs.step * np.eye(len(runs.matrix))
    return replace(network, recurrent=runs.matrix - raised)


def self_steps(bits: int, *, compensated: bool = False) -> float:
    """Return the raise of self-inhibition, in steps of the other weights."""
    return SELF_STEPS if bits <= (FEW_BITS_COMPENSATED if compensated else FEW_BITS) else 0.0
