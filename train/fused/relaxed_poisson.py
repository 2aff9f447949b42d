"""Relaxed Poisson draws by arrival times, with a gradient: plain torch and fused on the CPU.

z = sum_i h((1 - S_i) / tau), with S_i the arrival times of a process of the given rate. eat: h is
the sigmoid, arXiv 2405.14473, algorithm 1. eat-cubic: h(v) = 3 w^2 - 2 w^3 with w = (v + 1) / 2
clipped to [0, 1], whose mean is the rate for tau <= 1: arXiv 2602.03896. tau = 0 counts the
arrivals before 1, an exact Poisson draw.
"""

import math

import torch
from torch import Tensor

from ipvae.float_models.inference.draws import fill_draws, normal_moments, stop_time, stream_key
from ipvae.float_models.inference.relaxed_kernels import MAX_RELAXED_RATE


def generator_of(device: torch.device, key: int, first: int) -> torch.Generator:
    """Return torch's generator for the part of a stream that starts at element `first`.

    Parts differ, as required for the processes of a team. Unlike on the CPU, the numbers of an
    element depend on where its part starts.
    """
    return torch.Generator(device).manual_seed(stream_key(key, first) & ((1 << 63) - 1))


def relaxed_poisson(
    log_rate: Tensor, temperature: float, key: int, *, first: int = 0, relaxation: str = "eat"
) -> Tensor:
    """Draw relaxed Poisson counts; gradients flow to `log_rate`.

    float32 on the CPU uses a fused kernel: element i depends only on (key, first + i), for any
    batch or thread. Other cases use plain torch with other draws of the same distribution, keyed by
    (key, first). Rates above `MAX_RELAXED_RATE` give normal draws of the same mean and variance.

    Parameters
    ----------
    log_rate : any shape, float; natural logarithm of the expected count
    temperature : tau >= 0; 0 gives exact integer counts and no gradient
    key : stream of random numbers, see `stream_key`
    first : index of the first element within the stream
    relaxation : 'eat' or 'eat-cubic'

    Returns
    -------
    same shape and dtype as `log_rate`

    References
    ----------
    eat: arXiv 2405.14473, algorithm 1. eat-cubic: arXiv 2602.03896, modified EAT.
    """
    if log_rate.device.type == "cpu" and log_rate.dtype == torch.float32:
        return _FusedDraw.apply(log_rate, temperature, key, first, relaxation)  # pyright: ignore
    generator = generator_of(log_rate.device, key, first)
    if temperature == 0:
        return torch.poisson(log_rate.detach().exp(), generator=generator)
    return _torch_draw(log_rate, temperature, generator, relaxation)


def relaxed_count(
    log_rate: Tensor, exponentials: Tensor, temperature: float, relaxation: str = "eat"
) -> Tensor:
    """Return the relaxed count for given exponential waiting times; reference implementation.

    Parameters
    ----------
    log_rate : any shape
    exponentials : (n, *shape) draws of Exp(1); arrivals after the n-th are omitted
    temperature : tau > 0
    relaxation : 'eat' or 'eat-cubic'
    """
    arrivals = torch.cumsum(exponentials, dim=0) * torch.exp(-log_rate)
    early = (1.0 - arrivals) / temperature
    if relaxation == "eat":
        return torch.sigmoid(early).sum(dim=0)
    w = ((early + 1.0) / 2.0).clamp(0.0, 1.0)
    return (w * w * (3.0 - 2.0 * w)).sum(dim=0)


def _torch_draw(
    log_rate: Tensor, temperature: float, generator: torch.Generator, relaxation: str
) -> Tensor:
    top = min(float(log_rate.detach().max().exp()), MAX_RELAXED_RATE)
    top *= stop_time(temperature, relaxation)
    n = math.ceil(top + 6.0 * math.sqrt(top) + 6.0)
    shape, options = tuple(log_rate.shape), {"dtype": log_rate.dtype, "device": log_rate.device}
    waits = torch.empty((n, *shape), **options).exponential_(generator=generator)
    ceiling = math.log(MAX_RELAXED_RATE)
    few = relaxed_count(log_rate.clamp(max=ceiling), waits, temperature, relaxation)
    mean, variance = normal_moments(temperature, relaxation)
    normal = torch.randn(shape, generator=generator, **options)
    rate = log_rate.clamp(min=ceiling).exp()
    many = (rate * mean + torch.sqrt(rate * variance) * normal).clamp(min=0)
    return torch.where(log_rate > ceiling, many, few)


class _FusedDraw(torch.autograd.Function):
    """Autograd function: one pass computes z and dz/du; the backward pass is one product."""

    @staticmethod
    def forward(ctx, log_rate, temperature, key, first, relaxation):  # pyright: ignore
        rate = torch.exp(log_rate.detach()).contiguous()
        z, slope = torch.empty_like(rate), torch.empty_like(rate)
        fill_draws(
            rate.view(-1).numpy(),
            float(temperature),
            key=key,
            first=first,
            z=z.view(-1).numpy(),
            slope=slope.view(-1).numpy(),
            relaxation=relaxation,
        )
        if temperature == 0:
            ctx.mark_non_differentiable(z)
        ctx.save_for_backward(slope)
        return z

    @staticmethod
    def backward(ctx, *grads):  # pyright: ignore
        (slope,) = ctx.saved_tensors
        return grads[0] * slope, None, None, None, None
