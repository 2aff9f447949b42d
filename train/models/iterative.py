"""Iterative inference: one natural-gradient step of a posterior, as pure functions.

Each step descends the free energy with the previous posterior as prior, so its KL term has no
gradient there: u' = u - a F^-1 grad_u [|x - Phi code(z)|^2_D / 2]. F is the Fisher information of
the posterior and z a draw from it. Both families also subtract a constant inhibition exp(c).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ipvae.float_models.inference.steps import MEAN_MAX, MEAN_STEP_MAX, SCALE_MAX, SCALE_STEP_MAX
from ipvae.train.models.dynamics import soft_clamp
from ipvae.train.models.latents import Belief, bounded

_LIMIT_START, _LIMIT_END = 2.0, 10.0

Update = Callable[[Belief, Tensor, Tensor, Mapping[str, Tensor], float], Belief]
"""Function from posterior, z (B, K), pull (B, K), parameters and C of the soft clamp to the next
posterior.

The pull is minus the gradient with respect to z: code'(z) Phi^T D (x - Phi code(z)).
"""


def poisson_update(
    belief: Belief, _: Tensor, pull: Tensor, params: Mapping[str, Tensor], limit: float
) -> Belief:
    """Return SC(u + SC(a (pull - e^c))): `ipvae.train.models.dynamics.step_direct`.

    References
    ----------
    arXiv 2410.19315.
    """
    push = torch.exp(params["log_lr"]) * (pull - torch.exp(params["log_bias"]))
    return (soft_clamp(belief[0] + soft_clamp(push, limit), limit),)


def gaussian_update(
    belief: Belief, z: Tensor, pull: Tensor, params: Mapping[str, Tensor], limit: float
) -> Belief:
    """Update mean m and log deviation s of a normal posterior with z = m + e^s n.

    m' = B( m + B( a_m (e^2s pull - e^c) ) ),  s' = B( s + B( a_s n e^s pull / 2 ) )

    B(v) = C tanh(v / C); C ramps with `limit` from 1 to 7 (m and its step), 2 (s) and 3 (its
    step). e^2s and 1/2 are the inverse Fisher information of (m, s).

    References
    ----------
    arXiv 2410.19315, iG-VAE, by the released code (main/layers.py, GaussianLayer).
    """
    mean, log_scale = belief
    share = min(max((limit - _LIMIT_START) / (_LIMIT_END - _LIMIT_START), 0.0), 1.0)

    def within(v: Tensor, last: float) -> Tensor:
        return bounded(v, 1.0 + share * (last - 1.0))

    # z - m is e^s n: the noise, without gradient, times the deviation.
    scale = torch.exp(log_scale)
    noise = ((z - mean) / scale).detach()
    to_mean = torch.exp(params["log_lr_mean"]) * (
        scale.square() * pull - torch.exp(params["log_bias"])
    )
    to_scale = torch.exp(params["log_lr_scale"]) * 0.5 * noise * scale * pull
    return (
        within(mean + within(to_mean, MEAN_STEP_MAX), MEAN_MAX),
        within(log_scale + within(to_scale, SCALE_STEP_MAX), SCALE_MAX),
    )


UPDATES: dict[str, Update] = {
    "poisson": poisson_update,
    "gaussian": gaussian_update,
    "rectified": gaussian_update,
}
