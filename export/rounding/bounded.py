"""Rounding to few bits with which no combination of neurons that a search finds excites itself.

With mean rates r >= 0 the log-rates follow log r' = log r + b - G r. Rates can grow without a bound
along a direction v >= 0 with v^T G v < 0. Without such a direction (G is copositive) they cannot.
Before rounding, G = a Phi^T D Phi has none. Finding the least v^T G v is hard in general; here it
is found by projected descent from many starts, which gives the direction as well.
"""

from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.rounding.optq import compensated
from ipvae.export.rounding.power_of_two_scale import smallest_exponent
from ipvae.network.layers import WEIGHT_EXP_RANGE

STARTS, ITERATIONS = 64, 300
"""Starts and iterations of the descent; four times as many changed nothing on models/mnist."""
ROUNDS = 10
"""Most directions whose inhibition rounding keeps."""
STRENGTH = 1000.0
"""Weight of a direction in the covariance, in units of the mean variance."""
MOST_RAISE = 0.5
"""Largest raise of self-inhibition, in units of its mean."""
CLOSE = 3.0
"""Largest ratio of squared errors for which a scale with a smaller raise is preferred."""
CANDIDATES, RISES = 3, 3
"""Scales of least error that are compared; the search ends after this number of rises."""


class SelfExcitationError(QuantizationError):
    """Too few bits to keep neurons from exciting one another."""


@dataclass(frozen=True, eq=False)
class Bounded:
    """Rounded inhibition.

    Attributes
    ----------
    runs : (K, K) float64, receiver first; the diagonal is raised and not on the grid
    exponent : int
    raised : largest raise of self-inhibition, in units of its mean
    """

    runs: np.ndarray
    exponent: int
    raised: float


def round_bounded(gram: np.ndarray, covariance: np.ndarray, bits: int) -> Bounded:
    """Round the inhibition to few bits, so that no combination that is found excites itself.

    Directions that would are added to the covariance, which makes rounding keep their inhibition.
    What is left of them is removed by a raise of all self-inhibition. Of the scales whose error is
    close to the least, the one with the smallest raise is taken.

    Parameters
    ----------
    gram : (K, K) float64, inhibition by one count, receiver first
    covariance : (K, K) float64
    bits : int in 2..8

    Raises
    ------
    SelfExcitationError
        If self-inhibition would be raised by more than MOST_RAISE; the message has the least number
        of bits for which it is not.
    """
    found = _rounded(gram, covariance, bits)
    if found.raised <= MOST_RAISE:
        return found
    enough = next(
        (b for b in range(bits + 1, 9) if _rounded(gram, covariance, b).raised <= MOST_RAISE), None
    )
    remedy = "train the model longer" if enough is None else f"use weight_bits={enough}"
    raise SelfExcitationError(
        f"weight_bits: found {bits}, with which neurons excite one another: self-inhibition would "
        f"have to rise by {found.raised:.0%}, allowed {MOST_RAISE:.0%}; {remedy}"
    )


def weakest_direction(inhibition: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the least v^T G v of directions v >= 0 of length 1 that was found, and v.

    Parameters
    ----------
    inhibition : (K, K) float64
    """
    symmetric = (inhibition + inhibition.T) / 2
    values, vectors = np.linalg.eigh(symmetric)
    size, low = len(values), vectors[:, : STARTS // 4]
    bits = np.random.PCG64(0).random_raw(size * STARTS // 2)  # the same in all versions of NumPy
    v = np.hstack([low, -low, (bits / 2.0**64).reshape(size, -1)])
    rate = 1.0 / max(float(np.abs(values).max()), 1e-300)
    for _ in range(ITERATIONS):
        v = np.maximum(v - rate * (symmetric @ v), 0.0)
        v /= np.maximum(np.linalg.norm(v, axis=0), 1e-300)
    gains = np.einsum("ij,ij->j", v, symmetric @ v)
    gains[~v.any(axis=0)] = np.inf
    least = int(gains.argmin())
    return float(gains[least]), v[:, least]


def _rounded(gram: np.ndarray, covariance: np.ndarray, bits: int) -> Bounded:
    tried = [_kept(gram, covariance, bits, e) for e in _scales(gram, covariance, bits)]
    errors = [_error(found.runs - gram, covariance) for found in tried]
    close = [i for i, error in enumerate(errors) if error <= CLOSE * min(errors)]
    return tried[min(close, key=lambda i: (tried[i].raised, errors[i]))]


def _scales(gram: np.ndarray, covariance: np.ndarray, bits: int) -> list[int]:
    """Exponents of least error, from the one without clipping downwards."""
    apart = gram - np.diag(np.diag(gram))
    widest = smallest_exponent(apart, 2 ** (bits - 1) - 1, WEIGHT_EXP_RANGE, "weight_rec")
    found: list[tuple[float, int]] = []
    for exponent in range(widest, WEIGHT_EXP_RANGE[0] - 1, -1):
        change = _compensated(gram, covariance, bits, exponent) - gram
        found.append((_error(change, covariance), exponent))
        since = len(found) - 1 - min(range(len(found)), key=lambda i: found[i])
        if since >= RISES:
            break
    return [exponent for _, exponent in sorted(found)[:CANDIDATES]]


def _kept(gram: np.ndarray, covariance: np.ndarray, bits: int, exponent: int) -> Bounded:
    """Round with one direction after another added, and raise self-inhibition by the rest."""
    own = float(np.diag(gram).mean())
    weight = STRENGTH * float(np.diag(covariance).mean())
    widened, best, least = covariance, gram, -np.inf
    for _ in range(ROUNDS):
        runs = _compensated(gram, widened, bits, exponent)
        gain, direction = weakest_direction(runs)
        if gain > least:
            best, least = runs, gain
        if gain >= 0:
            break
        widened = widened + weight * np.outer(direction, direction)
    rise = max(0.0, -least)
    return Bounded(best + rise * np.eye(len(gram)), exponent, rise / own if own else 0.0)


def _compensated(gram: np.ndarray, covariance: np.ndarray, bits: int, exponent: int) -> np.ndarray:
    where = "weight_rec"
    runs, _ = compensated(
        gram, covariance, bits, WEIGHT_EXP_RANGE, where, own=True, exponent=exponent
    )
    return runs


def _error(change: np.ndarray, covariance: np.ndarray) -> float:
    """Squared error of the synaptic input, summed over receivers."""
    return float(np.vdot(change @ covariance, change))
