"""Loss of an unrolled iterative Poisson VAE."""

from typing import NamedTuple

import torch
from torch import Tensor

from ipvae.errors import ConfigError
from ipvae.float_models.config import KL_FORMS
from ipvae.train.models.trainable_ipvae import Unrolled, gaussian_nll

REFERENCE_PIXELS = 256


class Loss(NamedTuple):
    """Loss of a batch.

    Attributes
    ----------
    total : scalar, (nll + beta * kl) * 256 / M, the minimised loss; with a price of activity, the
        price is added to the sum
    nll, kl : scalars in nats, mean over images and steps
    """

    total: Tensor
    nll: Tensor
    kl: Tensor


def poisson_kl(u: Tensor, previous: Tensor, form: str = "exact") -> Tensor:
    """Return the divergence between Poisson posteriors, summed over neurons, in nats.

    exact:    sum_k e^{u'} (1 + e^d (d - 1)),  d = u - u',  u' the previous log-rate
    official: the same with e^u in place of the first e^{u'}, as in the authors' code

    Parameters
    ----------
    u, previous : (B, K) log-rates; gradients flow into both
    form : 'exact' or 'official'

    Returns
    -------
    (B,)

    Raises
    ------
    ConfigError
        If `form` is neither.

    References
    ----------
    exact: arXiv 2405.14473, KL of two Poisson distributions; official: code of arXiv 2410.19315.
    """
    if form not in KL_FORMS:
        raise ConfigError(f"KL form is {form!r}; allowed are {', '.join(KL_FORMS)}. Choose one.")
    difference, rate = u - previous, torch.exp(u)
    if form == "exact":
        return (torch.exp(previous) + rate * (difference - 1.0)).sum(dim=1)
    return (rate * (1.0 + torch.exp(difference) * (difference - 1.0))).sum(dim=1)


def batch_loss(unrolled: Unrolled, beta: float, form: str = "official", price: float = 0.0) -> Loss:
    """Return the mean over steps 1 .. T and images of [NLL + beta KL], times 256 / M.

    Parameters
    ----------
    unrolled : result of T updates
    beta : weight of the divergence from the previous step's posterior
    form : form of the divergence, see `poisson_kl`
    price : of each neuron that is expected to send in an update, 1 - exp(-rate), in nats

    References
    ----------
    arXiv 2410.19315, eq. for the online free energy; scale 256 / M from the authors' code.
    """
    nll = gaussian_nll(torch.stack(unrolled.squared_error), unrolled.log_sigma).mean()
    beliefs = unrolled.log_rates
    pairs = zip(beliefs[1:], beliefs[:-1], strict=True)
    kl = torch.stack([poisson_kl(u, previous, form) for u, previous in pairs]).mean()
    scale = REFERENCE_PIXELS / unrolled.log_sigma.numel()
    total = nll + beta * kl
    if price:
        sending = [-torch.expm1(-torch.exp(u)).sum(dim=1).mean() for u in beliefs[1:]]
        total = total + price * torch.stack(sending).mean()
    return Loss(total * scale, nll, kl)
