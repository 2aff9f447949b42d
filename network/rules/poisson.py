"""Integer Poisson draws by thresholds interpolated between tabulated log-rates.

Table row r contains the cumulative distribution for the rate 2**(r / 32 - 12), in units of
2**-24. Between rows it is interpolated linearly with seven bits. A rate above 8 is drawn as 2**j
independent draws at a rate 2**j times smaller, each with its own uniform. Specified in
docs/spec/counts.md.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache

import numpy as np

from ipvae.network.rules.arithmetic import FRAC_BITS

NAME = "poisson-thresholds-32/1"
LOG_RATE_MIN = -12 << FRAC_BITS
"""Lowest log-rate of the table: 2**-12."""
SPLIT_ABOVE = 3 << FRAC_BITS
"""Highest log-rate drawn with one uniform: rate 8."""
LOG_RATE_MAX = 8 << FRAC_BITS
"""Highest log-rate that can be drawn: rate 256, 32 sub-draws."""

UNIFORM_VALUES = 1 << 24
"""A uniform is in [0, UNIFORM_VALUES); thresholds are in this unit."""

_ROW_BITS = 7


@lru_cache(maxsize=1)
def thresholds() -> np.ndarray:
    """Cumulative Poisson probabilities, 481 rows of log-rate by count.

    Computed with 50 decimal digits and rounded half to even, so that every machine produces the
    same table.

    Returns
    -------
    (481, N) int32, read-only
        Entry [r, n] = round(2**24 * P(Poisson(2**(r/32 - 12)) <= n)), increasing along n. The last
        column is the last one with an entry below 2**24.
    """
    n_rows = ((SPLIT_ABOVE - LOG_RATE_MIN) >> _ROW_BITS) + 1
    with localcontext() as context:
        context.prec = 50
        context.rounding = ROUND_HALF_EVEN
        two = Decimal(2)
        rows = [_cumulative(two ** (Decimal(r) / 32 - 12)) for r in range(n_rows)]
    width = max(len(row) for row in rows)
    table = np.full((n_rows, width), UNIFORM_VALUES, dtype=np.int32)
    for r, row in enumerate(rows):
        table[r, : len(row)] = row
    table.setflags(write=False)
    return table


def _cumulative(rate: Decimal) -> list[int]:
    """Entries of one row, up to the last that rounds below 2**24."""
    term = (-rate).exp()
    total, row, count = term, [], 0
    while (entry := int((total * UNIFORM_VALUES).to_integral_value())) < UNIFORM_VALUES:
        row.append(entry)
        count += 1
        term = term * rate / count
        total += term
    return row


def interpolated_thresholds(log_rate: np.ndarray) -> np.ndarray:
    """Thresholds of a single draw at log-rates up to SPLIT_ABOVE: (n, N) int32.

    The products stay within 31 bits: 24 bits times 7.
    """
    position = np.asarray(log_rate, dtype=np.int32) - np.int32(LOG_RATE_MIN)
    row, fraction = position >> _ROW_BITS, position & np.int32((1 << _ROW_BITS) - 1)
    low = thresholds().take(row, axis=0)
    above = thresholds().take(row + 1, axis=0, mode="clip")  # fraction is 0 on the last row
    return low + (((above - low) * fraction[:, None]) >> _ROW_BITS)


def octaves_above(log_rate: np.ndarray) -> np.ndarray:
    """Number of halvings j that reduce a log-rate to at most SPLIT_ABOVE; int64."""
    excess = np.asarray(log_rate, dtype=np.int64) - SPLIT_ABOVE
    return np.maximum((excess + (1 << FRAC_BITS) - 1) >> FRAC_BITS, 0)


def random_words(log_rate: np.ndarray) -> np.ndarray:
    """Number of 24-bit uniforms for a draw: 1 up to rate 8, 2 up to 16, ... 32 up to 256.

    Parameters
    ----------
    log_rate : int array, Q11.12 octaves in [LOG_RATE_MIN, LOG_RATE_MAX]

    Returns
    -------
    int64 array of the shape of `log_rate`
    """
    return np.int64(1) << octaves_above(log_rate)


def largest_draw() -> int:
    """Largest count that can be drawn at LOG_RATE_MAX."""
    return thresholds().shape[1] << int(octaves_above(np.array(LOG_RATE_MAX)))


def draw(
    log_rate: np.ndarray, uniform: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Draw counts at the given log-rates.

    Parameters
    ----------
    log_rate : int array, Q11.12 octaves in [LOG_RATE_MIN, LOG_RATE_MAX]
    uniform : callable (index, sub_draw) -> (n,) uint32
        Uniforms of 24 bits for the neurons at flat index (n,) and their sub-draws (n,).

    Returns
    -------
    int64 array of the shape of `log_rate`
    """
    flat = np.asarray(log_rate, dtype=np.int64).reshape(-1)
    base = flat - (octaves_above(flat) << FRAC_BITS)
    draws = random_words(flat)
    last = draws.cumsum()
    first = last - draws
    index = np.arange(flat.size).repeat(draws)
    sub_draw = np.arange(last[-1]) - first[index]
    counts = _count(base[index], uniform(index, sub_draw))
    return np.add.reduceat(counts, first).reshape(np.shape(log_rate))


def _count(log_rate: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Counts of single draws: number of thresholds that the uniform reaches."""
    table = thresholds()
    counts = np.zeros(log_rate.shape, dtype=np.int64)
    # A threshold is at least its value one row up: one comparison is enough for most neurons.
    row = (log_rate - LOG_RATE_MIN) >> _ROW_BITS
    floor = table[:, 0].take(row + 1, mode="clip")
    active = (uniform >= floor).nonzero()[0]
    reached = uniform[active].astype(np.int32)[:, None] >= interpolated_thresholds(log_rate[active])
    counts[active] = reached.sum(axis=1)
    return counts
