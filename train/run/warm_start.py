"""Initial weights of a training: random, or from an earlier training."""

import hashlib
from pathlib import Path

import numpy as np

from ipvae.errors import ConfigError
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, model_of
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.units import in_training_units
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.train.models.vae import Model
from ipvae.train.run.resume import ResumeState, is_unfinished, read_unfinished
from ipvae.train.run.state import TrainState


def weights_of(
    source: Path | Checkpoint, weight_bits: int = 0
) -> tuple[str, dict[str, np.ndarray], float]:
    """Return kind, parameters and unit of a model, or of an unfinished training.

    The parameters apply to real pixel values divided by the unit.

    Parameters
    ----------
    source : model, or path of a model or of an unfinished training
    weight_bits : bits of the new training; rounding learned for other bits is omitted

    Raises
    ------
    CheckpointError
        If the source cannot be read as either.
    """
    unfinished = _unfinished(source)
    if unfinished is not None:
        params, unit = unfinished.state.params, unfinished.options.get("unit", 1.0)
        return *_for_bits(unfinished.config, params, weight_bits), unit
    checkpoint = source if isinstance(source, Checkpoint) else load_checkpoint(source)
    params, unit = in_training_units(checkpoint.params, checkpoint.member)
    return *_for_bits(checkpoint.config, params, weight_bits), unit


def nature_of(source: Path | Checkpoint) -> dict[str, str | int]:
    """Return `preset`, `model` and `latents` of a model trained by ipvae, else an empty dict.

    Raises
    ------
    CheckpointError
        If the source cannot be read.
    """
    begun = _unfinished(source)
    if begun is not None:
        config = begun.config
    else:
        config = (source if isinstance(source, Checkpoint) else load_checkpoint(source)).config
    names = ("preset", "model", "latents")
    return {} if config is None else {name: getattr(config, name) for name in names}


def _unfinished(source: Path | Checkpoint) -> ResumeState | None:
    """Read the unfinished training at a path, if there is one."""
    if isinstance(source, Path) and source.is_dir() and is_unfinished(source):
        return read_unfinished(source)
    return None


def _for_bits(
    config: TrainConfig | None, params: dict[str, np.ndarray], weight_bits: int
) -> tuple[str, dict[str, np.ndarray]]:
    kind = model_of(config)
    left_out = () if config and config.weight_bits == weight_bits else MODEL_SPECS[kind].rounded
    return kind, {name: value for name, value in params.items() if name not in left_out}


def digest(params: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 of parameters, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(params):
        found.update(name.encode() + params[name].tobytes())
    return found.hexdigest()


def state_from(model: Model, params: dict[str, np.ndarray], where: Path | str) -> TrainState:
    """Return the first state of a training of `model` that starts with `params`.

    A missing learned rounding keeps the model's initial value.

    Raises
    ------
    ConfigError
        If a parameter is missing or of another shape.
    """
    state = TrainState.first(model)
    rounded = {n: state.params[n] for n in MODEL_SPECS["ipvae"].rounded if n in state.params}
    params = {**rounded, **params}
    for name, value in state.params.items():
        if name not in params or params[name].shape != value.shape:
            found = params[name].shape if name in params else "nothing"
            raise ConfigError(
                f"{where}: its '{name}' is {found}, and the model to train has {value.shape}. "
                "Begin from a model of the same kind, image size and latents=."
            )
    return TrainState(0, {name: params[name] for name in state.params}, state.mean, state.peak)
