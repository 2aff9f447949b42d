"""Mean of a model's parameters over the last part of a training."""

from dataclasses import dataclass, field

import numpy as np
import torch

from ipvae.train.models.vae import Model


@dataclass(frozen=True, eq=False)
class RunningMean:
    """Mean of the parameters after each of the optimiser steps added so far.

    The mean is float64: with float32 the changes of a mean of thousands of steps would be lost.

    Attributes
    ----------
    count : optimiser steps added
    params : mean by name, float64; empty as long as `count` is 0
    """

    count: int = 0
    params: dict[str, np.ndarray] = field(default_factory=dict)

    def plus(self, params: dict[str, np.ndarray]) -> "RunningMean":
        """Return the mean that includes the parameters after one more step."""
        count = self.count + 1
        added = {name: np.asarray(value, np.float64) for name, value in params.items()}
        if self.count:
            added = {
                name: np.asarray(self.params[name] + (value - self.params[name]) / count)
                for name, value in added.items()
            }
        return RunningMean(count, added)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the mean as float32 arrays by name, as in a checkpoint."""
        return {name: value.astype(np.float32) for name, value in self.params.items()}

    def put(self, model: Model) -> None:
        """Replace a model's parameters by the mean, if a step was added."""
        if self.count == 0:
            return
        means = self.arrays()
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(torch.from_numpy(means[name]))
