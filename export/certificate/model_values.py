"""Real values of an iterative model in the units of the integer network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

LOG_SIGMA_BOUND = 3.45
CLAMP_LOW, CLAMP_HIGH = -8.0, 10.0
"""Limits of the soft clamp in nats, arXiv 2410.19315's code."""
RATE_BOUND_OCTAVES = 8
"""Largest log-rate that the sampler draws, in octaves."""
STATE_END, TERM_END, SELF_END = 2**23, 2**21, 2**22
"""Bounds of the magnitudes of states, terms and self-inhibition; exclusive."""
PULL = math.exp(-CLAMP_HIGH)
"""Constant effect of the soft clamp far below its limit, in nats (docs/quantization.md)."""


def octave_units(frac_bits: int) -> float:
    """Units of 2**-frac_bits octaves in a nat."""
    return 2.0**frac_bits / math.log(2.0)


@dataclass(frozen=True, eq=False)
class ModelValues:
    """Parameters of an iterative Poisson VAE in float64.

    Attributes
    ----------
    phi : (M, K), pixels per count
    precision : (M,), 1 / sigma^2
    step_size : float
    push : (K,), constant inhibition e^c, before the step size
    u0 : (K,), nats
    """

    phi: np.ndarray
    precision: np.ndarray
    step_size: float
    push: np.ndarray
    u0: np.ndarray

    @classmethod
    def of(cls, params: Mapping[str, np.ndarray]) -> "ModelValues":
        """Read the parameters of a checkpoint."""
        wide = {name: np.asarray(value, np.float64) for name, value in params.items()}
        log_sigma = LOG_SIGMA_BOUND * np.tanh(wide["log_sigma_raw"] / LOG_SIGMA_BOUND)
        if "log_unit" in wide:
            log_sigma = log_sigma + float(wide["log_unit"].reshape(-1)[0])
        return cls(
            wide["phi"],
            np.exp(-2.0 * log_sigma),
            float(np.exp(wide["log_lr"].reshape(-1)[0])),
            np.exp(wide["log_bias"]),
            wide["u0"],
        )

    def scaled(self, step: float, push: float) -> "ModelValues":
        """Return the model with multiples of its step size and of its constant inhibition."""
        return replace(self, step_size=self.step_size * step, push=self.push * push)

    @property
    def drive(self) -> np.ndarray:
        """A Phi^T D: (K, M), nats per unit of a pixel."""
        return self.step_size * self.phi.T * self.precision

    @property
    def gram(self) -> np.ndarray:
        """A Phi^T D Phi: (K, K), nats per count."""
        weighted = np.sqrt(self.precision)[:, None] * self.phi
        return self.step_size * (weighted.T @ weighted)


def log_rate_limits(frac_bits: int, high: float = CLAMP_HIGH) -> dict[str, int]:
    """Limits of log-rate and of an update, in units of 2**-frac_bits octaves."""
    units = octave_units(frac_bits)
    return {
        "u_min": round(CLAMP_LOW * units),
        "u_max": min(round(high * units), RATE_BOUND_OCTAVES << frac_bits),
        "du_min": round(CLAMP_LOW * units),
        "du_max": round(CLAMP_HIGH * units),
    }
