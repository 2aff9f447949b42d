"""Random numbers that a model asks for, each keyed so that nothing depends on shards or order."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ipvae.train.arrivals import fractions
from ipvae.train.relaxed_poisson import generator_of, relaxed_poisson, stream_key


class Draws(NamedTuple):
    """What a latent may draw from.

    Attributes
    ----------
    poisson : counts (B, K) from log-rates (B, K) and the step's number
    normal : standard normal numbers of the shape of its first argument, at a step
    """

    poisson: Callable[[Tensor, int], Tensor]
    normal: Callable[[Tensor, int], Tensor]


def exact_draws(seed: int, first_image: int = 0) -> Draws:
    """Return whole Poisson counts and normal numbers keyed by (seed, step, image, latent).

    Parameters
    ----------
    seed : 0 or more
    first_image : number of the batch's first image
    """

    def poisson(log_rate: Tensor, step: int) -> Tensor:
        first = first_image * log_rate.shape[1]
        return relaxed_poisson(log_rate, 0.0, stream_key(seed, step), first=first)

    def normal(like: Tensor, step: int) -> Tensor:
        return keyed_normal(like, stream_key(seed, step), first=first_image * like.shape[1])

    return Draws(poisson, normal)


def keyed_normal(like: Tensor, key: int, *, first: int = 0) -> Tensor:
    """Draw standard normal numbers of the shape, type and device of `like`; no gradient.

    On the CPU element i depends on (key, first + i) alone, whatever the batch or the thread; by
    Box and Muller's transform of 24-bit numbers, so that none is beyond 5.8 deviations.

    Parameters
    ----------
    like : any shape, float
    key : 64-bit stream, see `stream_key`
    first : index of the first element within the stream
    """
    if like.device.type != "cpu":
        generator = generator_of(like.device, key, first)
        return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    size, turns = fractions(key, first, like.numel(), 2)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - size))
    found = radius * np.cos(np.float32(2.0 * np.pi) * turns)
    return torch.from_numpy(found.reshape(tuple(like.shape))).to(like.dtype)
