"""Latent distributions: draws, read-out and divergences of posteriors."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ipvae.float_models.inference.steps import LOG_RATE_MAX, LOG_SCALE_MAX
from ipvae.train.draws import Draws

Belief = tuple[Tensor, ...]
"""Posterior or prior parameters, (B, K) each. Poisson: log-rate. Gaussian: mean and log
deviation."""


@dataclass(frozen=True)
class Latent:
    """Family of latents; all functions are pure and act on each latent independently.

    Attributes
    ----------
    draw : (belief, draws, step) -> z (B, K), with a gradient to the belief
    code : z -> input of the decoder (B, K)
    slope : z -> derivative of `code` (B, K)
    kl : (belief, prior) -> divergence in nats (B, K), exact
    shift : (prior, change) -> posterior from an encoder's output
    """

    draw: Callable[[Belief, Draws, int], Tensor]
    code: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    kl: Callable[[Belief, Belief], Tensor]
    shift: Callable[[Belief, Belief], Belief]


def ceiling(v: Tensor, limit: float) -> Tensor:
    """Limit values smoothly from above: C - softplus(C - v)."""
    return limit - torch.nn.functional.softplus(limit - v)


def bounded(v: Tensor, limit: float) -> Tensor:
    """Limit values smoothly to +-C: C tanh(v / C)."""
    return limit * torch.tanh(v / limit)


def poisson_kl(belief: Belief, prior: Belief) -> Tensor:
    """Return KL(Poisson(e^u) | Poisson(e^u')) = e^u' - e^u + e^u (u - u'), (B, K) nats.

    References
    ----------
    arXiv 2405.14473.
    """
    (u,), (previous,) = belief, prior
    return torch.exp(previous) + torch.exp(u) * (u - previous - 1.0)


def gaussian_kl(belief: Belief, prior: Belief) -> Tensor:
    """Return KL between normal distributions, means m, m' and log deviations s, s', (B, K) nats.

    ((m - m')^2 / e^2s' + e^2(s - s') - 1) / 2 - (s - s')
    """
    (mean, log_scale), (mean0, log_scale0) = belief, prior
    ratio = log_scale - log_scale0
    distance = (mean - mean0) * torch.exp(-log_scale0)
    return 0.5 * (distance.square() + torch.exp(2.0 * ratio) - 1.0) - ratio


def _gaussian_draw(belief: Belief, draws: Draws, step: int) -> Tensor:
    mean, log_scale = belief
    return mean + torch.exp(log_scale) * draws.normal(mean, step)


def _rectified_slope(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


_POISSON = Latent(
    draw=lambda belief, draws, step: draws.poisson(belief[0], step),
    code=lambda z: z,
    slope=torch.ones_like,
    kl=poisson_kl,
    shift=lambda prior, change: (ceiling(prior[0] + change[0], LOG_RATE_MAX),),
)
_GAUSSIAN = Latent(
    draw=_gaussian_draw,
    code=lambda z: z,
    slope=torch.ones_like,
    kl=gaussian_kl,
    shift=lambda prior, change: (
        prior[0] + change[0],
        bounded(prior[1] + change[1], LOG_SCALE_MAX),
    ),
)
LATENTS = {
    "poisson": _POISSON,
    "gaussian": _GAUSSIAN,
    "rectified": replace(_GAUSSIAN, code=torch.relu, slope=_rectified_slope),
}
