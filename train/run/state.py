"""State of a training between two optimiser steps, which determines all later steps.

Order of images and draws are keyed by (seed, iteration), so no generator state is stored.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ipvae.train.models.vae import Model
from ipvae.train.run.running_mean import RunningMean


class TornStateError(RuntimeError):
    """The parameters no longer match the requested step."""


@dataclass(frozen=True, eq=False)
class TrainState:
    """State of a training between two optimiser steps.

    Attributes
    ----------
    done : optimiser steps taken
    params : parameters of the model, float32 by name
    mean, peak : Adamax's running mean and running maximum, for each parameter
    sums : loss, NLL and KL summed over the finished batches of the epoch
    history : one record for each finished epoch, see `ipvae.train.run.fit.fit`
    average : mean of the parameters over the steps that are averaged
    """

    done: int
    params: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]
    peak: dict[str, np.ndarray]
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    history: list[dict[str, Any]] = field(default_factory=list)
    average: RunningMean = field(default_factory=RunningMean)

    @classmethod
    def first(cls, model: Model) -> "TrainState":
        """Return the state of a model before its first step."""
        params = model.arrays()
        zeros = {name: np.zeros_like(value) for name, value in params.items()}
        return cls(0, params, zeros, zeros)


def take_state(
    model: Model,
    optimiser: torch.optim.Adamax,
    *,
    done: int,
    sums: np.ndarray,
    history: list[dict[str, Any]],
    average: RunningMean,
) -> TrainState:
    """Copy the state from a model and its optimiser.

    Raises
    ------
    TornStateError
        If a later step has started to change them.
    """
    if any(int(state["step"]) != done for state in optimiser.state.values()):
        raise TornStateError(f"the state after optimiser step {done} is there no more")

    def moments(key: str) -> dict[str, np.ndarray]:
        return {
            name: optimiser.state[value][key].cpu().numpy().copy()
            for name, value in model.named_parameters()
        }

    loss, nll, kl = (float(value) for value in sums)
    return TrainState(
        done,
        model.arrays(),
        moments("exp_avg"),
        moments("exp_inf"),
        (loss, nll, kl),
        [*history],
        average,
    )


def put_state(model: Model, optimiser: torch.optim.Adamax, state: TrainState) -> None:
    """Copy a state into a model and its optimiser."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(torch.from_numpy(state.params[name]))
            optimiser.state[value] = {
                "step": torch.tensor(float(state.done)),
                "exp_avg": _like(value, state.mean[name]),
                "exp_inf": _like(value, state.peak[name]),
            }


def _like(value: torch.Tensor, array: np.ndarray) -> torch.Tensor:
    return torch.empty_like(value).copy_(torch.from_numpy(array))
