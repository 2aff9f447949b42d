"""Training with a rounded recurrent matrix and straight-through gradients."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Rounding = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float, np.ndarray]]
"""Function from G = a Phi^T D Phi, (K, K) float64 in nats per count, and its learned change, (K, K)
float64 in integer steps, to `StraightThroughRounding` in float64."""


class StraightThroughRounding(NamedTuple):
    """Rounded recurrent matrix, of the dtype and device of G.

    Attributes
    ----------
    matrix : (K, K) nats per count
    step : value of one integer step, nats per count
    free : (K, K), 1 for an unclipped entry, 0 for a clipped entry, which has no gradient
    """

    matrix: Tensor
    step: float
    free: Tensor


def as_it_runs(recurrent: Tensor, change: Tensor, rounding: Rounding) -> StraightThroughRounding:
    """Return the rounded form of `recurrent` with `change`, both (K, K).

    A non-finite matrix is returned unchanged, so that training reports the divergence.
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

    Clipped entries have no gradient.

    References
    ----------
    Straight-through estimator: arXiv 1308.3432.
    """
    runs = as_it_runs(recurrent, change, rounding)
    passed = runs.free * (recurrent + runs.step * change)
    return passed + (runs.matrix - passed).detach()
