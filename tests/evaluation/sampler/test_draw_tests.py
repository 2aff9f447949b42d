"""Which draws the distribution test accepts, and which faults it finds."""

import numpy as np
import pytest
from scipy import stats

from ipvae.emulator import recording
from ipvae.evaluation.sampler.draw_tests import ALPHA, judge
from ipvae.evaluation.sampler.poisson_pit import place
from ipvae.network.rules.distribution import probabilities

SHAPE = (16, 129, 64)  # 132096 draws, of mean rate 0.9


@pytest.fixture(scope="module")
def log_rate():
    """Log-rates like a trained network's: most rates below 1, some above 8."""
    rng = np.random.default_rng(1)
    octaves = rng.normal(-1, 1.5, (SHAPE[0], 1, SHAPE[2])) + rng.normal(0, 0.5, SHAPE)
    return np.clip(np.round(octaves * 4096), -49152, 32768).astype(np.int32)


def rates(log_rate):
    return 2.0 ** (log_rate / 4096)


def by_inversion(uniform, log_rate):
    """Poisson counts of given uniforms, broadcast over the draws."""
    return stats.poisson.ppf(np.broadcast_to(uniform, log_rate.shape), rates(log_rate)).astype(int)


def test_another_good_generator_passes(log_rate, rng):
    found = judge(log_rate, rng.poisson(rates(log_rate)), 255)
    assert found.follows_poisson
    assert found.draws == log_rate.size
    assert found.bound == ALPHA / len(found.tests)
    assert len(found.tests) + len(found.left_out) == 22


def test_a_million_draws_of_another_good_generator_pass(log_rate, rng):
    many = np.tile(log_rate, (8, 1, 1))
    assert judge(many, rng.poisson(rates(many)), 255).follows_poisson


def test_our_own_sampler_passes_in_a_running_network(make_network):
    network = make_network(k=32, n_images=8)
    trace = recording.run(network, network.test_images, 100, 4)
    found = judge(trace.stacked("1", "u"), trace.stacked("1", "z"), network.layer.count_max)
    assert found.follows_poisson
    assert found.worst.p_value > 1e-5


def test_a_limit_of_counts_belongs_to_the_law(log_rate, rng):
    limited = np.minimum(rng.poisson(rates(log_rate)), 3)
    assert judge(log_rate, limited, 3).follows_poisson
    assert not judge(log_rate, limited, 255).follows_poisson


def two_percent(log_rate, rng):
    return rng.poisson(1.02 * rates(log_rate))


def bernoulli(log_rate, rng):
    return (rng.random(log_rate.shape) < np.minimum(rates(log_rate), 1)).astype(int)


def capped_at_1(log_rate, rng):
    return np.minimum(rng.poisson(rates(log_rate)), 1)


def shared_by_neurons(log_rate, rng):
    return by_inversion(rng.random((*SHAPE[:2], 1)), log_rate)


def same_every_step(log_rate, rng):
    return by_inversion(rng.random((SHAPE[0], 1, SHAPE[2])), log_rate)


def same_every_image(log_rate, rng):
    return by_inversion(rng.random((1, *SHAPE[1:])), log_rate)


def spread_by_a_tenth(log_rate, rng):
    return rng.negative_binomial(10 * rates(log_rate), 1 / 1.1)


def slightly_dependent_steps(log_rate, rng):
    """Uniforms of a Gaussian process whose neighbours correlate by 0.1."""
    normal = rng.normal(size=SHAPE)
    for t in range(1, SHAPE[1]):
        normal[:, t] = 0.1 * normal[:, t - 1] + np.sqrt(0.99) * normal[:, t]
    return by_inversion(stats.norm.cdf(normal), log_rate)


def rounded_normal(log_rate, rng):
    wide = rng.normal(rates(log_rate), np.sqrt(rates(log_rate)))
    return np.maximum(np.round(wide), 0).astype(int)


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        (two_percent, "total, all draws"),
        (bernoulli, "total, all draws"),
        (capped_at_1, "total, all draws"),
        (shared_by_neurons, "pairs along neurons"),
        (same_every_step, "pairs along steps"),
        (same_every_image, "pairs along images"),
        (spread_by_a_tenth, "spread, all draws"),
        (slightly_dependent_steps, "product along steps"),
        (rounded_normal, "uniform, all draws"),
    ],
)
def test_a_fault_is_found_by_the_test_made_for_it(log_rate, rng, fault, test):
    found = judge(log_rate, fault(log_rate, rng), 255)
    assert not found.follows_poisson
    assert next(t for t in found.tests if t.name == test).p_value < found.bound


@pytest.mark.parametrize("count", [200, -1, 10**12])
def test_a_count_that_the_law_cannot_give_fails(log_rate, rng, count):
    counts = rng.poisson(rates(log_rate))
    where = np.unravel_index(np.argmin(log_rate), log_rate.shape)
    counts[where] = count
    found = judge(log_rate, counts, 255)
    assert found.worst.name == "rarest"
    assert found.worst.p_value == 0.0
    assert not found.follows_poisson


def test_a_count_past_the_tables_end_is_judged_by_poissons_tail(log_rate, rng):
    """At rate 1 our sampler ends at 10; Poisson draws 11 or more once in 10**8, never 30."""
    log_rate = log_rate.copy()
    log_rate[0, 0, 0] = 0
    assert probabilities(np.array([0]))[0, 11:].max() == 0.0
    counts = rng.poisson(rates(log_rate))
    for count, follows in ((10, True), (11, True), (30, False)):
        counts[0, 0, 0] = count
        assert judge(log_rate, counts, 255).follows_poisson is follows


def test_p_values_are_uniform_under_the_law(rng):
    """200 small runs: a p-value falls below 0.05 in about 5 % of all tests."""
    log_rate = 512 * np.round(rng.normal(-4, 12, (4, 40, 24))).astype(int)
    p_values = [
        test.p_value
        for seed in range(200)
        for test in judge(log_rate, rng.poisson(rates(log_rate)), 255, seed).tests[1:]
    ]
    assert len(p_values) > 2000
    for level in (0.5, 0.05):
        assert np.mean(np.array(p_values) < level) == pytest.approx(level, rel=0.2)


def test_few_draws_leave_tests_out_and_report_it(log_rate, rng):
    few = log_rate[:1, :10, :8]
    found = judge(few, rng.poisson(rates(few)), 255)
    assert {test.name for test in found.tests} == {
        "rarest",
        "total, all draws",
        "spread, all draws",
        "product along steps",
        "product along neurons",
    }
    assert "pairs along images" in found.left_out
    assert found.as_dict()["left_out"] == list(found.left_out)
    one = judge(few[:, :1, :1], np.zeros((1, 1, 1), int), 255)
    assert one.follows_poisson
    assert len(one.tests) == 3


def test_places_and_moments_are_those_of_the_law():
    """All uniforms of one log-rate, so that counts come exactly as often as they should."""
    law = probabilities(np.array([1234]), 15)[0]
    counts = np.repeat(np.arange(16), np.round(law * 200_000).astype(int))
    placed = place(np.full(counts.shape, 1234), counts, 15, 0)
    at = np.bincount(placed.place, minlength=256)
    assert stats.chisquare(at).pvalue > 1e-3
    row = 1234 + 49152
    n = np.arange(16)
    mean = law @ n
    variance = law @ (n - mean) ** 2
    np.testing.assert_allclose(placed.moments.mean[row], mean)
    np.testing.assert_allclose(placed.moments.variance[row], variance)
    np.testing.assert_allclose(placed.moments.third[row], law @ (n - mean) ** 3)
    spread = (n - mean) ** 2 - variance
    np.testing.assert_allclose(placed.moments.spread_variance[row], law @ spread**2)
    np.testing.assert_allclose(placed.moments.spread_third[row], law @ spread**3)
    assert placed.rarest == pytest.approx(law[counts.max() :].sum())


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="images, steps"):
        judge(np.zeros((3, 4), int), np.zeros((3, 4), int), 15)
    with pytest.raises(ValueError, match="one each"):
        judge(np.zeros((3, 4, 1), int), np.zeros((3, 4, 2), int), 15)
    with pytest.raises(ValueError, match="log-rates outside"):
        judge(np.full((1, 2, 1), 32769), np.zeros((1, 2, 1), int), 15)
