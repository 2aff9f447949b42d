"""Required names, shapes and types of a model's parameters."""

import numpy as np

from ipvae.errors import CheckpointError
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS, UNIT, ModelSpec, Shape


def optional_tensors(member: ModelSpec) -> dict[str, Shape]:
    """Return symbolic shapes of a model's optional tensors, in the file's order."""
    return {**member.rounded, **UNIT}


def check_names(names: set[str], where: str, model: str) -> None:
    """Raise CheckpointError if tensors are missing or unknown."""
    needed = set(MODEL_SPECS[model].tensors)
    allowed = needed | set(optional_tensors(MODEL_SPECS[model]))
    if not needed <= names <= allowed:
        unknown, missing = sorted(names - allowed), sorted(needed - names)
        raise CheckpointError(
            f"{where}: unknown tensors {unknown}, missing tensors {missing}; allowed for {model} "
            f"are {sorted(allowed)}. Train or copy the model again."
        )


def check_params(
    params: dict[str, np.ndarray],
    data: DataInfo,
    where: str,
    model: str = "ipvae",
    kernel_size: int = 0,
) -> None:
    """Raise an error for parameters of another name, shape or type, or not finite."""
    check_names(set(params), where, model)
    member = MODEL_SPECS[model]
    _check_channels(data, where, model)
    rules = member.belief_name
    if params[rules].ndim != 1 or params[rules].size == 0:
        raise CheckpointError(
            f"{where}: {rules}: found {params[rules].dtype} {params[rules].shape}, allowed float32 "
            "(K,), K above 0; train or copy the model again"
        )
    k = params[rules].shape[0]
    rounded = any(name in params for name in member.rounded)
    kernels = {"channels": data.channels, "kernel_size": kernel_size}
    shapes = member.shapes(data.image_shape, k, rounded=rounded, **kernels)
    for name, shape in (shapes | {name: () for name in UNIT if name in params}).items():
        array = params[name]
        if array.dtype != np.float32 or array.shape != shape or array.size == 0:
            raise CheckpointError(
                f"{where}: {name}: found {array.dtype} {array.shape}, allowed float32 {shape} with "
                f"{data.pixels} pixels and {k} {'maps' if member.convolutional else 'neurons'} "
                f"(the length of {rules}); train or copy the model again"
            )
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{where}: {name} has {int((~np.isfinite(array)).sum())} of {array.size} values "
                "that are not finite; none are allowed. Train or copy the model again."
            )


def _check_channels(data: DataInfo, where: str, model: str) -> None:
    if data.channels != 1 and not MODEL_SPECS[model].convolutional:
        names = [name for name, member in MODEL_SPECS.items() if member.convolutional]
        raise CheckpointError(
            f"{where}: its images have {data.channels} channels; {model} allows 1. Train it on "
            f"grey images, or train {', '.join(names)}."
        )
