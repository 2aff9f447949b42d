"""Training through a rounded recurrent matrix: updates run on integers, gradients pass through."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Rounding = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float, np.ndarray]]
"""From G = a Phi^T D Phi, (K, K) float64 in nats per count, and what was learned to add to it,
(K, K) float64 in integer steps, to `StraightThroughRounding` in float64."""


class StraightThroughRounding(NamedTuple):
    """A recurrent matrix as it will run, of the dtype and device of G.

    Attributes
    ----------
    matrix : (K, K) nats per count
    step : what an integer stands for, nats per count
    free : (K, K) 1 where an entry is not clipped, 0 where it is and has no gradient
    """

    matrix: Tensor
    step: float
    free: Tensor


def as_it_runs(recurrent: Tensor, change: Tensor, rounding: Rounding) -> StraightThroughRounding:
    """Return what will run in place of `recurrent` with `change`, both (K, K).

    A matrix that is not finite is left alone, so that training says where it diverged.
    """
    if not (torch.isfinite(recurrent).all() and torch.isfinite(change).all()):
        return StraightThroughRounding(recurrent, 1.0, torch.ones_like(recurrent))
    exact, added = (m.detach().cpu().numpy().astype(np.float64) for m in (recurrent, change))
    matrix, step, free = rounding(exact, added)
    return StraightThroughRounding(
        torch.from_numpy(matrix).to(recurrent), step, torch.from_numpy(free).to(recurrent)
    )


def straight_through(recurrent: Tensor, change: Tensor, rounding: Rounding) -> Tensor:
    """Return the matrix of `as_it_runs`, with the gradient of recurrent + step change.

    Clipped entries have none.

    References
    ----------
    Straight-through estimator: arXiv 1308.3432.
    """
    runs = as_it_runs(recurrent, change, rounding)
    passed = runs.free * (recurrent + runs.step * change)
    return passed + (runs.matrix - passed).detach()
