"""Loss and gradient of a batch, by the fastest method for the model and the device."""

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ipvae.float_models.config import TrainConfig
from ipvae.float_models.inference.draws import stream_key
from ipvae.train.draws import Draws, keyed_normal
from ipvae.train.fused.convolutional import convolutional_gradient
from ipvae.train.fused.parallel import Run, split
from ipvae.train.fused.relaxed_poisson import relaxed_poisson
from ipvae.train.fused.unroll import Unroll, Workspace, unrolled_gradient
from ipvae.train.models.convolutional import ConvolutionalIPVAE
from ipvae.train.models.loss import Loss
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.models.vae import Model
from ipvae.train.rounded_weights import Rounding
from ipvae.train.run.process_group import ProcessGroup
from ipvae.train.run.schedule import Settings


@dataclass(frozen=True, eq=False)
class TrainContext:
    """Resources for processing a batch.

    Attributes
    ----------
    for_each : parallel map over threads, see `ipvae.train.fused.parallel.workers`
    team : processes that share a batch
    workspace : memory, reused from batch to batch
    rounding : of the recurrent matrix in iP-VAE's updates, None for no rounding
    """

    for_each: Run
    team: ProcessGroup = field(default_factory=ProcessGroup)
    workspace: Workspace = field(default_factory=Workspace)
    rounding: Rounding | None = None


def team_gradient(
    model: Model,
    x: Tensor,
    *,
    config: TrainConfig,
    now: Settings,
    stream: tuple[int, ...],
    means: TrainContext,
) -> tuple[Loss, dict[str, Tensor]]:
    """Return `loss_gradient` of a batch that is divided among the processes of the team."""
    rows = means.team.rows(len(x))
    share = (rows.stop - rows.start) / len(x)
    names = [name for name, _ in model.named_parameters()]
    if share > 0:
        loss, gradient = loss_gradient(
            model,
            x[rows],
            config=config,
            now=now,
            stream=stream,
            means=means,
            first_image=rows.start,
        )
    else:
        zero = torch.zeros(())
        loss = Loss(zero, zero, zero)
        gradient = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    if means.team.size == 1:
        return loss, gradient
    terms = torch.stack([term.detach().to(x) for term in loss])
    *gradients, terms = means.team.add_up(
        [share * part for part in (*(gradient[name] for name in names), terms)]
    )
    return Loss(*terms), dict(zip(names, gradients, strict=True))


def loss_gradient(
    model: Model,
    x: Tensor,
    *,
    config: TrainConfig,
    now: Settings,
    stream: tuple[int, ...],
    means: TrainContext,
    first_image: int = 0,
) -> tuple[Loss, dict[str, Tensor]]:
    """Return the loss of a batch and its gradient for each parameter.

    Images of iP-VAE in float32 on the CPU use `ipvae.train.fused.unroll`, of convolutional iP-VAE
    `ipvae.train.fused.convolutional`; films and other cases use autograd, on the CPU in shards.
    Draws are keyed by (stream, update, image, latent), so shards only affect rounding of sums.

    Parameters
    ----------
    model : on the device of `x`
    x : (B, M) images, or (B, F, M) films of iP-VAE
    config, now : settings of the run and of this optimiser step
    stream : integers that key the draws of this batch
    means : threads and memory
    first_image : index of the first image of `x` in the whole batch, for its draws
    """
    shards = config.threads if x.device.type == "cpu" else 1
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and config.draws == 1
    if plain and x.dim() == 2 and isinstance(model, (IPVAE, ConvolutionalIPVAE)):
        how = Unroll(config.kl, config.relaxation, now, stream, first_image, means.rounding)
        on: Any = {"shards": shards, "for_each": means.for_each, "workspace": means.workspace}
        if isinstance(model, IPVAE):
            return unrolled_gradient(model, x, how, **on)
        return convolutional_gradient(model, x, how, **on)
    names, parameters = zip(*model.named_parameters(), strict=True)

    def shard(rows: slice) -> tuple[tuple[Tensor, ...], np.ndarray]:
        draws = keyed_draws(config, now, stream, first_image + rows.start)
        how: dict[str, Any] = {"config": config, "now": now, "draws": draws}
        if means.rounding is not None:  # only for IPVAE, see `TrainConfig`
            how["rounding"] = means.rounding
        loss = model.batch_loss(x[rows], **how)
        share = (rows.stop - rows.start) / len(x)
        gradients = torch.autograd.grad(loss.total * share, parameters)
        return gradients, share * np.array([float(term.detach()) for term in loss])

    results = means.for_each(shard, split(len(x), shards))
    gradient = {
        name: functools.reduce(torch.add, [gradients[i] for gradients, _ in results])
        for i, name in enumerate(names)
    }
    terms = np.sum([terms for _, terms in results], axis=0)
    return Loss(*torch.from_numpy(terms)), gradient


def keyed_draws(
    config: TrainConfig, now: Settings, stream: tuple[int, ...], first_image: int
) -> Draws:
    """Return relaxed counts and normal numbers keyed by (stream, step, image, latent)."""

    def poisson(log_rate: Tensor, step: int) -> Tensor:
        return relaxed_poisson(
            log_rate,
            now.temperature,
            stream_key(*stream, step),
            first=first_image * log_rate.shape[1],
            relaxation=config.relaxation,
        )

    def normal(like: Tensor, step: int) -> Tensor:
        return keyed_normal(like, stream_key(*stream, step), first=first_image * like.shape[1])

    return Draws(poisson, normal)
