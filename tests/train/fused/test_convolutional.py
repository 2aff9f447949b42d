"""Gradients of convolutional models: fused against autograd, Gram form against direct form."""

import numpy as np
import pytest
import torch

from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import gram_kernels
from ipvae.float_models.convolutional.steps import infer
from ipvae.float_models.inference.draws import stream_key
from ipvae.train.fused.convolutional import convolutional_gradient
from ipvae.train.fused.parallel import workers
from ipvae.train.fused.relaxed_poisson import relaxed_poisson
from ipvae.train.fused.unroll import Unroll, Workspace
from ipvae.train.models import convolution
from ipvae.train.models.convolutional import ConvolutionalIPVAE
from ipvae.train.models.dynamics import log_sigma, soft_clamp
from ipvae.train.models.loss import batch_loss, poisson_kl
from ipvae.train.models.trainable_ipvae import Unrolled
from ipvae.train.run.schedule import Settings

torch.set_num_threads(1)
B, T, BETA = 5, 4, 3.0
CANVASES = [
    Canvas((1, 9, 11), 6, 5, 2),
    Canvas((3, 7, 4), 5, 7, 3),
    Canvas((2, 6, 6), 4, 4, 4),
    Canvas((1, 8, 8), 4, 3, 1),
]


def a_model(canvas):
    generator = torch.Generator().manual_seed(3)
    model = ConvolutionalIPVAE(canvas, seed=1)
    with torch.no_grad():
        for name, scale, mean in (
            ("kernels", 0.15, 0.0),
            ("log_sigma_raw", 0.5, -0.3),
            ("log_bias", 0.5, -1.0),
            ("u0", 0.5, -1.0),
        ):
            value = getattr(model, name)
            value.copy_(mean + scale * torch.randn(value.shape, generator=generator))
        model.log_lr.fill_(-1.0)
    return model, torch.randn(B, canvas.pixels, generator=generator)


def now(limit=6.0):
    return Settings(T, 0.01, 0.3, BETA, limit, 1e6)


class Replay(torch.autograd.Function):
    """A draw that was made before, with its derivative."""

    @staticmethod
    def forward(ctx, _log_rate, z, slope):
        ctx.save_for_backward(slope)
        return z.clone()

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * ctx.saved_tensors[0], None, None


def direct(model, x, limit, draw):
    """Loss terms by the direct form: residual of the decoded canvas, without Gram kernels."""
    canvas = model.canvas
    padded = convolution.padded(x, canvas)
    precision = torch.exp(-2.0 * log_sigma(model.log_sigma_raw))[:, None, None]
    step_size = torch.exp(model.log_lr)

    def residual(z):
        shown = torch.nn.functional.conv_transpose2d(
            z.view(-1, *canvas.grid), model.kernels, stride=canvas.stride
        )
        assert shown.shape == padded.shape
        return padded - shown

    maps = canvas.grid[1:]
    u = model.u0[:, None, None].expand(B, -1, *maps).reshape(B, -1)
    bias = torch.exp(model.log_bias)[:, None, None].expand(-1, *maps).reshape(-1)
    z = draw(u, 0)
    log_rates, counts, errors = [u], [z], []
    for t in range(1, T + 1):
        pull = torch.nn.functional.conv2d(
            precision * residual(z), model.kernels, stride=canvas.stride
        )
        push = step_size * (pull.flatten(1) - bias)
        u = soft_clamp(u + soft_clamp(push, limit), limit)
        z = draw(u, t)
        errors.append((precision * residual(z).square()).sum(dim=(1, 2, 3)))
        log_rates.append(u)
        counts.append(z)
    return Unrolled(log_rates, counts, errors, model.pixel_deviations())


def fused(model, x, how, shards=1):
    with workers(shards) as for_each:
        return convolutional_gradient(
            model, x, how, shards=shards, for_each=for_each, workspace=Workspace()
        )


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
@pytest.mark.parametrize("kl", ["official", "exact"])
def test_fused_gradient_equals_autograd_of_the_direct_form(canvas, kl):
    """In double precision with the same draws; float32 keeps 1e-4 of the largest entry, as the
    dense form does (`test_unroll`)."""
    model, x = a_model(canvas)
    settings = now()
    how = Unroll(kl, "eat-cubic", settings, (7,))
    loss, gradient = fused(model, x, how)

    made = []

    def drawn(u, step):
        rate = u.detach().clone().requires_grad_()
        z = relaxed_poisson(rate, 0.3, stream_key(7, step), relaxation="eat-cubic")
        (slope,) = torch.autograd.grad(z.sum(), rate)
        made.append((z.detach().double(), slope.double()))
        return z.detach()

    with torch.no_grad():
        single = ConvolutionalIPVAE(canvas)
        single.load_state_dict(model.state_dict())
    with torch.enable_grad():
        single(x, T, 6.0, drawn)
    wide = model.double()
    unrolled = direct(wide, x.double(), 6.0, lambda u, step: Replay.apply(u, *made[step]))
    want = batch_loss(unrolled, BETA, kl)
    names, parameters = zip(*wide.named_parameters(), strict=True)
    expected = torch.autograd.grad(want.total, parameters)
    for got, right in zip(loss, want, strict=True):
        assert float(got) == pytest.approx(float(right.detach()), rel=1e-5)
    for name, right in zip(names, expected, strict=True):
        scale = right.abs().max()
        assert scale > 0, name
        assert (gradient[name].double() - right).abs().max() < 1e-4 * scale, name


@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_gram_form_equals_the_direct_form_in_double_precision(canvas):
    model, x = a_model(canvas)
    wide, x = model.double(), x.double()

    def smooth(u, step):
        return torch.exp(0.7 * u) + 0.01 * step

    both = [wide(x, T, 6.0, smooth), direct(wide, x, 6.0, smooth)]
    for part in ("log_rates", "counts", "squared_error"):
        for one, other in zip(*(getattr(u, part) for u in both), strict=True):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
    parameters = list(wide.parameters())
    gradients = [torch.autograd.grad(batch_loss(u, BETA).total, parameters) for u in both]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-8, atol=1e-8 * float(other.abs().max()))


def test_loss_is_of_the_canvas():
    """Error and normalising constant of all values of the canvas, padding included."""
    model, x = a_model(CANVASES[0])
    unrolled = direct(model, x, 6.0, lambda u, _: torch.exp(u))
    loss = batch_loss(unrolled, BETA, "exact")
    pixels = int(np.prod(CANVASES[0].size))
    assert unrolled.log_sigma.numel() == pixels
    kl = torch.stack(
        [
            poisson_kl(u, v, "exact")
            for u, v in zip(unrolled.log_rates[1:], unrolled.log_rates[:-1], strict=True)
        ]
    )
    assert torch.allclose(loss.total, (loss.nll + BETA * kl.mean()) * 256 / pixels)


def test_kernels_equal_the_float_models():
    canvas = CANVASES[1]
    model, _ = a_model(canvas)
    with torch.no_grad():
        gram = torch.exp(model.log_lr) * convolution.gram_kernels(
            model.weighted, model.kernels, canvas.stride
        )
    expected = gram_kernels(model.arrays(), canvas.stride)
    assert np.allclose(gram.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_shards_only_change_the_rounding_of_sums():
    model, x = a_model(CANVASES[0])
    how = Unroll("exact", "eat-cubic", now(), (7,))
    one, two = (fused(model, x, how, shards) for shards in (1, 2))
    assert float(one[0].total) == pytest.approx(float(two[0].total), rel=1e-5)
    for name, value in one[1].items():
        assert torch.allclose(value, two[1][name], rtol=1e-3, atol=1e-4 * float(value.abs().max()))


def test_exact_draws_are_those_of_inference():
    """One step from the same draws; float32 sums in another order (`test_infer`: 1e-5)."""
    canvas = CANVASES[0]
    model, x = a_model(canvas)
    found = infer(model.arrays(), canvas, x.numpy(), [0, 1], seed=4)

    def draw(u, step):
        return relaxed_poisson(u, 0.0, stream_key(4, step))

    with torch.no_grad():
        unrolled = model(x, 1, 10.0, draw)
    assert np.array_equal(unrolled.counts[0].numpy(), found[0].counts)
    assert np.allclose(unrolled.log_rates[1].numpy(), found[1].log_rates, atol=1e-5)
