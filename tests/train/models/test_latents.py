"""Latents against their definitions; keyed normal numbers against their law."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from ipvae.train.draws import exact_draws, keyed_normal
from ipvae.train.models.latents import (
    LATENTS,
    LOG_RATE_MAX,
    LOG_SCALE_MAX,
    gaussian_kl,
    poisson_kl,
)

torch.set_num_threads(1)
F64 = torch.float64


def pairs(low, high, n=200):
    generator = torch.Generator().manual_seed(5)
    return tuple(
        low + (high - low) * torch.rand(1, n, generator=generator, dtype=F64) for _ in "ab"
    )


def test_poisson_kl_equals_the_sum_over_counts():
    u, v = pairs(-6.0, 3.0)
    k = np.arange(400)[:, None]
    p, q = (stats.poisson.logpmf(k, np.exp(a.numpy())) for a in (u, v))
    want = (np.exp(p) * (p - q)).sum(axis=0)
    assert torch.allclose(poisson_kl((u,), (v,))[0], torch.from_numpy(want), rtol=1e-8, atol=1e-12)


def test_gaussian_kl_equals_torch_distributions():
    mean, mean0 = pairs(-3.0, 3.0)
    log_scale, log_scale0 = pairs(-2.0, 2.0)
    want = kl_divergence(Normal(mean, log_scale.exp()), Normal(mean0, log_scale0.exp()))
    got = gaussian_kl((mean, log_scale), (mean0, log_scale0))
    assert torch.allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", LATENTS)
def test_slope_is_the_derivative_of_the_code(name):
    z = torch.linspace(-2.0, 2.0, 40, dtype=F64, requires_grad=True)
    latent = LATENTS[name]
    (gradient,) = torch.autograd.grad(latent.code(z).sum(), z)
    assert torch.equal(latent.slope(z), gradient)


@pytest.mark.parametrize("name", LATENTS)
def test_a_far_encoder_stays_within_its_bounds(name):
    latent, parts = LATENTS[name], 1 if name == "poisson" else 2
    zero = tuple(torch.zeros(1, 3) for _ in range(parts))
    far = tuple(torch.tensor([[-1e3, 0.0, 1e3]]) for _ in range(parts))
    belief = latent.shift(zero, far)
    assert all(torch.isfinite(part).all() for part in belief)
    if name == "poisson":
        assert belief[0].max() <= LOG_RATE_MAX
    else:
        assert belief[1].abs().max() <= LOG_SCALE_MAX
    still = latent.shift(zero, zero)
    assert torch.allclose(torch.stack(still), torch.zeros(parts, 1, 3), atol=0.01)


def test_keyed_normal_follows_the_normal_law():
    x = keyed_normal(torch.empty(200_000), key=99).numpy()
    assert stats.kstest(x, "norm").pvalue > 1e-6
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / math.sqrt(len(x))
    other = keyed_normal(torch.empty(200_000), key=100).numpy()
    assert abs(np.corrcoef(x, other)[0, 1]) < 5 / math.sqrt(len(x))


def test_keyed_normal_does_not_depend_on_shards():
    whole = keyed_normal(torch.empty(30, 7), key=3)
    parts = [keyed_normal(torch.empty(n, 7), key=3, first=7 * a) for a, n in ((0, 11), (11, 19))]
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(
        exact_draws(4, 11).normal(whole[11:], 2), exact_draws(4).normal(whole, 2)[11:]
    )
