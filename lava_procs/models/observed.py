"""Models that send the recorded variables of Lava's neurons, which compute as they do without it.

The models of `procs/observed_*` combine one of these classes with Lava's own model.
"""

# pyright: reportAttributeAccessIssue=false

from typing import Any, ClassVar

import numpy as np


class Observer:
    """Sends recorded variables through `trace` at the end of every step.

    Attributes
    ----------
    NAMES : dict of variable -> attribute of the model
    received : array
        Synaptic input of the step.
    """

    NAMES: ClassVar[dict[str, str]]
    received: np.ndarray
    implements_process: ClassVar[Any] = None  # else it would name Lava's process

    def run_spk(self) -> None:
        """Run one step of Lava's model, then send."""
        super().run_spk()  # pyright: ignore
        model: Any = self
        values = [getattr(self, self.NAMES[name]) for name in model.proc_params["record"]]
        model.trace.send(np.stack(values).astype(np.int32))


class CubaObserver(Observer):
    """Observer of Lava's LIF and LIFReset: states at the end of the step, after the reset."""

    NAMES: ClassVar = {"a_in": "received", "current": "u", "voltage": "v"}

    def subthr_dynamics(self, activation_in: np.ndarray) -> None:
        """Keep the synaptic input, then update as Lava does."""
        self.received = activation_in
        super().subthr_dynamics(activation_in)  # pyright: ignore


class SigmaObserver(Observer):
    """Observer of Lava's Sigma and SigmaDelta."""

    NAMES: ClassVar = {
        "a_in": "received",
        "sigma": "sigma",
        "residue": "residue",
        "reference": "act",
    }

    def sigma_dynamics(self, a_in_data: np.ndarray) -> np.ndarray:
        """Keep the synaptic input, then integrate as Lava does."""
        self.received = a_in_data
        return super().sigma_dynamics(a_in_data)  # pyright: ignore
