"""State of an unfinished training, RUN/resume.safetensors, written atomically; no pickle."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from ipvae.errors import CheckpointError, ConfigError, DataError, InputError
from ipvae.files import atomic_write, require_file
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.parameters import check_params
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.json_text import parse_json
from ipvae.train.datasets.images import Images
from ipvae.train.run.running_mean import RunningMean
from ipvae.train.run.state import TrainState

NAME = "resume.safetensors"
VERSION = 1
_GROUPS = ("params", "mean", "peak")


@dataclass(frozen=True, eq=False)
class ResumeState:
    """Interrupted training.

    Attributes
    ----------
    config : settings of the training
    images : fingerprint of its images, see `fingerprint`
    state : current state
    seconds : training time at the end of each finished epoch, and the current time last
    options : other options: device, data_dir, images, test_images (files of a user's own),
        tensorboard, pictures, processes; start, the digest of the initial weights; unit, the real
        pixel value that is 1 in training, if not 1
    """

    config: TrainConfig
    images: str
    state: TrainState
    seconds: list[float]
    options: dict[str, Any] = field(default_factory=dict)


def fingerprint(images: Images) -> str:
    """Return a hash of all image data that training reads."""
    info = images.info
    digest = hashlib.sha256(repr((info, images.test_pixels.shape)).encode())
    if info.channels != 1:  # not in the text of the description
        digest.update(str(info.channels).encode())
    digest.update(images.train_pixels.tobytes())
    digest.update(images.test_pixels.tobytes())
    return digest.hexdigest()


def write_unfinished(run: Path, unfinished: ResumeState) -> None:
    """Write the state of a training into its folder, replacing the previous one.

    Raises
    ------
    CheckpointError
        If the folder cannot be written; the previous state is kept.
    """
    state = unfinished.state
    arrays = {
        f"{group}.{name}": np.array(getattr(state, group)[name], order="C")
        for group in _GROUPS
        for name in state.params
    }
    for name, value in state.average.params.items():
        arrays[f"average.{name}"] = np.array(value, order="C")
    content = json.dumps(
        {
            "version": VERSION,
            "config": unfinished.config.to_json(),
            "images": unfinished.images,
            "done": state.done,
            "averaged": state.average.count,
            "sums": state.sums,
            "history": state.history,
            "seconds": unfinished.seconds,
            "options": unfinished.options,
        }
    )
    metadata = {"training": content, "mark": _mark(content, arrays)}
    try:
        atomic_write(run / NAME, to_safetensors(arrays, metadata=metadata))
    except InputError as error:
        raise CheckpointError(
            f"{error}; the one before is kept. Then continue with resume=True."
        ) from error


def is_unfinished(run: Path) -> bool:
    """Return True if a folder contains the state of a training."""
    return os.path.exists(run / NAME)  # Path.exists raises for unsearchable folders


def read_unfinished(run: Path) -> ResumeState | None:
    """Read the result of `write_unfinished`, None without a file.

    Raises
    ------
    CheckpointError
        If the file is damaged or of another version.
    """
    path = run / NAME
    if not is_unfinished(run):
        return None
    try:
        require_file(path, CheckpointError)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. Or start over with overwrite=True.") from error
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            content = parse_json(metadata["training"])
            if content["version"] != VERSION:
                raise _other_version(path, content["version"])
            member = MODEL_SPECS[content["config"]["model"]]
            learned = member.rounded if content["config"].get("weight_bits") else ()
            tensors = (*member.tensors, *learned)
            averaged = content.get("averaged", 0)  # older files have none
            groups = (*_GROUPS, "average") if averaged else _GROUPS
            names = {f"{group}.{name}" for group in groups for name in tensors}
            arrays = {name: file.get_tensor(name) for name in sorted(names)}
    except CheckpointError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, f"not readable ({error})") from error
    if metadata.get("mark") != _mark(metadata["training"], arrays):
        raise _damaged(path, "its content does not fit its mark")
    found = {group: {name: arrays[f"{group}.{name}"] for name in tensors} for group in groups}
    state = TrainState(
        content["done"],
        **{group: found[group] for group in _GROUPS},
        sums=tuple(content["sums"]),
        history=content["history"],
        average=RunningMean(averaged, found.get("average", {})),
    )
    config = TrainConfig.from_json(content["config"])
    return ResumeState(config, content["images"], state, content["seconds"], content["options"])


def discard_unfinished(run: Path) -> None:
    """Remove the state of a training whose model is saved."""
    (run / NAME).unlink(missing_ok=True)


def require_same_settings(config: TrainConfig, given: dict[str, Any], where: Path) -> None:
    """Raise an error for settings that differ from the training's; None means not given.

    Raises
    ------
    ConfigError
        If one differs; the message names the first.
    """
    for name, value in given.items():
        begun = getattr(config, name)
        if value is not None and value != begun:
            raise ConfigError(
                f"{name}: found {value}, but the training in {where} has "
                f"{begun}, and its settings cannot change on the way. Omit it, or choose "
                "another out=, or start over with overwrite=True."
            )


def require_same_images(unfinished: ResumeState, images: Images, run: Path) -> None:
    """Raise an error for images that differ from the training's.

    Raises
    ------
    DataError
        If the images differ.
    """
    found = fingerprint(images)
    if found != unfinished.images:
        raise DataError(
            f"{run / NAME}: the training began with other images (fingerprint "
            f"{unfinished.images[:12]}, found {found[:12]}); only the same ones are allowed. "
            "Pass their folder with data_dir=, or start over with overwrite=True."
        )
    model = unfinished.config.model
    check_params(
        unfinished.state.params, images.info, str(run / NAME), model, unfinished.config.kernel_size
    )


def _mark(content: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _other_version(path: Path, version: Any) -> CheckpointError:
    return CheckpointError(
        f"{path}: version is {version!r}, this ipvae reads {VERSION}. "
        "Continue with the ipvae that wrote it, or start over with overwrite=True."
    )


def _damaged(path: Path, found: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: {found}, allowed is a state that ipvae.train_model wrote; "
        "copy it again, or start over with overwrite=True"
    )
