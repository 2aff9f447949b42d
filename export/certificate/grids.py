"""Integer grids, derived again: nearest integers, and error-compensated rounding."""

import math
from dataclasses import dataclass

import numpy as np

WEIGHT_EXPONENTS = (-8, 14)
DRIVE_EXPONENTS = (-24, 14)
DRIVE_LIMIT = 2**15 - 1
CANDIDATES = 3
"""Scales that are compared: the smallest without clipping, and the two below it."""
ROUNDING_WEIGHT = 5.0
DAMPING, FINER, SWEEPS = 0.1, 1.75, 4
"""docs/certificate.md, "Compensated weights"."""
TIE = 1e-7
"""Distance from half a step, in steps, below which another order of sums may round otherwise."""


def limit_of(bits: int) -> int:
    """Largest weight of `bits` bits: the range is symmetric."""
    return 2 ** (bits - 1) - 1


def unclipped_exponent(values: np.ndarray, limit: int, lowest: int) -> int:
    """Exponent of the smallest power-of-two scale at which no value is clipped."""
    largest = float(np.abs(values).max(initial=0.0))
    return lowest if largest == 0 else max(lowest, math.ceil(math.log2(largest / limit)))


def nearest_grid(
    values: np.ndarray, limit: int, exponents: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Return values in units of the scale of least squared error, and its exponent.

    The values are clipped to the limit, but not rounded.
    """
    widest = unclipped_exponent(values, limit, exponents[0])
    best = None
    for exponent in range(widest, max(widest - CANDIDATES, exponents[0] - 1), -1):
        scaled = np.clip(values * 2.0**-exponent, -limit, limit)
        error = float(np.sum((np.rint(scaled) * 2.0**exponent - values) ** 2))
        if best is None or error < best[0]:
            best = error, scaled, exponent
    assert best is not None
    return best[1], best[2]


def weighted_exponent(values: np.ndarray, limit: int, lowest: int) -> int:
    """Exponent of the scale at which clipping and five times the rounding error weigh least.

    From the smallest scale without clipping downward, while the weighted squared error falls.
    """

    def weighted(exponent: int) -> float:
        scaled = values * 2.0**-exponent
        errors = np.square(scaled - np.clip(np.rint(scaled), -limit, limit))
        clipped = errors > 0.25
        error = ROUNDING_WEIGHT * errors[~clipped].sum() + errors[clipped].sum()
        return float(error) * 4.0**exponent

    exponent = unclipped_exponent(values, limit, lowest)
    while exponent > lowest and weighted(exponent - 1) < weighted(exponent):
        exponent -= 1
    return exponent


@dataclass(frozen=True, eq=False)
class Compensated:
    """Weights of the second derivation.

    Attributes
    ----------
    integers : (K, J) int64
        With `own` the diagonal is 0.
    own : (K,) float64
        Effect of a neuron on itself, real; zeros without `own`.
    exponent : int
    ties : (K,) bool
        Receivers with a rounding so close to a tie that its direction is arbitrary.
    """

    integers: np.ndarray
    own: np.ndarray
    exponent: int
    ties: np.ndarray

    @property
    def effect(self) -> np.ndarray:
        """Effect of one count, (K, J) float64: integers at their scale, and the diagonal."""
        found = self.integers * 2.0**self.exponent
        return found + np.diag(self.own) if self.own.any() else found


def squared_errors(change: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each receiver's input: (K,).

    Parameters
    ----------
    change : (K, J), weights after rounding minus weights before
    moments : (J, J), covariance of the senders' counts
    """
    return np.sum((change @ moments) * change, axis=1)


def damped_moments(covariance: np.ndarray) -> np.ndarray:
    """Covariance with a tenth of the mean variance added to each variance."""
    if not covariance.any():
        covariance = np.eye(len(covariance))
    more = max(DAMPING * float(np.mean(np.diag(covariance))), 1e-12)
    return covariance + more * np.eye(len(covariance))


def compensated_again(
    values: np.ndarray,
    covariance: np.ndarray,
    bits: int,
    exponents: tuple[int, int],
    *,
    own: bool,
) -> Compensated:
    """Derive error-compensated weights from D = U U^T, U upper triangular, without an inverse.

    The squared error of a receiver with the changes c is |U^T c|^2. Sender by sender, the most
    variable first, c_j = -sum_{i<j} U_ij c_i / U_jj makes the j-th term 0 before rounding.
    Then each weight in turn takes the integer of least error, SWEEPS times.

    Parameters
    ----------
    values : (K, J) float64
    covariance : (J, J) float64
    bits : int
    exponents : smallest and largest exponent
    own : bool
        The diagonal stays real, and is at least 0.
    """
    if not covariance.any():
        covariance = np.eye(len(covariance))
    limit = limit_of(bits)
    apart = values.copy()
    if own:
        np.fill_diagonal(apart, 0.0)
    order = np.argsort(-np.diag(covariance), kind="stable")
    wanted = values[:, order].T
    receivers = order if own else None
    damped = damped_moments(covariance)[np.ix_(order, order)]
    upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    tried = []
    exponent = unclipped_exponent(apart, limit, exponents[0])
    while exponent >= exponents[0]:
        rows = _Rows(wanted, 2.0**exponent, limit, receivers)
        rows.first_pass(upper)
        change = rows.change[np.argsort(order)].T
        error = math.sqrt(max(0.0, float(squared_errors(change, covariance).sum())))
        if tried and error > FINER * min(e for e, _, _ in tried):
            break
        tried.append((error, exponent, rows))
        exponent -= 1
    least = min(e for e, _, _ in tried)
    _, exponent, rows = [t for t in tried if t[0] <= FINER * least][-1]
    for _ in range(SWEEPS):
        rows.sweep(damped)
    weights = rows.weights[np.argsort(order)].T
    diagonal = np.diag(weights).copy() if own else np.zeros(len(weights))
    if own:
        np.fill_diagonal(weights, 0.0)
    return Compensated(
        np.rint(weights * 2.0**-exponent).astype(np.int64), diagonal, exponent, rows.closest < TIE
    )


class _Rows:
    """Weights (J, K) of all receivers, sender first, while they are rounded.

    Attributes
    ----------
    change : (J, K), weights minus wanted weights
    closest : (K,), smallest distance of a rounding from a tie, in steps
    """

    def __init__(
        self, wanted: np.ndarray, step: float, limit: int, receivers: np.ndarray | None
    ) -> None:
        self._wanted, self._step, self._limit = wanted, step, limit
        self._receivers = receivers
        self.change = np.zeros_like(wanted)
        self.closest = np.full(wanted.shape[1], 0.5)

    @property
    def weights(self) -> np.ndarray:
        """Weights (J, K)."""
        return self._wanted + self.change

    def first_pass(self, upper: np.ndarray) -> None:
        """Round each sender so that it compensates the changes of those before it."""
        for j in range(len(self._wanted)):
            felt = upper[:j, j] @ self.change[:j]
            self._round(j, self._wanted[j] - felt / upper[j, j])

    def sweep(self, moments: np.ndarray) -> None:
        """Round each sender again, to the least error given all others."""
        for j in range(len(self._wanted)):
            gradient = moments[j] @ self.change
            self._round(j, self._wanted[j] + self.change[j] - gradient / moments[j, j])

    def _round(self, j: int, best: np.ndarray) -> None:
        scaled = best / self._step
        found = np.clip(np.rint(scaled), -self._limit, self._limit)
        inside = np.abs(scaled) < self._limit + 0.5
        distance = np.where(inside, np.abs(np.abs(scaled - np.floor(scaled)) - 0.5), 0.5)
        weights = found * self._step
        if self._receivers is not None:
            k = self._receivers[j]
            weights[k], distance[k] = max(best[k], 0.0), 0.5
        np.minimum(self.closest, distance, out=self.closest)
        self.change[j] = weights - self._wanted[j]
