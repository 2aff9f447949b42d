"""Statistical tests of counts against the sampler's distribution, for another random source.

Given the log-rates, the counts of a good random source are independent, and each follows
the sampler's exact law (`network.distribution`, from the table alone). Bits cannot be
compared, so four kinds of tests check the law:

- *uniform*: a count z is mapped to v = F(z - 1) + w (F(z) - F(z - 1)), with w uniform from
  NumPy's generator with a fixed seed. Under the law v is uniform in [0, 1] for any log-rates,
  and independent of all others. Chi-square in 64 bins, over all draws and in groups of rate.
- *pairs*: chi-square of (v, next v) in 16 x 16 cells, for neighbours along steps, neurons and
  images. Pairs do not overlap, so they are independent.
- *total*, *spread*, *product*: at low rates w dominates v, so three sums do not use it:
  z - mean; ((z - mean)**2 - variance) / (1 + 2 variance), the weight of most power against
  a variance wrong by a factor; and the product of neighbours' (z - mean) / sqrt(1 +
  variance). Their exact mean, variance and third moment are known. The two-sided p-value is
  from the Pearson III distribution with these moments, which is normal for many draws.
- *rarest*: the smallest tail, P(count <= z) or P(count >= z), times twice the number of draws.
  A count that is impossible under both the law and Poisson's has p-value 0. (The table ends
  where Poisson's tail is below 2**-25; exact Poisson draws exceed it, up to 3 in 10**8.)

**Rule.** With n tests made, the draws fail if any p-value is below ALPHA / n. By Bonferroni's
inequality, a source that follows the law fails with probability ALPHA = 1e-6, if the asymptotic
p-values are accurate that far out.

The tests cannot detect dependence between draws that are not neighbours along one axis (such as
a short period), or faults too small for the number of draws (docs/hardware.md).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ipvae.evaluation.gamma import chi_square_above
from ipvae.evaluation.sampler import moment_tests
from ipvae.evaluation.sampler.poisson_pit import BINS, Placed, place
from ipvae.network.rules.arithmetic import FRAC_BITS
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, SPLIT_ABOVE

ALPHA = 1e-6
"""Probability that the tests reject correct draws."""
UNIFORM_BINS, PAIR_BINS = 64, 16
EXPECTED = 10
"""Minimum expected draws or pairs per bin; a test with fewer is omitted."""
SEED = 20261121
GROUPS = {
    "rate up to 1/16": (LOG_RATE_MIN, -4 << FRAC_BITS),
    "rate up to 1": ((-4 << FRAC_BITS) + 1, 0),
    "rate up to 8": (1, SPLIT_ABOVE),
    "rate above 8": (SPLIT_ABOVE + 1, LOG_RATE_MAX),
}
"""First and last log-rate of each group."""
EVERYWHERE = "all draws"
AXES = ("images", "steps", "neurons")


@dataclass(frozen=True)
class Outcome:
    """Result of one test; `degrees` is given only for chi-square statistics."""

    name: str
    statistic: float
    degrees: int | None
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """Results of all tests.

    Attributes
    ----------
    draws : int
    tests : tuple of Outcome
    left_out : tuple of str
        Tests omitted for lack of draws.
    """

    draws: int
    tests: tuple[Outcome, ...]
    left_out: tuple[str, ...]

    @property
    def bound(self) -> float:
        """Threshold: a test with a smaller p-value fails."""
        return ALPHA / len(self.tests)

    @property
    def worst(self) -> Outcome:
        """Test with the smallest p-value."""
        return min(self.tests, key=lambda test: test.p_value)

    @property
    def follows_poisson(self) -> bool:
        """True if no test fails."""
        return self.worst.p_value >= self.bound

    def as_dict(self) -> dict:
        """JSON data; `p_value` is the smallest."""
        return {
            "follows_poisson": self.follows_poisson,
            "p_value": self.worst.p_value,
            "bound": self.bound,
            "draws": self.draws,
            "tests": [asdict(test) for test in self.tests],
            "left_out": list(self.left_out),
        }


def judge(log_rate: np.ndarray, counts: np.ndarray, count_max: int, seed: int = SEED) -> Verdict:
    """Test whether counts follow the sampler's distribution at their log-rates.

    Parameters
    ----------
    log_rate, counts : (N, T + 1, K) int
        Log-rates in Q11.12 octaves, in the sampler's range; a count outside the law fails.
    count_max : int
        Limit of a count: 2**payload_bits - 1.
    seed : int
        Seed of the uniforms w.

    Raises
    ------
    ValueError
        If the shapes differ, there are no draws, or a log-rate is outside the sampler's range.
    """
    if counts.ndim != 3 or counts.size == 0:
        raise ValueError(f"counts: found {counts.shape}, allowed (images, steps + 1, neurons)")
    counts = np.asarray(counts, dtype=np.int64)
    placed = place(log_rate, counts, count_max, seed)
    tests = dict(_tests(log_rate, counts, placed))
    made = tuple(test for test in tests.values() if test is not None)
    left_out = tuple(name for name, test in tests.items() if test is None)
    return Verdict(counts.size, made, left_out)


def _tests(
    log_rate: np.ndarray, counts: np.ndarray, placed: Placed
) -> Iterator[tuple[str, Outcome | None]]:
    """Results of all tests by name; no result for a test with too few draws."""
    index, moments = placed.index, placed.moments
    away = counts - moments.mean[index]
    yield (
        "rarest",
        Outcome("rarest", placed.rarest, None, min(1.0, 2 * counts.size * placed.rarest)),
    )
    everywhere = np.ones(counts.shape, dtype=bool)
    yield from _of_group(EVERYWHERE, everywhere, away, placed)
    for group, (low, high) in GROUPS.items():
        yield from _of_group(group, (log_rate >= low) & (log_rate <= high), away, placed)
    for axis, name in enumerate(AXES):
        pairs = f"pairs along {name}"
        yield pairs, _chi_square(pairs, _pairs(placed.place, axis), PAIR_BINS**2)
        products = f"product along {name}"
        yield products, _sum(products, moment_tests.product(away, index, moments, axis))


def _of_group(
    group: str, chosen: np.ndarray, away: np.ndarray, placed: Placed
) -> Iterator[tuple[str, Outcome | None]]:
    """Results of the tests on the draws of one group."""
    name = f"uniform, {group}"
    bins = placed.place[chosen] // (BINS // UNIFORM_BINS)
    yield name, _chi_square(name, bins, UNIFORM_BINS)
    for kind, of in (("total", moment_tests.total), ("spread", moment_tests.spread)):
        name = f"{kind}, {group}"
        enough = group == EVERYWHERE or bins.size >= EXPECTED * UNIFORM_BINS
        found = of(away[chosen], placed.index[chosen], placed.moments) if enough else None
        yield name, _sum(name, found)


def _pairs(place_of: np.ndarray, axis: int) -> np.ndarray:
    """Cells of the non-overlapping pairs (0, 1), (2, 3), ... along an axis, as a flat array."""
    coarse = np.moveaxis(place_of, axis, 0) // (BINS // PAIR_BINS)
    n_pairs = len(coarse) // 2
    first, second = coarse[: 2 * n_pairs : 2], coarse[1 : 2 * n_pairs : 2]
    return PAIR_BINS * first.astype(np.int64).reshape(-1) + second.reshape(-1)


def _chi_square(name: str, cells: np.ndarray, n_cells: int) -> Outcome | None:
    """Chi-square test of equally likely cells."""
    if cells.size < EXPECTED * n_cells:
        return None
    expected = cells.size / n_cells
    statistic = float(((np.bincount(cells, minlength=n_cells) - expected) ** 2).sum() / expected)
    return Outcome(name, statistic, n_cells - 1, chi_square_above(statistic, n_cells - 1))


def _sum(name: str, found: tuple[float, float] | None) -> Outcome | None:
    return None if found is None else Outcome(name, found[0], None, found[1])
