"""Constant inhibition that balances the noise of Poisson counts.

Rates settle where Phi^T D (x - Phi r) = exp(c) for neurons that send, and is below it for others:
at the nonnegative r of least |x - Phi r|_D^2 / 2 + sum_k exp(c_k) r_k. What a step shows are counts
of these rates, whose variance is their mean, so that the expected error of a drawn reconstruction

    E |x - Phi z|_D^2 / 2 = |x - Phi r|_D^2 / 2 + sum_k r_k (phi_k^T D phi_k) / 2

has the same form. It is least with exp(c_k) = phi_k^T D phi_k / 2. With less, rates grow beyond
their optimum after training's T steps: spikes and noise increase, and R2 falls.
"""

from collections.abc import Mapping

import numpy as np

from ipvae.float_models.inference.steps import precision


def balanced_inhibition(params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return phi_m^T D phi_m / 2 of each map, (C,) float64.

    Parameters
    ----------
    params : tensors of a conv-ipvae, see `ipvae.float_models.zoo.ModelSpec.tensors`
    """
    wide = {name: np.asarray(value, np.float64) for name, value in params.items()}
    squares = np.square(wide["kernels"]).sum(axis=(2, 3))
    return squares @ precision(wide) / 2.0


def with_balanced_inhibition(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parameters with a constant inhibition exp(c) of at least the balanced one."""
    least = np.maximum(balanced_inhibition(params), np.finfo(np.float32).tiny)
    log_bias = np.asarray(params["log_bias"], np.float64)
    raised = np.maximum(log_bias, np.log(least)).astype(np.float32)
    return {**params, "log_bias": raised}
