"""Trainable iterative Poisson VAE, with its parameters and the unrolled updates."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ipvae.train.models.dynamics import log_sigma, step_on
from ipvae.train.rounded_weights import Rounding, straight_through

if TYPE_CHECKING:
    from ipvae.float_models.config import TrainConfig
    from ipvae.train.draws import Draws
    from ipvae.train.models.loss import Loss
    from ipvae.train.run.schedule import Settings

Draw = Callable[[Tensor, int], Tensor]
"""Function from log-rates (B, K) and the step index to counts (B, K)."""


class Unrolled(NamedTuple):
    """Results of T updates for the loss.

    Attributes
    ----------
    log_rates : T + 1 tensors (B, K), u_0 .. u_T; for films of F frames F T + 1, and so on
    counts : T + 1 tensors (B, K), z_0 .. z_T, of the read-out
    squared_error : T tensors (B,), |x - Phi z_t|^2 weighted by 1 / sigma^2, t = 1 .. T
    log_sigma : (M,) logarithm of each pixel's standard deviation
    """

    log_rates: list[Tensor]
    counts: list[Tensor]
    squared_error: list[Tensor]
    log_sigma: Tensor


class IPVAE(nn.Module):
    """Iterative Poisson VAE with a linear decoder, arXiv 2410.19315.

    Parameters
    ----------
    n_pixels : M
    n_latents : K
    seed : seed of the initial values
    rounded : learn a change of the recurrent matrix

    Attributes
    ----------
    phi : (M, K) dictionary, starts at N(0, 1e-4^2)
    u0 : (K,) first log-rates, start at U(-6, -4)
    log_bias : (K,) c, starts at -3
    log_lr : scalar, logarithm of the step size, starts at 0
    log_sigma_raw : (M,) l with log sigma = 3.45 tanh(l / 3.45), starts at 0
    recurrent_change : (K, K) only if `rounded`; added to a Phi^T D Phi before rounding, in integer
        steps; starts at 0
    """

    def __init__(
        self, n_pixels: int, n_latents: int, seed: int = 0, *, rounded: bool = False
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.phi = nn.Parameter(1e-4 * torch.randn(n_pixels, n_latents, generator=generator))
        self.u0 = nn.Parameter(-6.0 + 2.0 * torch.rand(n_latents, generator=generator))
        self.log_bias = nn.Parameter(torch.full((n_latents,), -3.0))
        self.log_lr = nn.Parameter(torch.zeros(()))
        self.log_sigma_raw = nn.Parameter(torch.zeros(n_pixels))
        if rounded:
            self.recurrent_change = nn.Parameter(torch.zeros(n_latents, n_latents))

    def forward(
        self,
        x: Tensor,
        steps: int,
        limit: float,
        draw: Draw,
        *,
        draws: int = 1,
        rounding: Rounding | None = None,
    ) -> Unrolled:
        """Unroll `steps` updates of each frame in Gram form, with the state kept between frames.

        Parameters
        ----------
        x : (B, M) images, or (B, F, M) films of F frames
        steps : T, updates of an image or of each frame
        limit : C of the soft clamp
        draw : function from log-rates and a step index, 0 .. F T, to counts
        draws : 1 to share each draw between update and read-out; 2 for a separate read-out draw,
            with index F T + t at step t
        rounding : of the recurrent matrix in the updates; the read-out's error is not affected
        """
        deviation = log_sigma(self.log_sigma_raw)
        weighted = torch.exp(-2.0 * deviation)[:, None] * self.phi
        match = x @ weighted
        gram = self.phi.T @ weighted
        step_size = torch.exp(self.log_lr)
        drive = step_size * (match - torch.exp(self.log_bias))
        energy = (x.square() * torch.exp(-2.0 * deviation)).sum(dim=-1)
        recurrent = None
        if rounding is not None:
            recurrent = straight_through(step_size * gram, self.recurrent_change, rounding).T

        update, last = step_on(x.device.type), steps
        if x.dim() == 3:
            last = x.shape[1] * steps
            frames = [part.unbind(1) for part in (drive, match, energy)]
        u = self.u0.expand(x.shape[0], -1)
        z = draw(u, 0)
        log_rates, counts, errors = [u], [z], []
        overlap = z @ gram
        for t in range(1, last + 1):
            if x.dim() == 3:
                drive, match, energy = (part[(t - 1) // steps] for part in frames)
            u = update(u, drive, step_size * overlap if recurrent is None else z @ recurrent, limit)
            z = draw(u, t)
            overlap = z @ gram
            shown, seen = z, overlap
            if draws == 2:
                shown = draw(u, last + t)
                seen = shown @ gram
            errors.append(energy + (shown * (seen - 2.0 * match)).sum(dim=1))
            log_rates.append(u)
            counts.append(shown)
        return Unrolled(log_rates, counts, errors, deviation)

    def batch_loss(
        self,
        x: Tensor,
        *,
        config: "TrainConfig",
        now: "Settings",
        draws: "Draws",
        rounding: Rounding | None = None,
    ) -> "Loss":
        """Return `ipvae.train.models.loss.batch_loss` of images (B, M) or films (B, F, M)."""
        from ipvae.train.models.loss import batch_loss  # circular import

        unrolled = self(
            x, now.steps, now.limit, draws.poisson, draws=config.draws, rounding=rounding
        )
        return batch_loss(unrolled, now.beta, config.kl, config.activity_price)

    def sample(self, n: int, seed: int = 0, *, noise: bool = False) -> np.ndarray:
        """Draw images (n, M) from the prior, see `ipvae.train.models.vae.VAE.sample`."""
        from ipvae.train.models.vae import VAE  # circular import

        general = VAE.from_arrays("ipvae", (1, self.phi.shape[0]), self.arrays())
        return general.sample(n, seed, noise=noise)

    def step_sizes(self) -> list[float]:
        """Return the learned step size, exp(log_lr)."""
        return [float(self.log_lr.detach().exp())]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters as float32 arrays by name, as in a checkpoint."""
        return {
            name: value.detach().cpu().numpy().astype(np.float32, copy=True)
            for name, value in self.named_parameters()
        }

    @classmethod
    def from_arrays(cls, params: dict[str, np.ndarray]) -> "IPVAE":
        """Build a model from the result of `arrays`."""
        model = cls(*params["phi"].shape, rounded="recurrent_change" in params)
        model.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in params.items()})
        return model


def gaussian_nll(squared_error: Tensor, deviation: Tensor) -> Tensor:
    """Return -log N(x; x^, sigma) of each image, in nats.

    Parameters
    ----------
    squared_error : (..., B) weighted by 1 / sigma^2
    deviation : (M,) log sigma
    """
    constant = deviation.sum() + 0.5 * deviation.numel() * math.log(2.0 * math.pi)
    return 0.5 * squared_error + constant
