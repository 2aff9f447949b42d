"""Any model of the zoo as one trainable module, composed of its parts."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ipvae.float_models.config import TrainConfig
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.zoo import MODEL_SPECS, PRIORS, STEP_SIZES
from ipvae.train.draws import Draws, exact_draws
from ipvae.train.models.convolutional import ConvolutionalIPVAE
from ipvae.train.models.dynamics import log_sigma, precision_of
from ipvae.train.models.encoders import ENCODE
from ipvae.train.models.iterative import UPDATES
from ipvae.train.models.latents import LATENTS, Belief
from ipvae.train.models.loss import REFERENCE_PIXELS, Loss, poisson_kl
from ipvae.train.models.trainable_ipvae import IPVAE, gaussian_nll
from ipvae.train.run.schedule import Settings

_PHI_SCALE = {"iterative": 1e-4, "hybrid": 1e-4, "amortized": 0.05}


class InferenceStep(NamedTuple):
    """Batch after one step of inference.

    Attributes
    ----------
    step : 0 is the prior, or the encoder's posterior for the hybrid
    belief, prior : see `ipvae.train.models.latents.Belief`; prior is the previous posterior
    code : (B, K) input of the decoder
    squared_error : (B,) |x - Phi code|^2, weighted by 1 / sigma^2
    """

    step: int
    belief: Belief
    prior: Belief
    code: Tensor
    squared_error: Tensor


class VAE(nn.Module):
    """Model of `ipvae.float_models.zoo.MODEL_SPECS`.

    Parameters
    ----------
    name : key of MODEL_SPECS
    image_shape : (height, width), with product M
    n_latents : K
    seed : seed of the initial values

    Attributes
    ----------
    phi : (M, K) dictionary; starts at N(0, 1e-4^2), amortized N(0, 0.05^2)
    u0 : or mean0, log_scale0: (K,) prior; log-rates start at U(-6, -4), the others at 0
    log_bias : (K,) constant inhibition, starts at -3; log_lr* : step sizes, start at 0
    log_sigma_raw : (M,) as in `ipvae.train.models.trainable_ipvae.IPVAE`
    the encoder's : weights start at N(0, 1 / inputs), biases at 0
    """

    def __init__(
        self, name: str, image_shape: tuple[int, int], n_latents: int, seed: int = 0
    ) -> None:
        super().__init__()
        self.name, self.image_shape, self.member = name, image_shape, MODEL_SPECS[name]
        self.latent = LATENTS[self.member.latent]
        generator = torch.Generator().manual_seed(seed)
        for tensor, shape in self.member.shapes(image_shape, n_latents).items():
            start = self._start(tensor, shape, generator)
            setattr(self, tensor, nn.Parameter(start))

    def _start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        if name == "phi":
            return _PHI_SCALE[self.member.inference] * torch.randn(shape, generator=generator)
        if name == "u0":
            return -6.0 + 2.0 * torch.rand(shape, generator=generator)
        if name.endswith("_weight"):
            fan_in = math.prod(shape[1:])
            return torch.randn(shape, generator=generator) / math.sqrt(fan_in)
        return torch.full(shape, -3.0 if name == "log_bias" else 0.0)

    @property
    def params(self) -> dict[str, Tensor]:
        """Parameters by name."""
        return dict(self.named_parameters())

    def prior(self, n: int) -> Belief:
        """Return n copies of the prior."""
        return tuple(getattr(self, name).expand(n, -1) for name in PRIORS[self.member.latent])

    def guess(self, x: Tensor) -> Belief:
        """Return the encoder's posterior for images (B, M)."""
        assert self.member.encoder is not None
        change = ENCODE[self.member.encoder](self.params, x, self.image_shape)
        parts = change.chunk(len(PRIORS[self.member.latent]), dim=1)
        return self.latent.shift(self.prior(len(x)), parts)

    def moments(
        self, x: Tensor, steps: int, limit: float, draws: Draws, *, first: int = 0
    ) -> Iterator[InferenceStep]:
        """Infer, step by step.

        Parameters
        ----------
        x : (B, M) images
        steps : T; an amortized model needs one, and only draws again at later steps
        limit : C of the soft clamp of iterative updates
        draws : sources of random numbers
        first : first step, 0 or 1 for amortized models
        """
        if self.member.inference == "amortized":
            yield from self._amortized(x, steps, draws, first)
        else:
            yield from self._iterative(x, steps, limit, draws)

    def _amortized(
        self, x: Tensor, steps: int, draws: Draws, first: int
    ) -> Iterator[InferenceStep]:
        prior = self.prior(len(x))
        precision = precision_of(self.params["log_sigma_raw"])
        for step in range(first, steps + 1):
            belief = prior if step == 0 else self.guess(x)
            code = self.latent.code(self.latent.draw(belief, draws, step))
            error = ((x - code @ self.params["phi"].T).square() * precision).sum(dim=1)
            yield InferenceStep(step, belief, prior, code, error)

    def _iterative(
        self, x: Tensor, steps: int, limit: float, draws: Draws
    ) -> Iterator[InferenceStep]:
        params, update = self.params, UPDATES[self.member.latent]
        precision = precision_of(params["log_sigma_raw"])
        weighted = precision[:, None] * params["phi"]
        match, gram = x @ weighted, params["phi"].T @ weighted
        energy = (x.square() * precision).sum(dim=1)
        prior = self.prior(len(x))
        belief = self.guess(x) if self.member.inference == "hybrid" else prior
        for step in range(steps + 1):
            z = self.latent.draw(belief, draws, step)
            code = self.latent.code(z)
            overlap = code @ gram
            error = energy + (code * (overlap - 2.0 * match)).sum(dim=1)
            yield InferenceStep(step, belief, prior, code, error)
            prior = belief
            if step < steps:
                pull = self.latent.slope(z) * (match - overlap)
                belief = update(belief, z, pull, params, limit)

    def batch_loss(self, x: Tensor, *, config: TrainConfig, now: Settings, draws: Draws) -> Loss:
        """Return the mean over steps and images of [NLL + beta KL], times 256 / M.

        Steps are 1 .. T; for the hybrid they start at 0, where its encoder is compared with the
        prior. The divergence is from the previous posterior; `config.kl` selects its form for
        counts.
        """
        hybrid = self.member.inference == "hybrid"
        errors, divergences = [], []
        for moment in self.moments(x, now.steps, now.limit, draws, first=1):
            if moment.step == 0 and not hybrid:
                continue
            errors.append(moment.squared_error)
            if config.kl == "official":
                kl = poisson_kl(moment.belief[0], moment.prior[0], config.kl)
            else:
                kl = self.latent.kl(moment.belief, moment.prior).sum(dim=1)
            divergences.append(kl)
        deviation = log_sigma(self.params["log_sigma_raw"])
        nll = gaussian_nll(torch.stack(errors), deviation).mean()
        kl = torch.stack(divergences).mean()
        return Loss((nll + now.beta * kl) * (REFERENCE_PIXELS / deviation.numel()), nll, kl)

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, *, noise: bool = False) -> np.ndarray:
        """Draw images from the model: z from the prior, then the decoder's mean.

        Parameters
        ----------
        n : number of images
        seed : seed of the draws
        noise : add the decoder's normal noise of deviation sigma, so that images follow p(x)

        Returns
        -------
        (n, M) float32, real units
        """
        draws = exact_draws(seed)
        code = self.latent.code(self.latent.draw(self.prior(n), draws, 0))
        images = code @ self.params["phi"].T
        if noise:
            deviation = torch.exp(log_sigma(self.params["log_sigma_raw"]))
            images = images + deviation * draws.normal(images, 1)
        return images.cpu().numpy().astype(np.float32)

    def step_sizes(self) -> list[float]:
        """Return the learned step sizes of iterative updates; empty for an amortized model."""
        if self.member.inference == "amortized":
            return []
        names = STEP_SIZES[self.member.latent]
        return [float(self.params[name].detach().exp()) for name in names]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters as float32 arrays by name, as in a checkpoint."""
        return {
            name: value.detach().cpu().numpy().astype(np.float32, copy=True)
            for name, value in self.named_parameters()
        }

    @classmethod
    def from_arrays(
        cls, name: str, image_shape: tuple[int, int], arrays: Mapping[str, np.ndarray]
    ) -> "VAE":
        """Build a model from the result of `arrays`, without tensors of its rounded form."""
        model = cls(name, image_shape, arrays["phi"].shape[1])
        kept = {key: a for key, a in arrays.items() if key not in MODEL_SPECS[name].rounded}
        model.load_state_dict({key: torch.from_numpy(a.copy()) for key, a in kept.items()})
        return model


Model = IPVAE | VAE | ConvolutionalIPVAE


def start_model(
    name: str,
    image_shape: tuple[int, int],
    n_latents: int,
    seed: int,
    *,
    rounded: bool = False,
    canvas: Canvas | None = None,
) -> Model:
    """Return a model to train: iP-VAE in its fast form, other models composed of parts.

    Only a convolutional model has a `canvas`, which then determines its sizes.
    """
    if canvas is not None:
        return ConvolutionalIPVAE(canvas, seed)
    if name == "ipvae":
        return IPVAE(image_shape[0] * image_shape[1], n_latents, seed, rounded=rounded)
    return VAE(name, image_shape, n_latents, seed)
