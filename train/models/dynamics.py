"""Update of the iterative Poisson VAE as pure functions, in its two equivalent forms."""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ipvae.float_models.inference.steps import LOG_RATE_MIN


def soft_clamp(v: Tensor, limit: float) -> Tensor:
    """Limit log-rates to [-8, limit], smoothly from above.

    SC(v) = C - softplus(C - max(v, -8))

    Parameters
    ----------
    v : any shape, float
    limit : C, log-rate units; 10 for a trained model

    Returns
    -------
    same shape and dtype; the gradient is zero below -8

    References
    ----------
    arXiv 2410.19315, released code (main/layers.py).
    """
    return limit - F.softplus(limit - torch.clamp(v, min=LOG_RATE_MIN))


def precision_of(log_sigma_raw: Tensor) -> Tensor:
    """Return D's diagonal, 1 / sigma^2, with log sigma = 3.45 tanh(raw / 3.45); (M,) float."""
    return torch.exp(-2.0 * log_sigma(log_sigma_raw))


def log_sigma(log_sigma_raw: Tensor) -> Tensor:
    """Return log sigma = 3.45 tanh(raw / 3.45), natural logarithm, (M,) float."""
    return 3.45 * torch.tanh(log_sigma_raw / 3.45)


def step_direct(
    u: Tensor,
    z: Tensor,
    x: Tensor,
    *,
    phi: Tensor,
    precision: Tensor,
    step_size: Tensor,
    bias: Tensor,
    limit: float,
) -> Tensor:
    """Update log-rates by the residual of the reconstruction.

    u' = SC( u + SC( a * ( Phi^T D (x - Phi z) - exp(c) ) ) )

    Parameters
    ----------
    u, z : (B, K) log-rates and counts before the update
    x : (B, M) images
    phi : (M, K) dictionary
    precision : (M,) D, 1 / sigma^2 of each pixel
    step_size : scalar, a = exp(log_lr)
    bias : (K,) exp(c), subtracted from every drive
    limit : C of the soft clamp

    Returns
    -------
    (B, K) log-rates after the update

    References
    ----------
    arXiv 2410.19315, online update with one inner iteration.
    """
    residual = (x - z @ phi.T) * precision
    return soft_clamp(u + soft_clamp(step_size * (residual @ phi - bias), limit), limit)


def step_gram(u: Tensor, drive: Tensor, feedback: Tensor, limit: float) -> Tensor:
    """Update log-rates by a fixed drive and recurrent inhibition; equivalent to `step_direct`.

    u' = SC( u + SC( b - G z ) )

    Parameters
    ----------
    u : (B, K) log-rates before the update
    drive : (B, K) b = a (Phi^T D x - exp(c)), computed once for each image
    feedback : (B, K) G z for the counts before the update, G = a Phi^T D Phi
    limit : C of the soft clamp
    """
    return soft_clamp(u + soft_clamp(drive - feedback, limit), limit)


@functools.cache
def step_on(device_type: str) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    """Return `step_gram` for a device type: fused by torch.compile on cuda, plain otherwise.

    On the CPU, training of iP-VAE uses `ipvae.train.fused.unroll` instead.
    """
    return torch.compile(step_gram, fullgraph=True) if device_type == "cuda" else step_gram
