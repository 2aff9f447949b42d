"""Trainable convolutional iterative Poisson VAE."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ipvae.evaluation.metrics import quality_of_images
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.stability import DIVERGED
from ipvae.float_models.convolutional.steps import Prepared, decode, sample
from ipvae.train.models import convolution
from ipvae.train.models.dynamics import log_sigma, step_gram
from ipvae.train.models.loss import Loss, batch_loss
from ipvae.train.models.trainable_ipvae import Draw, Unrolled

if TYPE_CHECKING:
    from ipvae.float_models.config import TrainConfig
    from ipvae.train.draws import Draws
    from ipvae.train.run.schedule import Settings

MONITORED = 100
"""Images of the figures of an epoch, at most."""


class ConvolutionalIPVAE(nn.Module):
    """Iterative Poisson VAE whose decoder is a transposed convolution.

    The loss is the dense model's, arXiv 2410.19315, of the whole canvas: padding pixels are data of
    value 0, as in the updates, and M in the loss is the number of values of a canvas.

    Parameters
    ----------
    canvas : training images, kernels and stride
    seed : seed of the initial values

    Attributes
    ----------
    kernels : (C, c, k, k), start at N(0, 1e-4^2)
    u0 : (C,) first log-rates, start at U(-6, -4)
    log_bias : (C,) c, starts at -3
    log_lr : scalar, logarithm of the step size, starts at 0
    log_sigma_raw : (c,) l with log sigma = 3.45 tanh(l / 3.45), starts at 0
    """

    def __init__(self, canvas: Canvas, seed: int = 0) -> None:
        super().__init__()
        self.canvas = canvas
        channels, maps, k = canvas.image[0], canvas.maps, canvas.kernel
        generator = torch.Generator().manual_seed(seed)
        self.kernels = nn.Parameter(1e-4 * torch.randn(maps, channels, k, k, generator=generator))
        self.u0 = nn.Parameter(-6.0 + 2.0 * torch.rand(maps, generator=generator))
        self.log_bias = nn.Parameter(torch.full((maps,), -3.0))
        self.log_lr = nn.Parameter(torch.zeros(()))
        self.log_sigma_raw = nn.Parameter(torch.zeros(channels))

    @property
    def weighted(self) -> Tensor:
        """D Phi, (C, c, k, k)."""
        precision = torch.exp(-2.0 * log_sigma(self.log_sigma_raw))
        return precision[:, None, None] * self.kernels

    def pixel_deviations(self) -> Tensor:
        """Return log sigma of each value of a canvas, (M,)."""
        height, width = self.canvas.size
        return log_sigma(self.log_sigma_raw)[:, None].expand(-1, height * width).reshape(-1)

    def forward(self, x: Tensor, steps: int, limit: float, draw: Draw) -> Unrolled:
        """Unroll `steps` updates in Gram form.

        Parameters
        ----------
        x : (B, c h w) images
        steps : T
        limit : C of the soft clamp
        draw : function from log-rates (B, K) and a step index, 0 .. T, to counts
        """
        canvases, weighted = convolution.padded(x, self.canvas), self.weighted
        gram = convolution.gram_kernels(weighted, self.kernels, self.canvas.stride)
        match = convolution.drive(canvases, weighted, self.canvas.stride).flatten(1)
        step_size = torch.exp(self.log_lr)
        drive = step_size * (match - self._everywhere(torch.exp(self.log_bias)))
        deviation = self.pixel_deviations()
        energy = (canvases.flatten(1).square() * torch.exp(-2.0 * deviation)).sum(dim=1)

        def overlap(z: Tensor) -> Tensor:
            maps = z.reshape(-1, *self.canvas.grid)
            return convolution.inhibition(maps, gram).flatten(1)

        u = self._everywhere(self.u0).expand(len(x), -1)
        z = draw(u, 0)
        seen = overlap(z)
        log_rates, counts, errors = [u], [z], []
        for t in range(1, steps + 1):
            u = step_gram(u, drive, step_size * seen, limit)
            z = draw(u, t)
            seen = overlap(z)
            errors.append(energy + (z * (seen - 2.0 * match)).sum(dim=1))
            log_rates.append(u)
            counts.append(z)
        return Unrolled(log_rates, counts, errors, deviation)

    def batch_loss(
        self, x: Tensor, *, config: "TrainConfig", now: "Settings", draws: "Draws"
    ) -> Loss:
        """Return `ipvae.train.models.loss.batch_loss` of images (B, c h w)."""
        unrolled = self(x, now.steps, now.limit, draws.poisson)
        return batch_loss(unrolled, now.beta, config.kl)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw images (n, c h w) from the prior: counts at the rates exp(u0), decoded."""
        return sample(self.arrays(), self.canvas, n, seed)

    def step_sizes(self) -> list[float]:
        """Return the learned step size, exp(log_lr)."""
        return [float(self.log_lr.detach().exp())]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters as float32 arrays by name, as in a checkpoint."""
        return {
            name: value.detach().cpu().numpy().astype(np.float32, copy=True)
            for name, value in self.named_parameters()
        }

    def _everywhere(self, values: Tensor) -> Tensor:
        """Return values of maps (C,) at every place, (K,)."""
        _, height, width = self.canvas.grid
        return values[:, None].expand(-1, height * width).reshape(-1)


def held_out_quality(
    params: Mapping[str, np.ndarray], canvas: Canvas, x: np.ndarray, steps: int, seed: int
) -> dict[str, float]:
    """Return mse, r2 and zeros of the first images after a number of updates with exact draws.

    An image with a count above `DIVERGED` ends there, with the error of that step: draws of
    diverging rates are slow, and training has to lower them.

    Parameters
    ----------
    params : by name
    canvas : training images, kernels and stride
    x : (N, c h w) images, of which MONITORED are used
    steps : number of updates
    seed : seed of the draws
    """
    x, prepared = x[:MONITORED], Prepared.of(params, canvas)
    counts = np.empty((len(x), canvas.neurons), dtype=np.float32)
    for index, image in enumerate(x.reshape(-1, *canvas.image)):
        for _, z, _ in prepared.trajectory(image, steps, seed=seed, index=index):
            counts[index] = z.ravel()
            if z.max() > DIVERGED:
                break
    shown = decode(params, canvas, counts).reshape(x.shape)
    return quality_of_images(x, shown, counts)
