"""Fused draws against plain torch on the same random numbers, and against the law."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from ipvae.float_models.inference.draws import normal_moments, stop_time, stream_key
from ipvae.float_models.zoo import RELAXATIONS
from ipvae.train.fused.relaxed_poisson import relaxed_count, relaxed_poisson

torch.set_num_threads(1)
KEY = stream_key(5, 7)


def draws(rate, temperature, n=200_000, key=KEY):
    log_rate = torch.full((n,), math.log(rate))
    return relaxed_poisson(log_rate, temperature, key)


def splitmix(state):
    """Return splitmix64's output, written from its definition (Steele et al. 2014)."""
    mask = (1 << 64) - 1
    word = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    return word ^ (word >> 31)


def arrivals(rate, stop, element):
    """Arrival times on [0, stop] of one element: a count by inversion, then uniform places."""
    mask, step = (1 << 64) - 1, 0x9E3779B97F4A7C15
    state = (KEY + element * 0xD1342543DE82EF95) & mask
    pieces = max(1, math.ceil(rate * stop / 16))
    n = 0
    for i in range(pieces):
        state = (state + (step if i else 0)) & mask
        n += int(poisson(rate * stop / pieces).ppf(splitmix_fraction(state)))
    places = []
    for _ in range(n):
        state = (state + step) & mask
        places.append((splitmix(state) >> 40) * 2.0**-24 * stop)
    return torch.tensor(places, dtype=torch.float64)


def splitmix_fraction(state):
    # Many arrivals belong to small numbers: v < P(N > k), so 1 - v is what ppf inverts.
    return 1.0 - (splitmix(state) >> 11) * 2.0**-53


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.05])
def test_fused_equals_its_definition_on_the_same_numbers(temperature, relaxation):
    log_rate = torch.linspace(-8.0, 4.5, 300).requires_grad_()
    got = relaxed_poisson(log_rate, temperature, KEY, relaxation=relaxation)
    (slope,) = torch.autograd.grad(got.sum(), log_rate)
    stop = stop_time(temperature, relaxation)
    for i, u in enumerate(log_rate.detach().double().tolist()):
        # Times scale with 1 / rate: t(u') = t exp(u - u').
        again = torch.tensor(u, dtype=torch.float64, requires_grad=True)
        early = (1.0 - arrivals(math.exp(u), stop, i) * torch.exp(u - again)) / temperature
        w = ((early + 1) / 2).clamp(0, 1)
        each = torch.sigmoid(early) if relaxation == "eat" else 3 * w**2 - 2 * w**3
        want = each.sum()
        (want_slope,) = torch.autograd.grad(want, again)
        assert got[i].item() == pytest.approx(want.item(), rel=1e-4, abs=1e-4), i
        assert slope[i].item() == pytest.approx(want_slope.item(), rel=1e-3, abs=1e-3), i


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("rate", [0.2, 3.0, 30.0])
def test_counts_and_slopes_have_the_law_of_cumulated_waiting_times(rate, relaxation):
    n = 40_000
    u = torch.full((n,), math.log(rate), requires_grad=True)
    z = relaxed_poisson(u, 0.5, KEY, relaxation=relaxation)
    (slope,) = torch.autograd.grad(z.sum(), u)
    generator = torch.Generator().manual_seed(2)
    n_arrivals = math.ceil(5 * rate + 8 * math.sqrt(5 * rate) + 8)
    waits = torch.empty(n_arrivals, n).exponential_(generator=generator)
    v = torch.full((n,), math.log(rate), requires_grad=True)
    other = relaxed_count(v, waits, 0.5, relaxation)
    (other_slope,) = torch.autograd.grad(other.sum(), v)
    ours, theirs = (
        torch.stack([a, a * a, b, b * b, a * b]).double().detach()
        for a, b in ((z, slope), (other, other_slope))
    )
    error = torch.sqrt((ours.var(dim=1) + theirs.var(dim=1)) / n)
    # Five moments, six cases: 5 standard errors, and what the sigmoid's stop leaves out.
    slack = 4e-4 * (1 + rate) * (1 + ours.mean(dim=1).abs())
    assert ((ours.mean(dim=1) - theirs.mean(dim=1)).abs() < 5 * error + slack).all()


@pytest.mark.parametrize("temperature", [1.0, 0.4])
@pytest.mark.parametrize("rate", [0.1, 5.0])
def test_cubic_draws_have_no_bias_and_an_unbiased_gradient(temperature, rate):
    n = 200_000
    u = torch.full((n,), math.log(rate), requires_grad=True)
    z = relaxed_poisson(u, temperature, KEY, relaxation="eat-cubic")
    (slope,) = torch.autograd.grad(z.sum(), u)
    for value in (z.detach().double(), slope.double()):  # d rate / d log-rate = rate
        assert abs(value.mean().item() - rate) < 5 * value.std().item() / math.sqrt(n)


def test_draws_do_not_depend_on_batches():
    log_rate = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    whole = relaxed_poisson(log_rate, 0.0, KEY)
    part = relaxed_poisson(log_rate[20:], 0.0, KEY, first=20 * 40)
    assert torch.equal(whole[20:], part)


def test_draws_of_two_keys_differ():
    assert not torch.equal(draws(2.0, 0.1, 100), draws(2.0, 0.1, 100, key=stream_key(5, 8)))


@pytest.mark.parametrize("rate", [0.05, 0.7, 4.0, 40.0])
def test_cold_draws_follow_the_poisson_law(rate):
    n = 200_000
    z = draws(rate, 0.0, n).numpy()
    assert np.array_equal(z, np.round(z))
    top = int(rate + 6 * math.sqrt(rate) + 6)
    k = np.arange(top + 1)
    lgamma = np.array([math.lgamma(i + 1) for i in k])
    expected = n * np.exp(k * math.log(rate) - rate - lgamma)
    seen = np.bincount(z.astype(int), minlength=top + 1)[: top + 1]
    used = expected > 10
    chi2 = (np.square(seen - expected) / expected)[used].sum()
    freedom = used.sum()
    # The seed is fixed; the bound is 5 deviations of a chi-square with that many cells.
    assert chi2 < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [2.0, 1.0, 0.1])
@pytest.mark.parametrize("rate", [0.2, 3.0, 60.0, 1000.0])
def test_relaxed_draws_have_campbells_mean_and_variance(rate, temperature, relaxation):
    n = 100_000
    log_rate = torch.full((n,), math.log(rate))
    z = relaxed_poisson(log_rate, temperature, KEY, relaxation=relaxation).double()
    mean, variance = (rate * moment for moment in normal_moments(temperature, relaxation))
    # Mean: 5 standard errors. Variance: 5 standard errors of a law with this kurtosis or less.
    slack = rate * 3.4e-4  # what the stop at 1 + 8 tau leaves out
    assert abs(z.mean().item() - mean) < 5 * math.sqrt(variance / n) + slack
    assert abs(z.var().item() / variance - 1) < 5 * math.sqrt((2 + 1 / (0.3 * rate)) / n) + 2e-3


def test_huge_rates_cost_no_more_and_keep_a_gradient():
    u = torch.full((1000,), 10.0, requires_grad=True)
    z = relaxed_poisson(u, 1.0, KEY)
    (slope,) = torch.autograd.grad(z.mean(), u)
    mean, variance = normal_moments(1.0)
    error = 5 * math.sqrt(variance * math.exp(10.0) / 1000)
    assert abs(z.mean().item() - math.exp(10.0) * mean) < error
    assert abs(slope.sum().item() - math.exp(10.0) * mean) < error


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_broken_rates_end_and_stay_broken(temperature):
    log_rate = torch.tensor([math.nan, 100.0, -math.inf, 60.0])
    z = relaxed_poisson(log_rate, temperature, KEY)
    assert not torch.isfinite(z[:2]).any()
    assert z[2] == 0
    assert torch.isfinite(z[3])


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_plain_torch_draws_follow_the_same_law(temperature, relaxation):
    n = 50_000
    for rate in (0.3, 5.0, 400.0):
        log_rate = torch.full((n,), math.log(rate), dtype=torch.float64)
        z = relaxed_poisson(log_rate, temperature, KEY, relaxation=relaxation)
        moments = normal_moments(temperature, relaxation)
        mean, variance = (rate * moment for moment in moments)
        assert abs(z.mean().item() - mean) < 5 * math.sqrt(variance / n) + rate * 3.4e-4


def test_plain_torch_draws_have_gradients():
    u = torch.tensor([-1.0, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(relaxed_poisson(u, 0.5, KEY).sum(), u)
    assert torch.isfinite(slope).all()
    assert slope[2] > 0


def test_stream_keys_are_64_bits_and_order_matters():
    assert 0 <= stream_key(1, 2) < 2**64
    assert len({stream_key(1, 2), stream_key(2, 1), stream_key(1), stream_key(1, 2, 0)}) == 4


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_plain_torch_draws_of_another_part_are_others(temperature):
    """Two processes of a team, or two batches, must not draw the same noise."""
    u = torch.zeros(1000, dtype=torch.float64)
    first, again, second = (relaxed_poisson(u, temperature, KEY, first=n) for n in (0, 0, 1000))
    assert torch.equal(first, again)
    # Independent: correlation of 1000 pairs within 5 standard errors of 0.
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 5 / math.sqrt(1000)
