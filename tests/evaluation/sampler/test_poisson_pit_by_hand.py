"""Places, moments, sums and chi-squares of a few draws, by loops over the law's probabilities."""

import math

import numpy as np
import pytest
from scipy import stats

from ipvae.evaluation.sampler import moment_tests
from ipvae.evaluation.sampler.draw_tests import ALPHA, GROUPS, Outcome, Verdict, judge
from ipvae.evaluation.sampler.poisson_pit import _poisson_tail, place
from ipvae.network.rules.distribution import probabilities

SHAPE = (3, 4, 5)
COUNT_MAX = 31
SEED = 8
OCTAVE = 4096


@pytest.fixture
def log_rate(rng):
    return rng.integers(-6 * OCTAVE, 4 * OCTAVE, SHAPE)


@pytest.fixture
def counts(rng, log_rate):
    return rng.poisson(2.0 ** (log_rate / OCTAVE))


def law_of(log_rate):
    """Probabilities of 0, 1, 2, ... at one log-rate."""
    return probabilities(np.array([log_rate]), COUNT_MAX)[0].tolist()


def moments_of(log_rate):
    law = law_of(log_rate)
    mean = sum(p * z for z, p in enumerate(law))

    def about(power):
        return sum(p * (z - mean) ** power for z, p in enumerate(law))

    variance = about(2)
    squares = [
        sum(p * ((z - mean) ** 2 - variance) ** n for z, p in enumerate(law)) for n in (2, 3)
    ]
    return mean, variance, about(3), *squares


def two_sided(value, variance, third):
    """By the gamma law with the same three moments: k = 4 / skew^2."""
    skew = third / variance**1.5
    y = value / math.sqrt(variance) * math.copysign(1.0, skew)
    gamma = stats.gamma(4 / skew**2)
    x = y * 2 / abs(skew) + 4 / skew**2
    return value / math.sqrt(variance), min(1.0, 2 * min(gamma.cdf(x), gamma.sf(x)))


def test_moments_are_those_of_the_law(log_rate, counts):
    found = place(log_rate, counts, COUNT_MAX, SEED)
    table = found.moments
    parts = (table.mean, table.variance, table.third, table.spread_variance, table.spread_third)
    for at in np.ndindex(*SHAPE):
        wanted = moments_of(int(log_rate[at]))
        values = [part[found.index[at]] for part in parts]
        assert values == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_places_and_tails_are_between_the_laws_sums(log_rate, counts):
    found = place(log_rate, counts, COUNT_MAX, SEED)
    w = np.random.default_rng(SEED).random(counts.size, dtype=np.float32).reshape(SHAPE)
    tails = []
    for at in np.ndindex(*SHAPE):
        law, z = law_of(int(log_rate[at])), int(counts[at])
        below, upto = sum(law[:z]), sum(law[: z + 1])
        v = 256 * (below + float(w[at]) * (upto - below))
        assert found.place[at] in {int(v - 1e-6), min(int(v + 1e-6), 255)}
        tails.append(min(upto, 1 - below))
    assert min(tails) > 2.0**-20  # no cut tail of the table is inspected
    assert found.rarest == pytest.approx(min(tails), rel=1e-6)


def test_a_tail_that_the_table_cuts_is_poissons(log_rate, counts):
    log_rate[0, 0, 0], counts[0, 0, 0] = 0, 10
    found = place(log_rate, counts, COUNT_MAX, SEED).rarest
    assert found == pytest.approx(max(sum(law_of(0)[10:]), stats.poisson.sf(9, 1.0)), rel=1e-6)


def test_total_and_spread_are_sums_in_their_deviations(log_rate, counts):
    placed = place(log_rate, counts, COUNT_MAX, SEED)
    flat = placed.index.reshape(-1)
    away = (counts - placed.moments.mean[placed.index]).reshape(-1)
    sums_of = {"total": [0.0] * 3, "spread": [0.0] * 3}
    for at in np.ndindex(*SHAPE):
        mean, variance, third, square, cube = moments_of(int(log_rate[at]))
        weight = 1 / (1 + 2 * variance)
        z = int(counts[at])
        parts = {
            "total": (z - mean, variance, third),
            "spread": (((z - mean) ** 2 - variance) * weight, square * weight**2, cube * weight**3),
        }
        for name, values in parts.items():
            sums_of[name] = [a + b for a, b in zip(sums_of[name], values, strict=True)]
    for name, function in (("total", moment_tests.total), ("spread", moment_tests.spread)):
        found = function(away, flat, placed.moments)
        assert found == pytest.approx(two_sided(*sums_of[name]), rel=1e-6), name


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_products_are_those_of_neighbours_in_turn(log_rate, counts, axis):
    placed = place(log_rate, counts, COUNT_MAX, SEED)
    away = counts - placed.moments.mean[placed.index]
    value = variance = third = 0.0
    for at in np.ndindex(*SHAPE):
        if at[axis] == 0:
            continue
        before = tuple(n - (i == axis) for i, n in enumerate(at))
        mean, var, _, *_ = moments_of(int(log_rate[before]))
        earlier = (counts[before] - mean) / math.sqrt(1 + var)
        mean, var, cube, *_ = moments_of(int(log_rate[at]))
        scale = 1 / math.sqrt(1 + var)
        value += earlier * (counts[at] - mean) * scale
        variance += earlier**2 * var * scale**2
        third += earlier**3 * cube * scale**3
    found = moment_tests.product(away, placed.index, placed.moments, axis)
    assert found == pytest.approx(two_sided(value, variance, third), rel=1e-6)
    one = np.zeros((1, 1, 1), np.int64)
    assert moment_tests.product(one * 1.0, one, placed.moments, axis) is None


def test_a_sum_without_variance_is_right_or_impossible():
    still = place(np.zeros((1, 1, 1), int), np.zeros((1, 1, 1), int), COUNT_MAX, SEED).moments
    index = np.array([len(still.mean) - 1])  # no draw has that log-rate: all moments are 0
    assert moment_tests.total(np.array([0.0]), index, still) == (0.0, 1.0)
    assert moment_tests.total(np.array([1e-3]), index, still) == (0.0, 0.0)


def test_chi_squares_of_places_and_of_pairs():
    """At one log-rate of rate 1; 640 draws fill 64 bins with ten each, 639 are too few."""
    rng = np.random.default_rng(4)
    for n, there in ((640, True), (639, False)):
        counts = rng.poisson(1.0, (1, n, 1))
        found = judge(np.zeros((1, n, 1), int), counts, COUNT_MAX, SEED)
        tests = {test.name: test for test in found.tests}
        assert ("uniform, all draws" in tests) == there
        assert ("uniform, all draws" in found.left_out) != there
        assert ("total, rate up to 1" in tests) == there
        assert "total, all draws" in tests and "spread, all draws" in tests
        assert "total, rate up to 8" in found.left_out
        assert found.draws == n
    counts = rng.poisson(1.0, (1, 5121, 1))
    at = place(np.zeros((1, 5121, 1), int), counts, COUNT_MAX, SEED).place.reshape(-1)
    found = judge(np.zeros((1, 5121, 1), int), counts, COUNT_MAX, SEED)
    tests = {test.name: test for test in found.tests}
    bins, pairs = [0] * 64, [0] * 256
    for v in at.tolist():
        bins[v // 4] += 1
    for first, second in zip(at[:-1:2].tolist(), at[1::2].tolist(), strict=True):
        pairs[16 * (first // 16) + second // 16] += 1
    for name, cells in (("uniform, all draws", bins), ("pairs along steps", pairs)):
        expected = sum(cells) / len(cells)
        statistic = sum((n - expected) ** 2 / expected for n in cells)
        test = tests[name]
        assert (test.name, test.degrees) == (name, len(cells) - 1)
        assert test.statistic == pytest.approx(statistic)
        assert test.p_value == pytest.approx(stats.chi2.sf(statistic, len(cells) - 1))
    assert {"pairs along images", "product along neurons"} <= set(found.left_out)


def test_pairs_of_2560_are_enough_and_one_less_is_not():
    rng = np.random.default_rng(4)
    for n, there in ((5120, True), (5119, False)):
        counts = rng.poisson(1.0, (1, n, 1))
        found = judge(np.zeros((1, n, 1), int), counts, COUNT_MAX, SEED)
        assert ("pairs along steps" in found.left_out) != there


def test_groups_of_rate_hold_their_ends_and_do_not_overlap():
    assert GROUPS == {
        "rate up to 1/16": (-12 * OCTAVE, -4 * OCTAVE),
        "rate up to 1": (-4 * OCTAVE + 1, 0),
        "rate up to 8": (1, 3 * OCTAVE),
        "rate above 8": (3 * OCTAVE + 1, 8 * OCTAVE),
    }
    rng = np.random.default_rng(6)
    ends = [end for group in GROUPS.values() for end in group]
    log_rate = np.repeat(ends, 640).reshape(1, -1, 1)
    counts = rng.poisson(2.0 ** (log_rate / OCTAVE))
    found = judge(log_rate, counts, 511, SEED)
    for group in GROUPS:
        (test,) = [t for t in found.tests if t.name == f"total, {group}"]
        inside = (log_rate >= GROUPS[group][0]) & (log_rate <= GROUPS[group][1])
        assert inside.sum() == 1280
        placed = place(log_rate, counts, 511, SEED)
        away = counts - placed.moments.mean[placed.index]
        wanted = moment_tests.total(away[inside], placed.index[inside], placed.moments)
        assert (test.statistic, test.p_value) == wanted


def test_the_rarest_draw_is_judged_by_twice_the_number_of_draws(log_rate, counts):
    found = judge(log_rate, counts, COUNT_MAX, SEED)
    (rarest,) = [test for test in found.tests if test.name == "rarest"]
    tail = place(log_rate, counts, COUNT_MAX, SEED).rarest
    assert rarest == Outcome("rarest", tail, None, min(1.0, 2 * counts.size * tail))


def test_a_verdict_fails_below_its_bound_and_not_at_it():
    for p, follows in ((ALPHA / 4, True), (ALPHA / 4 * (1 - 1e-9), False)):
        tests = (*(Outcome(f"t{i}", 0.0, None, 0.5) for i in range(3)), Outcome("x", 1.0, 3, p))
        found = Verdict(10, tests, ("y",))
        assert (found.follows_poisson, found.worst.name) == (follows, "x")
        assert found.bound == ALPHA / 4 == 1e-6 / 4
        content = found.as_dict()
        assert (content["p_value"], content["follows_poisson"]) == (p, follows)
        assert (content["draws"], content["left_out"], len(content["tests"])) == (10, ["y"], 4)


def test_what_does_not_fit_is_refused(log_rate, counts):
    with pytest.raises(ValueError, match="log-rates are .* counts .*give one each"):
        place(log_rate, counts[:1], COUNT_MAX, SEED)
    for low, high in ((-12 * OCTAVE - 1, 0), (0, 8 * OCTAVE + 1)):
        log_rate[0, 0, :2] = low, high
        with pytest.raises(ValueError, match="log-rates outside"):
            place(log_rate, counts, COUNT_MAX, SEED)
    log_rate[:] = 8 * OCTAVE
    log_rate[0, 0, 0] = -12 * OCTAVE
    place(log_rate, counts, COUNT_MAX, SEED)


@pytest.mark.parametrize("octaves", [-2, 0, 1, 4])
def test_poissons_smaller_tail_is_that_of_its_rate(octaves):
    rate = 2.0**octaves
    pmf = [math.exp(-rate) * rate**z / math.factorial(z) for z in range(120)]
    z = np.arange(7)
    found = _poisson_tail(np.full(7, octaves * 4096), z, 6)
    assert found == pytest.approx([min(sum(pmf[: n + 1]), sum(pmf[n:])) for n in z], rel=1e-9)
    assert _poisson_tail(np.array([octaves * 4096]), np.array([7]), 6) == 0
