"""Checkpoints of trained models, RUN/model.safetensors and RUN/model.json; no pickle, no torch."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from ipvae.errors import CheckpointError, DataError, InputError
from ipvae.files import atomic_write_all, require_file
from ipvae.float_models.config import TrainConfig, dumps
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.data import DataInfo
from ipvae.float_models.description import (
    KIND,
    MAX_BYTES,
    VERSION,
    parse,
    read_header,
    read_json,
    unreadable,
)
from ipvae.float_models.parameters import check_names, check_params, optional_tensors
from ipvae.float_models.zoo import DENSE, MODEL_SPECS, ModelSpec
from ipvae.outputs import RUN_FILES, UNFINISHED, require_outputs, run_output
from ipvae.results import Result, json_data


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint(Result):
    """Trained model as arrays, with its provenance.

    Attributes
    ----------
    params : by name, see `ipvae.float_models.zoo.ModelSpec.tensors`; all float32 and finite
    config : settings of its training, None if ipvae did not train it
    data : description of the training images
    metrics : last metrics of its training, by name
    start : digest of the initial weights of its training, None if they were random
    """

    params: dict[str, np.ndarray]
    config: TrainConfig | None
    data: DataInfo
    metrics: dict[str, float] = field(default_factory=dict)
    start: str | None = None

    @property
    def model(self) -> str:
        """Name of the model, a key of `ipvae.float_models.zoo.MODEL_SPECS`."""
        return model_of(self.config)

    @property
    def member(self) -> ModelSpec:
        """Specification of the model."""
        return MODEL_SPECS[self.model]

    @property
    def n_pixels(self) -> int:
        """M, the number of pixels; of a convolutional model, in a training image."""
        return self.data.pixels if self.member.convolutional else self.params["phi"].shape[0]

    @property
    def n_latents(self) -> int:
        """K, the number of neurons; of a convolutional model, for a training image."""
        return self.canvas.neurons if self.member.convolutional else self.params["phi"].shape[1]

    @property
    def canvas(self) -> Canvas:
        """Grid of maps of a convolutional model over a training image.

        Raises
        ------
        DataError
            If the model is not convolutional.
        """
        if not self.member.convolutional or self.config is None:
            raise DataError(f"canvas: found a model of kind {self.model}, allowed conv-ipvae")
        image = (self.data.channels, *self.data.image_shape)
        return Canvas(image, len(self.params["u0"]), self.config.kernel_size, self.config.stride)

    def require_dictionary(self, purpose: str) -> None:
        """Raise InputError if the model has kernels instead of a dense dictionary.

        Parameters
        ----------
        purpose : beginning of the message, such as the name of the model
        """
        if self.member.convolutional:
            raise InputError(
                f"{purpose}: found a model of kind {self.model}, allowed {', '.join(DENSE)}; give "
                "one of them (docs/convolutional.md lists what works on convolutional models)"
            )

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model into a folder, created if missing: model.safetensors and model.json.

        Returns
        -------
        path of the .safetensors file

        Raises
        ------
        InputError
            If the folder contains a model or an unfinished training, and `overwrite` is False; if
            it contains other files of these names; or if it cannot be written.
        CheckpointError
            If a parameter does not belong to the model.
        """
        require_outputs([run_output(folder, overwrite=overwrite, name="")])
        return save_checkpoint(folder, self, alone=True)

    def rows(self) -> list[tuple[str, str]]:
        """Return the main values as pairs of name and text."""
        sides = " x ".join(map(str, self.data.image_shape))
        colour = f", {self.data.channels} channels" if self.data.channels != 1 else ""
        rows = [
            ("model", self.model),
            ("pixels", f"{sides}{colour}"),
            ("neurons", self._neurons()),
            ("data", self.data.preset),
        ]
        if self.config is not None:
            rows.append(("steps in training", str(self.config.steps)))
        names = {"epoch": "epochs", "r2": "R2 on held-out images", "zeros": "zeros"}
        rows += [(names[key], f"{self.metrics[key]:.4g}") for key in names if key in self.metrics]
        return rows

    def _neurons(self) -> str:
        """Text of their number, and of the grid of maps."""
        if not self.member.convolutional:
            return str(self.n_latents)
        of = self.canvas
        grid = " x ".join(map(str, of.grid))
        return (
            f"{of.neurons} ({grid} maps of kernels {of.kernel} x {of.kernel}, stride {of.stride})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: model, sizes, data, settings and metrics; no parameters."""
        return json_data(
            {
                "model": self.model,
                "pixels": self.n_pixels,
                "neurons": self.n_latents,
                "data": self.data.to_json(),
                "config": None if self.config is None else self.config.to_json(),
                "metrics": self.metrics,
                "start": self.start,
            }
        )


def model_of(config: TrainConfig | None) -> str:
    """Return the name of a model; iP-VAE if ipvae did not train it."""
    return "ipvae" if config is None else config.model


def kernel_of(config: TrainConfig | None) -> int:
    """Return the side of a model's kernels; 0 if it is not convolutional."""
    return 0 if config is None else config.kernel_size


def remove_model(run: Path, pictures: Iterable[Path] = ()) -> None:
    """Remove a model before a new training in its folder, so that no part of it remains in use.

    The description is removed first; without it, the other files are not a model.

    Raises
    ------
    CheckpointError
        If a file cannot be removed.
    """
    for file in (run / "model.json", run / "model.safetensors", *pictures):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"{file}: cannot be removed ({error.strerror}). Change its permissions, or choose "
                "another out=."
            ) from error


def save_checkpoint(
    run: str | Path, checkpoint: Checkpoint, *, half: bool = False, alone: bool = False
) -> Path:
    """Write a checkpoint into the folder `run`: both files, or neither after an error.

    Both have a `pair` mark, the digest of description and tensors. It detects a crash between the
    two renames, and any later change of a bit.

    Parameters
    ----------
    run : folder
    checkpoint : checkpoint to write
    half : round the tensors to float16, for half the size; they are read as float32
    alone : remove the log and the state of an earlier training in the folder

    Returns
    -------
    path of the .safetensors file

    Raises
    ------
    CheckpointError
        If a tensor has a wrong name, shape or type, or the folder cannot be written.
    """
    run = Path(run)
    weights, description = run / "model.safetensors", run / "model.json"
    check_params(
        checkpoint.params,
        checkpoint.data,
        str(weights),
        checkpoint.model,
        kernel_of(checkpoint.config),
    )
    tensors = _in_order(checkpoint.member, checkpoint.params)
    content = _content(checkpoint)
    dtype = np.float16 if half else np.float32
    with np.errstate(over="ignore"):
        arrays = {name: np.array(checkpoint.params[name], dtype, order="C") for name in tensors}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(
            f"{weights}: a parameter is beyond float16's 65504; only float32 can hold it. Save it "
            "whole."
        )
    content["pair"] = _mark(content, arrays)
    files = {
        weights.name: to_safetensors(arrays, metadata={"pair": content["pair"]}),
        description.name: dumps(content).encode(),
    }
    try:
        others = [run / name for name in RUN_FILES if name not in files] if alone else []
        atomic_write_all(run, files, removed=others)
    except InputError as error:
        raise CheckpointError(str(error)) from error
    return weights


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint from its folder, or from either of its two files.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, or of another kind or version, or a tensor does not match.
    """
    weights, description = _locate(Path(path))
    content = read_json(description)
    config, data = read_header(content, description)
    stored, metadata = _read_weights(weights, model_of(config))
    params = {name: _whole(array) for name, array in stored.items()}
    check_params(params, data, str(weights), model_of(config), kernel_of(config))
    if "pair" in metadata:  # absent if another program wrote the tensors
        if metadata["pair"] != content["pair"]:
            raise CheckpointError(
                f"{weights}: does not belong to {description.name} beside it (their marks differ), "
                "allowed are files of one save; train or copy the model again"
            )
        _require_unchanged(content, stored, MODEL_SPECS[model_of(config)], weights)
    start = content.get("start")
    return Checkpoint(
        params, config, data, content["metrics"], start if isinstance(start, str) else None
    )


def to_text(checkpoint: Checkpoint) -> str:
    """Return model.json text for a checkpoint whose tensors are stored elsewhere, as float32."""
    check_params(
        checkpoint.params, checkpoint.data, "model", checkpoint.model, kernel_of(checkpoint.config)
    )
    content = _content(checkpoint)
    names = _in_order(checkpoint.member, checkpoint.params)
    arrays = {name: checkpoint.params[name] for name in names}
    return dumps({**content, "pair": _mark(content, arrays)})


def from_text(text: bytes, params: dict[str, np.ndarray], where: Path) -> Checkpoint:
    """Combine the text of `to_text` with its tensors.

    Raises
    ------
    CheckpointError
        If either is damaged, or they do not match.
    """
    if len(text) > MAX_BYTES:
        raise unreadable(where, ValueError(f"{len(text)} bytes, allowed are {MAX_BYTES}"))
    content = parse(text, where)
    config, data = read_header(content, where)
    check_params(params, data, str(where), model_of(config), kernel_of(config))
    _require_unchanged(content, params, MODEL_SPECS[model_of(config)], where)
    start = content.get("start")
    return Checkpoint(
        params, config, data, content["metrics"], start if isinstance(start, str) else None
    )


def _content(checkpoint: Checkpoint) -> dict[str, Any]:
    """Contents of model.json, without the mark."""
    config = checkpoint.config
    content: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "config": None if config is None else config.to_json(),
        "data": checkpoint.data.to_json(),
        "metrics": checkpoint.metrics,
    }
    if checkpoint.start is not None:
        content["start"] = checkpoint.start
    return content


def _in_order(member: ModelSpec, params: dict[str, np.ndarray]) -> list[str]:
    """Names of the tensors in the order of the file."""
    names = [*member.tensors, *optional_tensors(member)]
    return [name for name in names if name in params]


def _require_unchanged(
    content: dict[str, Any], stored: dict[str, np.ndarray], member: ModelSpec, where: Path
) -> None:
    """Raise an error if a description and tensors do not match their stored mark."""
    unmarked = {key: value for key, value in content.items() if key != "pair"}
    try:
        mark = _mark(unmarked, {name: stored[name] for name in _in_order(member, stored)})
    except ValueError as error:  # NaN, which the project's JSON excludes
        raise unreadable(where, error) from error
    if mark != content["pair"]:
        raise CheckpointError(
            f"{where}: description and tensors were changed since they were saved (their marks "
            "differ): the file is damaged, or was edited. Train or copy the model again."
        )


def _mark(content: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """Digest of a description and its tensors."""
    digest = hashlib.sha256(dumps(content).encode())
    digest.update(b"".join(array.tobytes() for array in arrays.values()))
    return digest.hexdigest()


def _locate(path: Path) -> tuple[Path, Path]:
    if os.path.isdir(path):
        path = path / "model.safetensors"
    elif path.suffix not in (".safetensors", ".json"):
        raise CheckpointError(
            f"{path}: no such model; allowed are a folder with model.safetensors and model.json, "
            "or either file. Train one with ipvae.train_model."
        )
    pair = path.with_suffix(".safetensors"), path.with_suffix(".json")
    for file in pair:
        if not os.path.exists(file):
            if os.path.exists(file.with_name(UNFINISHED)):
                raise CheckpointError(
                    f"{file.parent}: holds an unfinished training ({UNFINISHED}) and no model yet. "
                    "Continue with ipvae.train_model and resume=True."
                )
            raise CheckpointError(
                f"{file}: missing; a model is a .safetensors and a .json file in one folder. "
                "Train one with ipvae.train_model, or copy both."
            )
    return pair


def _read_weights(path: Path, model: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return tensors in their stored type, and the file's metadata."""
    require_file(path, CheckpointError)
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = list(file.keys())
            # A tensor of an unknown name may have a type that NumPy lacks: do not read it.
            allowed = {*MODEL_SPECS[model].tensors, *optional_tensors(MODEL_SPECS[model])}
            params = {name: file.get_tensor(name) for name in names if name in allowed}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: not readable as safetensors ({error}). Train or copy the model again."
        ) from error
    check_names(set(names), str(path), model)
    return params, metadata


def _whole(array: np.ndarray) -> np.ndarray:
    """Convert half precision to float32, and return other arrays unchanged."""
    return array.astype(np.float32) if array.dtype == np.float16 else array
