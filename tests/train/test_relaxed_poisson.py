"""Fused draws against plain torch on the same random numbers, and against the law."""

import math

import numpy as np
import pytest
import torch

from ipvae.train.arrival_kernel import exponentials, normal_moments, stop_time
from ipvae.train.relaxed_poisson import relaxed_count, relaxed_poisson, stream_key

torch.set_num_threads(1)
KEY = stream_key(5, 7)


def draws(rate, temperature, n=200_000, key=KEY):
    log_rate = torch.full((n,), math.log(rate))
    return relaxed_poisson(log_rate, temperature, key)


@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.05])
def test_fused_equals_torch_on_the_same_arrivals(temperature):
    log_rate = torch.linspace(-8.0, 4.5, 2000).requires_grad_()
    n_arrivals = 1200  # far above 90 * (1 + 8 tau)
    waits = torch.from_numpy(exponentials(KEY, 0, 2000, n_arrivals)).double()
    precise = log_rate.detach().double().requires_grad_()
    # What arrives after 1 + 8 tau is left out by the fused draw: leave it out here too.
    arrivals = torch.cumsum(waits, dim=0) * torch.exp(-precise.detach())
    waits = torch.where(arrivals < stop_time(temperature), waits, torch.inf)
    want = relaxed_count(precise, waits.nan_to_num(posinf=1e30), temperature)
    got = relaxed_poisson(log_rate, temperature, KEY)
    (slope,) = torch.autograd.grad(got.sum(), log_rate)
    (want_slope,) = torch.autograd.grad(want.sum(), precise)
    # One arrival at the stop may fall on either side: it weighs sigmoid(-8) = 3.4e-4.
    assert (got - want).abs().max() < 5e-4
    assert torch.quantile((got - want).abs(), 0.99) < 2e-5 * 90
    scale = 1.0 + want_slope.abs()
    assert ((slope - want_slope).abs() / scale).max() < 2e-2
    assert torch.quantile((slope - want_slope).abs() / scale, 0.99) < 1e-3


def test_what_the_stop_leaves_out_is_small():
    log_rate = torch.linspace(-3.0, 3.0, 500)
    waits = torch.from_numpy(exponentials(KEY, 0, 500, 600))
    whole = relaxed_count(log_rate, waits, 1.0)
    cut = relaxed_poisson(log_rate, 1.0, KEY)
    # Expected remainder: rate * tau * log(1 + e^-8) = 3.4e-4 rate; single draws stay below 10x.
    assert ((whole - cut) / (1.0 + log_rate.exp())).max() < 3.4e-3
    assert (whole - cut).min() > -1e-3


def test_gradient_is_the_pathwise_derivative():
    # Same key, so the same arrivals: compare with a central difference.
    log_rate = torch.linspace(-2.0, 3.0, 400)
    h = 1e-2
    up = relaxed_poisson(log_rate + h, 1.0, KEY)
    down = relaxed_poisson(log_rate - h, 1.0, KEY)
    u = log_rate.clone().requires_grad_()
    (slope,) = torch.autograd.grad(relaxed_poisson(u, 1.0, KEY).sum(), u)
    # Error h^2 / 6 times a third derivative of a few z, plus arrivals that cross the stop.
    assert ((up - down) / (2 * h) - slope).abs().max() < 0.12
    assert ((up - down) / (2 * h) - slope).abs().median() < 2e-3


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


@pytest.mark.parametrize("temperature", [1.0, 0.1])
@pytest.mark.parametrize("rate", [0.2, 3.0, 60.0, 1000.0])
def test_relaxed_draws_have_campbells_mean_and_variance(rate, temperature):
    n = 100_000
    z = draws(rate, temperature, n).double()
    mean, variance = (rate * moment for moment in normal_moments(temperature))
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


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_plain_torch_draws_follow_the_same_law(temperature):
    n = 50_000
    for rate in (0.3, 5.0, 400.0):
        log_rate = torch.full((n,), math.log(rate), dtype=torch.float64)
        z = relaxed_poisson(log_rate, temperature, KEY)
        mean, variance = (rate * moment for moment in normal_moments(temperature))
        assert abs(z.mean().item() - mean) < 5 * math.sqrt(variance / n) + rate * 3.4e-4


def test_plain_torch_draws_have_gradients():
    u = torch.tensor([-1.0, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(relaxed_poisson(u, 0.5, KEY).sum(), u)
    assert torch.isfinite(slope).all()
    assert slope[2] > 0


def test_stream_keys_are_64_bits_and_order_matters():
    assert 0 <= stream_key(1, 2) < 2**64
    assert len({stream_key(1, 2), stream_key(2, 1), stream_key(1), stream_key(1, 2, 0)}) == 4
