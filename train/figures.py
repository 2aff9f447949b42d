"""Figures of a generative model, in nats for each image: ELBO, NLL, KL; and its active latents."""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from ipvae.train.checkpoint import Checkpoint
from ipvae.train.dynamics import log_sigma, precision_of
from ipvae.train.infer import State
from ipvae.train.model import gaussian_nll
from ipvae.train.vae import VAE
from ipvae.train.zoo import PRIORS

ACTIVE = 0.01


@dataclass(frozen=True)
class Figures:
    """Means over images.

    Attributes
    ----------
    nll : E_q[-log p(x | z)], nats, the expectation over z exact
    kl : exact divergence of the belief from the model's own prior, nats
    elbo : -(nll + kl); the mean of log p(x) is at least that
    active_latents : latents whose expected z varies over images by more than 0.01; Gaussian: in
        units of the prior's variance. Burda et al. 2016, arXiv 1509.00519, section 5
    dead_latents : all others
    """

    nll: float
    kl: float
    elbo: float
    active_latents: int
    dead_latents: int

    def as_dict(self) -> dict[str, float]:
        """JSON data."""
        return asdict(self)


@torch.no_grad()
def figures(checkpoint: Checkpoint, images: np.ndarray, state: State) -> Figures:
    """Return the figures of beliefs about images.

    The prior is the one that `VAE.sample` draws from, whatever the number of updates: with it
    the ELBO is a bound for every belief. (The loss of iterative models has another KL, from
    the belief one update before.) A belief that depends on earlier draws gives the bound in
    expectation over them.

    Parameters
    ----------
    checkpoint : the model
    images : (N, M), real units
    state : of `ipvae.train.infer.infer` with the same images
    """
    model = VAE.from_arrays(checkpoint.model, checkpoint.data.image_shape, checkpoint.params)
    params, latent = model.double().params, model.latent
    belief = tuple(torch.from_numpy(part).double() for part in state.belief)
    x = torch.from_numpy(np.asarray(images, dtype=np.float64))
    prior = tuple(params[name][None] for name in PRIORS[model.member.latent])
    precision = precision_of(params["log_sigma_raw"])
    mean, variance = latent.moments(belief)
    error = ((x - mean @ params["phi"].T).square() * precision).sum(dim=1)
    error = error + variance @ (params["phi"].square() * precision[:, None]).sum(dim=0)
    nll = float(gaussian_nll(error, log_sigma(params["log_sigma_raw"])).mean())
    kl = float(latent.kl(belief, prior).sum(dim=1).mean())
    centre = torch.exp(belief[0]) if model.member.latent == "poisson" else belief[0]
    activity = centre.var(dim=0, unbiased=False) / latent.spread(prior)[0]
    active = int((activity > ACTIVE).sum())
    return Figures(nll, kl, -(nll + kl), active, activity.numel() - active)
