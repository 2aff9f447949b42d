"""Random numbers of a model, with keys that make them independent of shards and order."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ipvae.float_models.inference.draws import normal, stream_key
from ipvae.train.fused.relaxed_poisson import generator_of, relaxed_poisson


class Draws(NamedTuple):
    """Sources of random numbers for a latent.

    Attributes
    ----------
    poisson : counts (B, K) from log-rates (B, K) and the step's number
    normal : standard normal numbers of the shape of its first argument, at a step
    """

    poisson: Callable[[Tensor, int], Tensor]
    normal: Callable[[Tensor, int], Tensor]


def exact_draws(seed: int, first_image: int = 0) -> Draws:
    """Return integer Poisson counts and normal numbers keyed by (seed, step, image, latent).

    Parameters
    ----------
    seed : 0 or more
    first_image : number of the batch's first image
    """

    def poisson(log_rate: Tensor, step: int) -> Tensor:
        first = first_image * log_rate.shape[1]
        return relaxed_poisson(log_rate, 0.0, stream_key(seed, step), first=first)

    def gaussian(like: Tensor, step: int) -> Tensor:
        return keyed_normal(like, stream_key(seed, step), first=first_image * like.shape[1])

    return Draws(poisson, gaussian)


def keyed_normal(like: Tensor, key: int, *, first: int = 0) -> Tensor:
    """Draw standard normal numbers of the shape, type and device of `like`; no gradient.

    On the CPU they equal `ipvae.float_models.inference.draws.normal`, for any batch or thread.

    Parameters
    ----------
    like : any shape, float
    key : 64-bit stream, see `stream_key`
    first : index of the first element within the stream
    """
    if like.device.type != "cpu":
        generator = generator_of(like.device, key, first)
        return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    return torch.from_numpy(normal(tuple(like.shape), key, first=first)).to(like.dtype)
