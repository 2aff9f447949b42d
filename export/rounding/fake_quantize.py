"""The recurrent matrix as the chip will have it, in real units, for training to run on."""

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
"""Any: what the file allows is for export to check."""

FEW_BITS, FEW_BITS_COMPENSATED, SELF_STEPS = 4, 3, 2.0
"""Up to so many bits, self-inhibition is raised by so many integer steps of the other weights.

Rounding leaves combinations of neurons that excite themselves, and counts can run away after
hundreds of steps. Measured on models/mnist alone. Each weight at its nearest integer, 4 bits, 150
images: they did with nothing; with 1, 2 and 4 steps R2 at step 1000 was .016, .013 and .014 below
that of exact weights; at 5 bits and more they did not. Learned rounding can take the raise back.
Compensated (`ipvae.export.rounding.optq`), 3 bits, 256 images: R2 at step 1000 was -.84, .87 and
.90 with 0, 1 and 2 steps; at 4 bits and more it needs none.
"""


class Rounded(NamedTuple):
    """A recurrent matrix as it will run.

    Attributes
    ----------
    matrix : (K, K) float64, nats per count
    step : what an integer stands for, nats per count
    free : (K, K) bool, entries that are not clipped
    """

    matrix: np.ndarray
    step: float
    free: np.ndarray


def rounding_to(weight_bits: int) -> Callable[[np.ndarray, np.ndarray], Rounded] | None:
    """Return the function that `ipvae.train.run.fit.fit` takes, None for 0 bits."""
    return functools.partial(fake_quantize, bits=weight_bits) if weight_bits else None


def fake_quantize(recurrent: np.ndarray, change: np.ndarray, bits: int) -> Rounded:
    """Round a recurrent matrix to integers, with a change that was learned, and back.

    The integers are round(G / step + change) within +-(2**(bits - 1) - 1); the step is the one
    that suits G alone (`ipvae.export.rounding.power_of_two_scale`), so no change moves it.

    Parameters
    ----------
    recurrent : (K, K) float64, G in nats per count
    change : (K, K) float64, integer steps
    bits : 2 to 8

    Returns
    -------
    Rounded
        Its diagonal, which the neuron keeps, is not rounded, and for few bits raised by
        `self_steps`.
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
    """Return a network whose recurrent matrix is on the grid that training chose.

    `ipvae.export.rounding.quantize` finds these integers again, and raises self-inhibition itself.

    Parameters
    ----------
    network : FloatNetwork
    change : (K, K), learned, integer steps
    bits : those it was trained for
    """
    runs = fake_quantize(network.gram(), change.astype(np.float64), bits)
    raised = self_steps(bits) * runs.step * np.eye(len(runs.matrix))
    return replace(network, recurrent=runs.matrix - raised)


def self_steps(bits: int, *, compensated: bool = False) -> float:
    """Return by how many steps of the other weights self-inhibition is raised."""
    return SELF_STEPS if bits <= (FEW_BITS_COMPENSATED if compensated else FEW_BITS) else 0.0
