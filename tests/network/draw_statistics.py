"""Statistics of a stream of 24-bit words in one pass, and the one rule that judges them.

The rule: the p-values of one stream (or of one table of counts) are judged together. Each
is two-sided, so that too even is as bad as too uneven; one below ALPHA / (how many there
are) fails. Seeds are fixed: an outcome is the same on every machine.
"""

import numba
import numpy as np
from scipy import stats

ALPHA = 1e-3
LAGS = np.array([1, 2, 3, 7, 32, 64, 512, 1024])
CELLS = 4096
ROW, EQUAL_LAGS = 1024, 256

# Equidistribution of 12 bits, and of pairs and triples of neighbours with 6 and 4 bits each.
CHI_SQUARES = (
    "high bits",
    "middle bits",
    "low bits",
    "pairs, high bits",
    "pairs, low bits",
    "triples, high bits",
    "triples, low bits",
)


def failures(p_values: dict[str, float]) -> dict[str, float]:
    """The p-values that break the rule."""
    return {name: p for name, p in p_values.items() if not p >= ALPHA / len(p_values)}


def two_sided(below: float, above: float) -> float:
    """p-value of a statistic from its two tails."""
    return min(1.0, 2.0 * min(below, above))


def chi_square_p(observed: np.ndarray, expected: np.ndarray | float, lost: int = 1) -> float:
    """p-value of Pearson's chi-square with as many degrees as cells, less `lost`."""
    statistic = ((observed - expected) ** 2 / expected).sum()
    law = stats.chi2(observed.size - lost)
    return two_sided(law.cdf(statistic), law.sf(statistic))


def normal_p(z: float) -> float:
    """p-value of a standard normal deviate."""
    return float(2.0 * stats.norm.sf(abs(z)))


@numba.njit
def _add(words, lags, cells, products, differences):
    """Add a block to the counts."""
    n = words.size
    for i in range(n):
        w = words[i]
        cells[0, w >> 12] += 1
        cells[1, (w >> 6) & 4095] += 1
        cells[2, w & 4095] += 1
    for i in range(0, n - 1, 2):
        a, b = words[i], words[i + 1]
        cells[3, (a >> 18) << 6 | b >> 18] += 1
        cells[4, (a & 63) << 6 | b & 63] += 1
    for i in range(0, n - 2, 3):
        a, b, c = words[i], words[i + 1], words[i + 2]
        cells[5, (a >> 20) << 8 | (b >> 20) << 4 | c >> 20] += 1
        cells[6, (a & 15) << 8 | (b & 15) << 4 | c & 15] += 1
    for j in range(lags.size):
        lag = lags[j]
        total_high, total_low = 0.0, 0.0
        for i in range(n - lag):
            a, b = np.int64(words[i]), np.int64(words[i + lag])
            total_high += (a - 8388607.5) * (b - 8388607.5)
            total_low += ((a & 4095) - 2047.5) * ((b & 4095) - 2047.5)
            difference = (a - b) & 0xFFFFFF
            differences[j, difference >> 16] += 1
        products[j, 0] += total_high
        products[j, 1] += total_low


class Statistics:
    """Counts over the blocks of a stream, then p-values by name.

    At a lag: the correlation of words and of their low 12 bits, over the standard error under
    independence; the high byte of the difference, uniform and independent from pair to pair.
    """

    def __init__(self) -> None:
        self.n_draws = 0
        self._cells = np.zeros((len(CHI_SQUARES), CELLS), dtype=np.int64)
        self._products = np.zeros((LAGS.size, 2))
        self._differences = np.zeros((LAGS.size, 256), dtype=np.int64)

    def add(self, words: np.ndarray) -> None:
        """Count one block of uint32 words; no pair reaches across blocks."""
        counts = self._cells, self._products, self._differences
        _add(np.ascontiguousarray(words), LAGS, *counts)
        self.n_draws += words.size

    def p_values(self) -> dict[str, float]:
        """p-values by name."""
        found = {
            name: chi_square_p(cells, cells.sum() / CELLS)
            for name, cells in zip(CHI_SQUARES, self._cells, strict=True)
        }
        pairs = self._differences.sum(axis=1)
        variance = np.array([(2.0**48 - 1) / 12, (2.0**24 - 1) / 12])
        z = self._products / (variance * np.sqrt(pairs)[:, None])
        for j, lag in enumerate(LAGS):
            found[f"lag {lag}, correlation"] = normal_p(z[j, 0])
            found[f"lag {lag}, correlation of low bits"] = normal_p(z[j, 1])
            found[f"lag {lag}, differences"] = chi_square_p(self._differences[j], pairs[j] / 256)
        return found


def statistics(blocks, n_draws: int) -> Statistics:
    """Statistics of the first `n_draws` words of a stream of blocks."""
    found = Statistics()
    for block in blocks:
        found.add(block)
        if found.n_draws >= n_draws:
            break
    return found


@numba.njit
def _add_equal(words, found):
    """Add the equal pairs of rows of ROW words, by lag."""
    for first in range(0, words.size - ROW + 1, ROW):
        row = words[first : first + ROW]
        for lag in range(1, EQUAL_LAGS + 1):
            early, late = row[: ROW - lag], row[lag:]
            n = np.uint32(0)  # a narrow sum of slices: seven times faster
            for i in range(early.size):
                n += np.uint32(early[i] == late[i])
            found[lag - 1] += n


def equal_words(blocks, n_draws: int) -> dict[str, float]:
    """p-values of the pairs equal in all 24 bits, 2**-24 of all pairs, at lags of 1 to 256.

    Of a stream of 2**30 words 48 to 64 pairs are equal at each lag.
    """
    found, rows = np.zeros(EQUAL_LAGS, dtype=np.int64), 0
    for block in blocks:
        _add_equal(np.ascontiguousarray(block), found)
        rows += block.size // ROW
        if rows * ROW >= n_draws:
            break
    mean = rows * (ROW - np.arange(1, EQUAL_LAGS + 1)) / 2**24
    total = stats.poisson(mean.sum())
    return {
        "equal words": two_sided(float(total.cdf(found.sum())), float(total.sf(found.sum() - 1))),
        "equal words by lag": chi_square_p(found, mean, lost=0),
    }
