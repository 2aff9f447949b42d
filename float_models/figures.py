"""Measures of a generative model, in nats per image (ELBO, NLL, KL), and its active latents."""

import math
from dataclasses import asdict, dataclass

import numpy as np

from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.inference import kernels
from ipvae.float_models.inference.infer import State
from ipvae.float_models.inference.steps import Belief, log_sigma, precision
from ipvae.float_models.zoo import PRIORS

ACTIVE = 0.01


@dataclass(frozen=True)
class Figures:
    """Measures of a generative model, means over images.

    Attributes
    ----------
    nll : E_q[-log p(x | z)], nats, with the exact expectation over z
    kl : exact divergence of the posterior from the model's prior, nats
    elbo : -(nll + kl), a lower bound of the mean log p(x)
    active_latents : latents whose expected z varies over images by more than 0.01; for a Gaussian,
        in units of the prior's variance. Burda et al. 2016, arXiv 1509.00519, section 5
    dead_latents : all other latents
    """

    nll: float
    kl: float
    elbo: float
    active_latents: int
    dead_latents: int

    def as_dict(self) -> dict[str, float]:
        """JSON data."""
        return asdict(self)


def figures(checkpoint: Checkpoint, images: np.ndarray, state: State) -> Figures:
    """Return the measures of posteriors for images.

    The prior is the one of `ipvae.float_models.inference.infer.sample`, for any number of updates,
    so that the ELBO is a bound for every posterior. (The loss of iterative models has another KL,
    from the posterior one update before.) If a posterior depends on earlier draws, the bound is in
    expectation over them.

    Parameters
    ----------
    checkpoint : the model
    images : (N, M), real units
    state : result of `ipvae.float_models.inference.infer.infer` for the same images
    """
    latent = checkpoint.member.latent
    params = {name: array.astype(np.float64) for name, array in checkpoint.params.items()}
    belief = tuple(part.astype(np.float64) for part in state.belief)
    prior = tuple(params[name][None] for name in PRIORS[latent])
    weights, phi = precision(params), params["phi"]
    mean, variance = moments(latent, belief)
    error = np.square(np.asarray(images, dtype=np.float64) - mean @ phi.T) @ weights
    error = error + variance @ (np.square(phi) * weights[:, None]).sum(axis=0)
    constant = log_sigma(params).sum() + 0.5 * len(phi) * math.log(2.0 * math.pi)
    nll = float((0.5 * error + constant).mean())
    divergence = float(kl(latent, belief, prior).sum(axis=1).mean())
    centre = np.exp(belief[0]) if latent == "poisson" else belief[0]
    unit = 1.0 if latent == "poisson" else np.exp(2.0 * prior[1][0])  # prior variance of z
    active = int((centre.var(axis=0) / unit > ACTIVE).sum())
    elbo = -(nll + divergence)
    return Figures(nll, divergence, elbo, active, checkpoint.n_latents - active)


def kl(latent: str, belief: Belief, prior: Belief) -> np.ndarray:
    """Return the divergence of a posterior from a prior, (B, K) nats.

    Poisson, log-rates u and u': e^u' - e^u + e^u (u - u'). Gaussian, means m, m' and log
    deviations s, s': ((m - m')^2 / e^2s' + e^2(s - s') - 1) / 2 - (s - s').

    References
    ----------
    Poisson: arXiv 2405.14473.
    """
    if latent == "poisson":
        (u,), (previous,) = belief, prior
        return np.exp(previous) + np.exp(u) * (u - previous - 1.0)
    (mean, log_scale), (mean0, log_scale0) = belief, prior
    ratio = log_scale - log_scale0
    distance = (mean - mean0) * np.exp(-log_scale0)
    return 0.5 * (np.square(distance) + np.exp(2.0 * ratio) - 1.0) - ratio


def moments(latent: str, belief: Belief) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the decoder's input, (B, K) float64 each.

    For rectified latents, max(z, 0) with z normal of mean m and deviation s, a = m / s: mean
    s (a P(a) + p(a)), second moment s^2 ((a^2 + 1) P(a) + a p(a)), P and p the standard normal
    distribution function and density.
    """
    if latent == "poisson":
        rate = np.exp(belief[0])
        return rate, rate
    mean, log_scale = belief
    if latent == "gaussian":
        return mean, np.exp(2.0 * log_scale)
    scale = np.exp(log_scale)
    a = mean / scale
    density = np.exp(-0.5 * np.square(a)) / math.sqrt(2.0 * math.pi)
    below = np.empty_like(a)
    kernels.normal_cdf(a.reshape(-1), below.reshape(-1))
    first = scale * (a * below + density)
    second = np.square(scale) * ((np.square(a) + 1.0) * below + a * density)
    return first, np.maximum(second - np.square(first), 0.0)
