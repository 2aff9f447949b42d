"""Check of the sampler's table, by sums of long integers."""

from collections.abc import Iterator
from math import isqrt

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.network.rules.poisson import thresholds

LOWEST, PER_OCTAVE = -12, 32
"""Row r of the table has the rate 2**(r / 32 - 12)."""
ENTRY_BITS = 24
BITS = 256
"""Fraction bits of all sums."""
TERMS = 100
"""Terms of the exponential series; rates are at most 8, and 8^100 / 100! is below 1e-67."""


def certify_sampler(checks: Checks) -> None:
    """Compare each entry with 2^24 P(count <= n), to the nearest integer."""
    table = thresholds()
    roots = [_root_of_two(k) for k in range(PER_OCTAVE)]
    rows = (divmod(row, PER_OCTAVE) for row in range(len(table)))
    rates = [
        roots[k] >> -(octave + LOWEST) if octave + LOWEST < 0 else roots[k] << (octave + LOWEST)
        for octave, k in rows
    ]
    expected = [
        [entry for entry, _ in zip(_entries(rate), table[0], strict=False)] for rate in rates
    ]
    rule = "2^24 times the Poisson distribution function, rounded"
    checks.equal("sampler: table", rule, table, np.array(expected))


def _root_of_two(k: int) -> int:
    """2^(k / 32): five square roots of 2^k."""
    found = 1 << (k + BITS)
    for _ in range(5):
        found = isqrt(found << BITS)
    return found


def _entries(rate: int) -> Iterator[int]:
    """Entries of one row, without end."""
    term = total = 1 << BITS
    for n in range(1, TERMS):
        term = -(term * rate >> BITS) // n if term > 0 else (-term * rate >> BITS) // n
        total += term
    share = below = total
    count = 0
    while True:
        yield (below + (1 << (BITS - ENTRY_BITS - 1))) >> (BITS - ENTRY_BITS)
        count += 1
        share = (share * rate >> BITS) // count
        below += share
