"""Parameters in the units of the images, from a training on images in other units.

Training wants pixels of about 1. Images whose real values are far from that are divided by their
unit before, a power of two, and the model is brought to their own values afterwards: counts and
beliefs stay as they are, the reconstruction is multiplied by the unit.

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
"""By encoder: power of the unit that multiplies a tensor."""


def in_real_units(
    params: Mapping[str, np.ndarray], member: ModelSpec, unit: float
) -> dict[str, np.ndarray]:
    """Return the parameters for images that were divided by `unit` in training.

    Parameters
    ----------
    params : by name, of the training
    member : whose parameters they are
    unit : real pixel value that was 1 in training; a power of two, so that nothing is rounded
    """
    if unit == 1.0:
        return dict(params)
    log_unit = np.asarray(math.log(unit), dtype=np.float32)
    return {**_scaled(params, member, unit), "log_unit": log_unit}


def in_training_units(
    params: Mapping[str, np.ndarray], member: ModelSpec
) -> tuple[dict[str, np.ndarray], float]:
    """Return the parameters as training had them, and the unit: the inverse of `in_real_units`."""
    unit = unit_of(params)
    kept = {name: array for name, array in params.items() if name != "log_unit"}
    return (kept if unit == 1.0 else _scaled(kept, member, 1.0 / unit)), unit


def unit_of(params: Mapping[str, np.ndarray]) -> float:
    """Return the real pixel value that was 1 in the training of a model."""
    if "log_unit" not in params:
        return 1.0
    return 2.0 ** round(float(params["log_unit"]) / math.log(2.0))


def _scaled(
    params: Mapping[str, np.ndarray], member: ModelSpec, unit: float
) -> dict[str, np.ndarray]:
    powers = {"phi": 1, **_POWERS[member.encoder]}
    return {
        name: array * np.float32(unit ** powers[name]) if name in powers else array
        for name, array in params.items()
    }
