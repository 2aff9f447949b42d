"""Training through a rounded recurrent matrix: the updates see it, gradients do not."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Rounding = Callable[[np.ndarray], np.ndarray]
"""From G = a Phi^T D Phi, (K, K) float64 in nats per count, to the matrix that will run."""


def as_it_runs(recurrent: Tensor, rounding: Rounding) -> Tensor:
    """Return the matrix that will run in place of `recurrent`, (K, K), of its dtype and device.

    A matrix that is not finite is left alone, so that training says where it diverged.
    """
    if not torch.isfinite(recurrent).all():
        return recurrent
    found = rounding(recurrent.detach().cpu().numpy().astype(np.float64))
    return torch.from_numpy(found).to(recurrent)


def straight_through(recurrent: Tensor, rounding: Rounding) -> Tensor:
    """Return `as_it_runs`, with the gradient of `recurrent` itself.

    References
    ----------
    Straight-through estimator: arXiv 1308.3432.
    """
    return recurrent + (as_it_runs(recurrent, rounding) - recurrent).detach()
