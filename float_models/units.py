"""Conversion of parameters to the units of the images, after training in other units.

Training needs pixels of about 1. Images with real values far from 1 are first divided by their
unit, a power of two. Afterwards the model is converted to real values: counts and posteriors are
unchanged, and the reconstruction is multiplied by the unit.

    Phi' = s Phi,  log sigma' = log sigma + log s,  encoder: W' x' = W x for x' = s x
"""

import math
from collections.abc import Mapping

import numpy as np

from ipvae.float_models.zoo import ModelSpec

_POWERS: dict[str | None, dict[str, int]] = {
    None: {},
    "linear": {"encoder_weight": -1},
    "mlp": {
        "hidden_weight": -1,
        "residual_weight": 1,
        "residual_bias": 1,
        "encoder_weight": -1,
    },
    "conv": {"conv1_weight": -1},
}
"""By encoder: exponent of the unit in the factor of a tensor."""


def in_real_units(
    params: Mapping[str, np.ndarray], member: ModelSpec, unit: float
) -> dict[str, np.ndarray]:
    """Return the parameters for real images, after training on images divided by `unit`.

    Parameters
    ----------
    params : parameters by name, from training
    member : specification of the model
    unit : real pixel value that was 1 in training; a power of two, so that nothing is rounded
    """
    if unit == 1.0:
        return dict(params)
    log_unit = np.asarray(math.log(unit), dtype=np.float32)
    return {**_scaled(params, member, unit), "log_unit": log_unit}


def in_training_units(
    params: Mapping[str, np.ndarray], member: ModelSpec
) -> tuple[dict[str, np.ndarray], float]:
    """Return the parameters in training units, and the unit; the inverse of `in_real_units`."""
    unit = unit_of(params)
    kept = {name: array for name, array in params.items() if name != "log_unit"}
    return (kept if unit == 1.0 else _scaled(kept, member, 1.0 / unit)), unit


def unit_of(params: Mapping[str, np.ndarray]) -> float:
    """Return the real pixel value that was 1 in a model's training."""
    if "log_unit" not in params:
        return 1.0
    return 2.0 ** round(float(params["log_unit"]) / math.log(2.0))


def _scaled(
    params: Mapping[str, np.ndarray], member: ModelSpec, unit: float
) -> dict[str, np.ndarray]:
    powers = {"phi": 1, "kernels": 1, **_POWERS[member.encoder]}
    return {
        name: array * np.float32(unit ** powers[name]) if name in powers else array
        for name, array in params.items()
    }
