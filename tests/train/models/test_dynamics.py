"""The two forms of the update, and the model that unrolls them."""

import math
import shutil

import pytest
import torch
from torch.autograd.gradcheck import gradcheck

from ipvae.train.models.dynamics import precision_of, soft_clamp, step_direct, step_gram
from ipvae.train.models.loss import batch_loss, poisson_kl
from ipvae.train.models.trainable_ipvae import IPVAE, gaussian_nll

torch.set_num_threads(1)
M, K, B = 12, 7, 5


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def random_model(generator):
    model = IPVAE(M, K, seed=1).double()
    with torch.no_grad():
        model.phi.copy_(0.3 * torch.randn(M, K, generator=generator, dtype=torch.float64))
        model.log_sigma_raw.copy_(
            torch.randn(M, generator=generator, dtype=torch.float64) * 0.5 - 0.5
        )
        model.log_lr.fill_(-0.4)
    return model


def test_soft_clamp_is_the_formula_and_bounds():
    v = torch.tensor([-100.0, -8.0, -3.0, 0.0, 9.0, 10.0, 500.0], dtype=torch.float64)
    got = soft_clamp(v, 10.0)
    want = [10.0 - math.log1p(math.exp(10.0 - max(x, -8.0))) for x in v.tolist()]
    assert torch.allclose(got, torch.tensor(want, dtype=torch.float64), atol=1e-12)
    assert got.max() <= 10.0
    assert got.min() >= -8.001


def test_gram_form_equals_direct_form_gradients_included(generator):
    model = random_model(generator)
    x = torch.rand(B, M, generator=generator, dtype=torch.float64)
    u = torch.randn(B, K, generator=generator, dtype=torch.float64, requires_grad=True)
    z = torch.randint(0, 4, (B, K), generator=generator).double().requires_grad_()
    weight = torch.randn(B, K, generator=generator, dtype=torch.float64)
    d, a = precision_of(model.log_sigma_raw), torch.exp(model.log_lr)
    direct = step_direct(
        u, z, x, phi=model.phi, precision=d, step_size=a, bias=model.log_bias.exp(), limit=10.0
    )
    d, a = precision_of(model.log_sigma_raw), torch.exp(model.log_lr)
    weighted = d[:, None] * model.phi
    drive = a * (x @ weighted - model.log_bias.exp())
    gram = step_gram(u, drive, z @ (a * model.phi.T @ weighted), 10.0)
    assert torch.allclose(direct, gram, atol=1e-12)
    wrt = [u, z, model.phi, model.log_sigma_raw, model.log_lr, model.log_bias]
    left = torch.autograd.grad((direct * weight).sum(), wrt)
    right = torch.autograd.grad((gram * weight).sum(), wrt)
    for one, other in zip(left, right, strict=True):
        assert torch.allclose(one, other, atol=1e-10)


def smooth_draw(log_rate, step):
    """Replacement for a draw: a smooth function, so that gradients can be compared exactly."""
    return torch.exp(0.5 * log_rate) * (1.0 + 0.1 * step)


def direct_loss(model, x, steps, beta, form):
    """The loss from its definition: direct form, a product with Phi in each step."""
    d, a = precision_of(model.log_sigma_raw), torch.exp(model.log_lr)
    u = model.u0.expand(len(x), -1)
    z, total = smooth_draw(u, 0), torch.zeros((), dtype=x.dtype)
    for t in range(1, steps + 1):
        previous = u
        u = step_direct(
            u, z, x, phi=model.phi, precision=d, step_size=a, bias=model.log_bias.exp(), limit=6.0
        )
        z = smooth_draw(u, t)
        law = torch.distributions.Normal(z @ model.phi.T, d.rsqrt())
        nll = -law.log_prob(x).sum(dim=1)
        total = total + (nll + beta * poisson_kl(u, previous, form)).mean()
    return total / steps * 256 / x.shape[1]


@pytest.mark.parametrize("form", ["official", "exact"])
def test_batch_loss_equals_its_definition_gradients_included(generator, form):
    model = random_model(generator)
    x = torch.rand(B, M, generator=generator, dtype=torch.float64)
    got = batch_loss(model(x, 4, 6.0, smooth_draw), 3.0, form)
    want = direct_loss(model, x, 4, 3.0, form)
    assert torch.allclose(got.total, want, rtol=1e-10)
    parameters = list(model.parameters())
    left = torch.autograd.grad(got.total, parameters)
    right = torch.autograd.grad(want, parameters)
    for one, other in zip(left, right, strict=True):
        assert torch.allclose(one, other, rtol=1e-8, atol=1e-9)


def test_gaussian_nll_equals_torch_distribution(generator):
    x, mean = torch.rand(2, B, M, generator=generator, dtype=torch.float64)
    deviation = torch.rand(M, generator=generator, dtype=torch.float64) - 1.0
    error = ((x - mean).square() * torch.exp(-2 * deviation)).sum(dim=1)
    want = -torch.distributions.Normal(mean, deviation.exp()).log_prob(x).sum(dim=1)
    assert torch.allclose(gaussian_nll(error, deviation), want, atol=1e-10)


def brute_force_kl(u, previous):
    counts = torch.arange(200, dtype=torch.float64)[:, None, None]
    new = torch.distributions.Poisson(u.exp()).log_prob(counts)
    old = torch.distributions.Poisson(previous.exp()).log_prob(counts)
    return (new.exp() * (new - old)).sum(dim=(0, 2))


def test_exact_kl_equals_sum_over_counts(generator):
    u, previous = torch.randn(2, B, K, generator=generator, dtype=torch.float64)
    assert torch.allclose(poisson_kl(u, previous, "exact"), brute_force_kl(u, previous), atol=1e-9)


def test_official_kl_weighs_each_neuron_by_the_new_rate(generator):
    u, previous = torch.randn(2, B, K, generator=generator, dtype=torch.float64)
    each = [poisson_kl(u[:, [k]], previous[:, [k]], "exact") for k in range(K)]
    weight = (u - previous).exp()
    want = torch.stack([kl * weight[:, k] for k, kl in enumerate(each)]).sum(dim=0)
    assert torch.allclose(poisson_kl(u, previous, "official"), want, atol=1e-9)


@pytest.mark.parametrize("form", ["official", "exact"])
def test_kl_gradient_flows_into_both_beliefs(generator, form):
    pair = torch.randn(2, 2, 3, generator=generator, dtype=torch.float64)
    u, previous = pair[0].requires_grad_(), pair[1].requires_grad_()
    assert gradcheck(lambda a, b: poisson_kl(a, b, form), (u, previous))


def test_unknown_kl_form_is_refused():
    with pytest.raises(ValueError, match=r"KL form is 'half'; allowed are official, exact"):
        poisson_kl(torch.zeros(1, 1), torch.zeros(1, 1), "half")


def test_model_starts_as_the_authors_do():
    model = IPVAE(400, 300, seed=3)
    assert abs(model.phi.std().item() - 1e-4) < 1e-6  # 120,000 values: 5 deviations are 1e-6
    assert -6 <= model.u0.min() < model.u0.max() <= -4
    assert model.log_bias.unique().tolist() == [-3.0]
    assert model.log_lr.item() == 0.0
    assert model.log_sigma_raw.abs().max() == 0.0


def test_arrays_round_trip():
    model = IPVAE(6, 4, seed=3)
    again = IPVAE.from_arrays(model.arrays())
    for name, value in model.named_parameters():
        assert torch.equal(value, dict(again.named_parameters())[name])


def test_two_draws_a_step_share_the_update_but_not_the_read_out(generator):
    model = random_model(generator)
    x = torch.rand(B, M, generator=generator, dtype=torch.float64)
    steps, asked = 3, []

    def draw(log_rate, step):
        asked.append(step)
        return torch.exp(log_rate) + (1.0 if step > steps else 0.0)

    one, two = model(x, steps, 6.0, draw), model(x, steps, 6.0, draw, draws=2)
    assert asked == [0, 1, 2, 3, 0, 1, 4, 2, 5, 3, 6]
    for left, right in zip(one.log_rates, two.log_rates, strict=True):
        assert torch.equal(left, right)
    d = precision_of(model.log_sigma_raw)
    for t in range(1, steps + 1):
        assert torch.equal(two.counts[t], one.counts[t] + 1.0)
        residual = x - two.counts[t] @ model.phi.T
        assert torch.allclose(two.squared_error[t - 1], (residual.square() * d).sum(dim=1))


NO_COMPILER = "torch.compile's inductor needs a C++ compiler here"


@pytest.mark.parametrize(
    "backend",
    [
        "aot_eager",  # all but the generated code
        pytest.param(
            "inductor",
            marks=[
                pytest.mark.long,
                pytest.mark.skipif(shutil.which("g++") is None, reason=NO_COMPILER),
            ],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_update_can_be_compiled_whole_gradients_included(generator, backend):
    """What cuda runs, compiled for the CPU: this machine has no GPU."""
    compiled = torch.compile(step_gram, fullgraph=True, backend=backend)
    found = []
    for step in (step_gram, compiled):
        generator.manual_seed(5)
        u, drive, feedback = (
            (4 * torch.randn(B, K, generator=generator)).requires_grad_() for _ in range(3)
        )
        after = step(u, drive, feedback, 5.0)
        found.append((after, *torch.autograd.grad(after.sum(), (u, drive, feedback))))
    for plain, fused in zip(*found, strict=True):
        assert torch.allclose(plain, fused, atol=1e-5)
