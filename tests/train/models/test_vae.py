"""The module put together from parts, against definitions and natural gradients by autograd."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from ipvae.float_models.config import preset_config
from ipvae.float_models.zoo import DENSE, MODEL_SPECS
from ipvae.train.draws import Draws
from ipvae.train.models.dynamics import log_sigma, precision_of, soft_clamp
from ipvae.train.models.iterative import gaussian_update, poisson_update
from ipvae.train.models.latents import LATENTS
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.models.vae import VAE, start_model
from ipvae.train.run.schedule import Settings

torch.set_num_threads(1)
F64 = torch.float64
SHAPE, M, K, B = (3, 4), 12, 5, 6
LINEAR = 1e9  # a clamp this far away is the identity


def noise(step, shape):
    generator = torch.Generator().manual_seed(1000 + step)
    return torch.randn(shape, generator=generator, dtype=F64)


def smooth_poisson(log_rate, step):
    """Replacement for a draw: smooth, so that gradients can be compared exactly."""
    return torch.exp(0.5 * log_rate) * (1.0 + 0.1 * step)


DRAWS = Draws(smooth_poisson, lambda like, step: noise(step, like.shape))


def random_vae(name):
    model = VAE(name, SHAPE, K, seed=2).double()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=F64))
        if "u0" in model.params:
            model.params["u0"].add_(4.0)
    return model


@pytest.fixture
def x():
    return torch.rand(B, M, generator=torch.Generator().manual_seed(7), dtype=F64)


def fisher(name, belief):
    """Fisher information of a belief: the Hessian of its divergence from itself, by autograd."""
    fixed = tuple(part.detach() for part in belief)

    def divergence(flat):
        parts = flat.view(len(fixed), *fixed[0].shape)
        return LATENTS[name].kl(tuple(parts), fixed).sum()

    return torch.autograd.functional.hessian(divergence, torch.stack(fixed).flatten())


@pytest.mark.parametrize("name", ["gaussian", "rectified"])
def test_gaussian_update_is_a_natural_gradient_step(name):
    """u' - u = -a F^-1 grad (|x - Phi code(m + e^s n)|^2_D / 2), inhibition and clamps aside."""
    latent, generator = LATENTS[name], torch.Generator().manual_seed(1)
    phi, x = (torch.randn(s, generator=generator, dtype=F64) for s in ((M, K), (1, M)))
    precision = torch.rand(M, generator=generator, dtype=F64)
    belief = tuple(
        (0.02 * torch.randn(1, K, generator=generator, dtype=F64)).requires_grad_() for _ in "ms"
    )
    draws = Draws(smooth_poisson, lambda like, _: noise(0, like.shape))
    z = latent.draw(belief, draws, 0)
    energy = 0.5 * ((x - latent.code(z) @ phi.T).square() * precision).sum()
    gradient = torch.stack(torch.autograd.grad(energy, belief, retain_graph=True)).flatten()
    # Steps so small that the clamps, C tanh(v / C), are the identity up to (v / C)^2.
    rates = {"log_lr_mean": math.log(1e-6), "log_lr_scale": math.log(2e-6)}
    params = {n: torch.tensor(v, dtype=F64) for n, v in rates.items()}
    params["log_bias"] = torch.full((K,), -1e3, dtype=F64)
    pull = latent.slope(z) * (((x - latent.code(z) @ phi.T) * precision) @ phi)
    updated = gaussian_update(belief, z, pull, params, 10.0)
    unchanged = gaussian_update(belief, z, torch.zeros_like(pull), params, 10.0)
    got = torch.stack([a - b for a, b in zip(updated, unchanged, strict=True)]).flatten()
    size = torch.tensor([1e-6, 2e-6], dtype=F64).repeat_interleave(K)
    want = -size * torch.linalg.solve(fisher(name, belief), gradient)
    assert torch.allclose(got, want, rtol=2e-3, atol=1e-12)
    assert want.abs().max() > 1e-7


def test_gaussian_update_inhibits_the_mean_and_clamps():
    belief = (torch.zeros(1, K, dtype=F64), torch.zeros(1, K, dtype=F64))
    params = {n: torch.tensor(0.0, dtype=F64) for n in ("log_lr_mean", "log_lr_scale")}
    params["log_bias"] = torch.full((K,), math.log(0.5), dtype=F64)
    z, none = torch.ones(1, K, dtype=F64), torch.zeros(1, K, dtype=F64)
    mean, log_scale = gaussian_update(belief, z, none, params, 10.0)
    want = 7 * math.tanh(7 * math.tanh(-0.5 / 7) / 7)
    assert torch.allclose(mean, torch.full_like(mean, want), rtol=1e-12)
    assert torch.equal(log_scale, none)
    for limit, bounds in ((2.0, (1.0, 1.0)), (10.0, (7.0, 2.0))):
        far = gaussian_update(belief, z, torch.full_like(z, 1e6), params, limit)
        for part, bound in zip(far, bounds, strict=True):
            assert 0.7 * bound < part.min() <= part.max() <= bound


def test_poisson_update_is_a_natural_gradient_step_where_counts_are_rates():
    generator = torch.Generator().manual_seed(1)
    phi, x = (torch.randn(s, generator=generator, dtype=F64) for s in ((M, K), (1, M)))
    belief = (torch.randn(1, K, generator=generator, dtype=F64).requires_grad_(),)
    rate = belief[0].exp()
    energy = 0.5 * (x - rate @ phi.T).square().sum()
    (gradient,) = torch.autograd.grad(energy, belief, retain_graph=True)
    step = torch.linalg.solve(fisher("poisson", belief), gradient[0])
    pull = (x - rate @ phi.T) @ phi
    assert torch.allclose(pull[0], -step, rtol=1e-9)
    params = {
        "log_lr": torch.tensor(-0.5, dtype=F64),
        "log_bias": torch.full((K,), -1.0, dtype=F64),
    }
    (got,) = poisson_update(belief, rate, pull, params, 10.0)
    push = math.exp(-0.5) * (-step - math.exp(-1.0))
    assert torch.allclose(got[0], soft_clamp(belief[0][0] + soft_clamp(push, 10.0), 10.0))


@pytest.mark.parametrize("form", ["official", "exact"])
def test_parts_of_the_ipvae_give_its_own_loss_gradients_included(x, form):
    general = random_vae("ipvae")
    fast = IPVAE(M, K).double()
    fast.load_state_dict(general.state_dict())
    config = preset_config("digits", latents=K, steps=4, kl=form)
    now = Settings(4, 0.1, 1.0, 3.0, 6.0, 1.0)
    results = []
    for model in (general, fast):
        loss = model.batch_loss(x, config=config, now=now, draws=DRAWS)
        parameters = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss.total, list(parameters.values()))
        results.append((loss, dict(zip(parameters, gradients, strict=True))))
    (one, left), (other, right) = results
    for a, b in zip(one, other, strict=True):
        assert torch.allclose(a, b, rtol=1e-10)
    assert list(left) == list(right)
    for key, gradient in left.items():
        assert torch.allclose(gradient, right[key], rtol=1e-7, atol=1e-9), key


def defined_loss(model, x, steps, beta, limit):
    """The loss by torch.distributions, with a product with Phi in each step."""
    p, member, latent = model.params, model.member, model.latent
    deviation = torch.exp(log_sigma(p["log_sigma_raw"]))
    likelihood = lambda code: Normal(code @ p["phi"].T, deviation).log_prob(x).sum(dim=1)  # noqa: E731

    def divergence(belief, prior):
        if member.latent == "poisson":
            laws = (torch.distributions.Poisson(part[0].exp()) for part in (belief, prior))
            return kl_divergence(*laws).sum(dim=1)
        laws = (Normal(part[0], part[1].exp()) for part in (belief, prior))
        return kl_divergence(*laws).sum(dim=1)

    prior, terms = model.prior(len(x)), []
    belief = prior if member.inference == "iterative" else model.guess(x)
    first = {"iterative": 0, "hybrid": 0, "amortized": 1}[member.inference]
    for step in range(first, steps + 1):
        z = latent.draw(belief, DRAWS, step)
        if step > 0 or member.inference == "hybrid":
            terms.append((beta * divergence(belief, prior) - likelihood(latent.code(z))).mean())
        residual = (x - latent.code(z) @ p["phi"].T) * precision_of(p["log_sigma_raw"])
        pull = latent.slope(z) * (residual @ p["phi"])
        update = poisson_update if member.latent == "poisson" else gaussian_update
        prior = belief
        if member.inference != "amortized":
            belief = update(belief, z, pull, p, limit)
    return torch.stack(terms).mean() * 256 / M


@pytest.mark.parametrize("name", [name for name in DENSE if name != "ipvae"])
def test_batch_loss_equals_its_definition_gradients_included(name, x):
    model = random_vae(name)
    steps = 1 if model.member.inference == "amortized" else 3
    config = preset_config("digits", model=name, latents=K, steps=steps, kl="exact")
    now = Settings(steps, 0.1, 1.0, 3.0, 6.0, 1.0)
    got = model.batch_loss(x, config=config, now=now, draws=DRAWS)
    want = defined_loss(model, x, steps, 3.0, 6.0)
    assert torch.allclose(got.total, want, rtol=1e-10)
    assert torch.allclose(got.total, (got.nll + 3.0 * got.kl) * 256 / M)
    parameters = list(model.parameters())
    left = torch.autograd.grad(got.total, parameters)
    right = torch.autograd.grad(want, parameters)
    for one, other in zip(left, right, strict=True):
        assert torch.allclose(one, other, rtol=1e-7, atol=1e-9)


def test_encoders_see_all_pixels_and_the_mlp_holds_the_linear_one(x):
    for name in ("pvae-linear", "pvae-mlp", "pvae-conv"):
        model = random_vae(name)
        image = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model.guess(image)[0].sum(), image)
        assert (gradient.abs() > 0).all()
    mlp, linear = VAE("pvae-mlp", SHAPE, K).double(), VAE("pvae-linear", SHAPE, K).double()
    with torch.no_grad():
        for key, value in linear.named_parameters():
            mlp.params[key].copy_(value)
        mlp.params["residual_weight"].zero_()
    assert torch.equal(mlp.guess(x)[0], linear.guess(x)[0])


def test_hybrid_begins_with_its_encoder_and_goes_on_as_ipvae(x):
    model = random_vae("iavae")
    moments = list(model.moments(x, 3, 10.0, DRAWS))
    assert torch.equal(moments[0].belief[0], model.guess(x)[0])
    assert torch.equal(moments[0].prior[0], model.prior(B)[0])
    for before, after in itertools.pairwise(moments):
        assert after.prior is before.belief
        residual = (x - before.code @ model.params["phi"].T) * precision_of(
            model.params["log_sigma_raw"]
        )
        pull = residual @ model.params["phi"]
        (want,) = poisson_update(before.belief, before.code, pull, model.params, 10.0)
        assert torch.allclose(after.belief[0], want)


@pytest.mark.parametrize("name", DENSE)
def test_start_values_are_those_of_the_seed(name):
    one, again, other = (start_model(name, SHAPE, K, seed).arrays() for seed in (3, 3, 4))
    assert all(np.array_equal(one[key], again[key]) for key in one)
    assert not np.array_equal(one["phi"], other["phi"])
    assert {key: a.shape for key, a in one.items()} == MODEL_SPECS[name].shapes(SHAPE, K)
    assert all(a.dtype == np.float32 for a in one.values())


def test_step_sizes_are_there_where_there_are_updates():
    counts = {name: len(start_model(name, SHAPE, K, 0).step_sizes()) for name in DENSE}
    assert (counts["ipvae"], counts["iavae"], counts["igvae"], counts["igrelu"]) == (1, 1, 2, 2)
    assert counts["pvae-mlp"] == counts["grelu-conv"] == 0


def test_published_number_of_parameters():
    """403,217 of iP-VAE and 403,730 of iG-VAE on MNIST: df_table of the authors' release."""
    for name, want in (("ipvae", 403_217), ("igvae", 403_730), ("igrelu", 403_730)):
        shapes = MODEL_SPECS[name].shapes((28, 28), 512).values()
        assert sum(math.prod(shape) for shape in shapes) == want


def test_settings_replace_the_presets_own():
    config = preset_config("mnist", model="gvae-conv", beta=2.0)
    assert (config.steps, config.beta, config.kl, config.latents) == (1, 2.0, "exact", 512)
    assert dataclasses.asdict(preset_config("digits")) == dataclasses.asdict(
        preset_config("digits", model="ipvae")
    )
