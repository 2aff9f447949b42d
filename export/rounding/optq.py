"""Error-compensated rounding (OPTQ) on calibration activity."""

from dataclasses import dataclass

import numpy as np

from ipvae.export.rounding.power_of_two_scale import smallest_exponent

DAMPING = 0.1
"""Fraction of the mean variance added to each variance, as regularization for activity that the
calibration images lack. On models/mnist, 256 images at 4 bits and 1000 steps, R2 is .927, .931,
.932, .932 and .932 with .01, .03, .1, .3 and 1."""

FINER = 1.75
"""Maximum ratio of the error of a finer step to the least error. A finer step clips, which weakens
few weights; a coarser step adds noise to all weights, which makes counts diverge. On models/mnist,
at 2 to 8 bits, this selects the best of the measured steps."""

SWEEPS = 4
"""Number of sweeps; on models/mnist they reduce the squared error by 25 % at 6 bits, 20 % at 4
bits."""


SENDERS = 64
"""Presynaptic neurons rounded between two matrix products; the result does not depend on it."""


WHOLE_FLOAT32 = 2**24
"""Largest range of integers that float32 represents exactly."""

LEAST_ROWS = 256
"""Minimum rows for which a product in float32 is faster than one of all rows in float64."""


@dataclass(frozen=True, eq=False)
class CalibrationMoments:
    """Mean and covariance of the counts on calibration images.

    Attributes
    ----------
    mean : (J,) float64
    covariance : (J, J) float64
    """

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> "CalibrationMoments":
        """Return the moments of counts (n, J)."""
        mean = counts.mean(axis=0, dtype=np.float64)
        return cls(mean, _moment(counts) / len(counts) - np.outer(mean, mean))


def _moment(counts: np.ndarray) -> np.ndarray:
    """Sum over rows of products of counts, (J, J) float64.

    Integers are multiplied in float32, in blocks of rows small enough for exact sums.
    """
    largest = max(1.0, float(np.abs(counts).max(initial=0)))
    rows = int(WHOLE_FLOAT32 / largest**2)
    if rows < LEAST_ROWS or (counts != np.rint(counts)).any():
        values = counts.astype(np.float64)
        return values.T @ values
    total = np.zeros((counts.shape[1],) * 2)
    for first in range(0, len(counts), rows):
        part = counts[first : first + rows].astype(np.float32)
        total += part.T @ part
    return total


def compensated(
    values: np.ndarray,
    covariance: np.ndarray,
    bits: int,
    exponents: tuple[int, int],
    where: str,
    *,
    own: bool = False,
    exponent: int | None = None,
) -> tuple[np.ndarray, int]:
    """Round weights to minimize the error of the synaptic input, not of each weight.

    Presynaptic neurons are processed in order, most active first. The following ones compensate the
    input error of each, as far as their activity is correlated. Then each weight in turn moves to
    the best integer given all others, SWEEPS times.

    Parameters
    ----------
    values : (K, J) float64
        Weights, postsynaptic neuron first.
    covariance : (J, J) float64
        Covariance of the presynaptic counts.
    bits : int in 2..8
    exponents : smallest and largest exponent that the file allows
    where : name of the values, for the message
    own : bool
        The first K presynaptic neurons are the K postsynaptic ones. The diagonal, a neuron's effect
        on itself, is stored elsewhere: it is not rounded, takes part in the compensation and stays
        at 0 or above.
    exponent : int, optional
        Scale, instead of the one that is chosen by `FINER`.

    Returns
    -------
    runs : (K, J) float64
        Weights after rounding: integers within +-(2**(bits - 1) - 1) times 2**exponent.
    exponent : int

    Raises
    ------
    QuantizationError
        If the values are too large for the allowed exponents.

    References
    ----------
    OPTQ (GPTQ): arXiv 2210.17323, section 3. Greedy updates after it: QuIP, arXiv 2307.13304.
    """
    if not covariance.any():
        covariance = np.eye(len(covariance))  # without any activity, all inputs count equally
    limit = 2 ** (bits - 1) - 1
    apart = values.copy()
    if own:
        np.fill_diagonal(apart, 0.0)
    widest = smallest_exponent(apart, limit, exponents, where)
    order = np.argsort(-np.diag(covariance), kind="stable")
    damped = covariance[np.ix_(order, order)]
    damped = damped + np.eye(len(order)) * max(DAMPING * float(np.diag(damped).mean()), 1e-12)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    exact = np.ascontiguousarray(values[:, order].T)
    found: list[tuple[float, int, np.ndarray]] = []
    tried = range(widest, exponents[0] - 1, -1) if exponent is None else (exponent,)
    for scale in tried:
        grid = _Grid(2.0**scale, limit, order if own else None)
        rounded = _rounded(exact, factor, grid)
        change = _by_receiver(rounded, order) - values
        error = float(np.sqrt(max(0.0, np.vdot(change @ covariance, change))))
        if found and error > FINER * min(e for e, _, _ in found):
            break
        found.append((error, scale, rounded))
    least = min(e for e, _, _ in found)
    _, exponent, rounded = [f for f in found if f[0] <= FINER * least][-1]
    grid = _Grid(2.0**exponent, limit, order if own else None)
    return _by_receiver(_settled(rounded, exact, damped, grid), order), exponent


@dataclass(frozen=True, eq=False)
class _Grid:
    """Allowed weights: integers within +-limit times the step.

    Attributes
    ----------
    step : float
    limit : int
    own : (J,) int, optional
        For each presynaptic neuron its index, which below K is that of the same postsynaptic
        neuron.
    """

    step: float
    limit: int
    own: np.ndarray | None

    def nearest(self, wanted: np.ndarray, sender: int) -> np.ndarray:
        """Allowed weights (K,) of a presynaptic neuron nearest to the wanted ones."""
        found = np.rint(wanted / self.step)
        np.clip(found, -self.limit, self.limit, out=found)
        found *= self.step
        if self.own is not None and (receiver := self.own[sender]) < len(found):
            found[receiver] = max(wanted[receiver], 0.0)
        return found


def _by_receiver(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Transpose weights (J, K), presynaptic neurons in `order`, to (K, J) in index order."""
    found = np.empty_like(weights)
    found[order] = weights
    return found.T


def _rounded(weights: np.ndarray, factor: np.ndarray, grid: _Grid) -> np.ndarray:
    """Round presynaptic neurons (J, K) one after the other.

    One matrix product compensates the errors of earlier blocks; within a block, compensation is
    neuron by neuron.
    """
    rounded, lost = np.empty_like(weights), np.empty_like(weights)
    for first in range(0, len(weights), SENDERS):
        last = min(first + SENDERS, len(weights))
        left = weights[first:last] - factor[:first, first:last].T @ lost[:first]
        for j in range(first, last):
            exact = left[j - first] - factor[first:j, j] @ lost[first:j]
            rounded[j] = grid.nearest(exact, j)
            lost[j] = (exact - rounded[j]) / factor[j, j]
    return rounded


def _settled(rounded: np.ndarray, exact: np.ndarray, damped: np.ndarray, grid: _Grid) -> np.ndarray:
    """Move weights (J, K) one by one to the integer of least error."""
    rounded = rounded.copy()
    change = rounded - exact
    for _ in range(SWEEPS):
        for first in range(0, len(change), SENDERS):
            last = min(first + SENDERS, len(change))
            felt = damped[first:last] @ change
            moved = np.zeros_like(felt)
            for j in range(first, last):
                so_far = felt[j - first] + damped[j, first:j] @ moved[: j - first]
                column = grid.nearest(rounded[j] - so_far / damped[j, j], j)
                moved[j - first] = column - rounded[j]
                rounded[j], change[j] = column, column - exact[j]
    return rounded
