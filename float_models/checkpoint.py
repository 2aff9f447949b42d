"""A trained model on disk: RUN/model.safetensors and RUN/model.json. No pickle, no torch."""

import hashlib
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from ipvae.errors import CheckpointError, ConfigError, InputError
from ipvae.files import atomic_write_all, parse_json, read_file, require_file
from ipvae.float_models.config import TrainConfig, dumps
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MEMBERS, Member

KIND = "ipvae"
VERSION = 1
_KEYS = {"kind", "version", "config", "data", "metrics", "pair"}
_MORE_KEYS = {"start"}  # only where there is something to say
_DATA_KEYS = {"preset", "pixel_max", "image_shape", "n_train"}
_PIXEL_KEYS = {"pixel_min", "pixel_scale"}  # absent in models from before there were signed pixels
_MAX_JSON_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model as arrays, with where it came from.

    Attributes
    ----------
    params : by name, see `ipvae.float_models.zoo.Member.tensors`; all float32 and finite
    config : how it was trained, None where it was not trained here
    data : what it was trained on
    metrics : last figures of its training, by name
    start : digest of the weights that its training began with, None where those were random
    """

    params: dict[str, np.ndarray]
    config: TrainConfig | None
    data: DataInfo
    metrics: dict[str, float] = field(default_factory=dict)
    start: str | None = None

    @property
    def model(self) -> str:
        """Name of the model, a key of `ipvae.float_models.zoo.MEMBERS`."""
        return model_of(self.config)

    @property
    def member(self) -> Member:
        """Parts of the model."""
        return MEMBERS[self.model]

    @property
    def n_pixels(self) -> int:
        """M, the number of pixels."""
        return self.params["phi"].shape[0]

    @property
    def n_latents(self) -> int:
        """K, the number of neurons."""
        return self.params["phi"].shape[1]


def model_of(config: TrainConfig | None) -> str:
    """Return the name of a model; those that were not trained here are iP-VAEs."""
    return "ipvae" if config is None else config.model


def save_checkpoint(run: str | Path, checkpoint: Checkpoint, *, half: bool = False) -> Path:
    """Write a checkpoint into the folder `run`: both files, or on an error neither.

    Both carry a `pair` mark, the digest of description and tensors, so that a crash between two
    renames and every later change of a bit are found.

    Parameters
    ----------
    run : folder
    checkpoint : what to write
    half : round the tensors to float16, for half the size; they are read as float32

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
    check_params(checkpoint.params, checkpoint.data, str(weights), checkpoint.model)
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
        atomic_write_all(run, files)
    except InputError as error:
        raise CheckpointError(str(error)) from error
    return weights


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint from its folder, or from either of its two files.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, of another kind or version, or a tensor does not fit.
    """
    weights, description = _locate(Path(path))
    content = _read_json(description)
    config, data = _read_header(content, description)
    stored, metadata = _read_weights(weights, model_of(config))
    params = {name: _whole(array) for name, array in stored.items()}
    check_params(params, data, str(weights), model_of(config))
    if "pair" in metadata:  # absent where another program wrote the tensors
        if metadata["pair"] != content["pair"]:
            raise CheckpointError(
                f"{weights}: does not belong to {description.name} beside it (their marks differ); "
                "both must come from one save. Train or copy the model again."
            )
        _require_unchanged(content, stored, MEMBERS[model_of(config)], weights)
    start = content.get("start")
    return Checkpoint(
        params, config, data, content["metrics"], start if isinstance(start, str) else None
    )


def to_text(checkpoint: Checkpoint) -> str:
    """Return what model.json says of a checkpoint whose tensors are kept elsewhere, as float32."""
    check_params(checkpoint.params, checkpoint.data, "model", checkpoint.model)
    content = _content(checkpoint)
    names = _in_order(checkpoint.member, checkpoint.params)
    arrays = {name: checkpoint.params[name] for name in names}
    return dumps({**content, "pair": _mark(content, arrays)})


def from_text(text: bytes, params: dict[str, np.ndarray], where: Path) -> Checkpoint:
    """Join the text of `to_text` with its tensors.

    Raises
    ------
    CheckpointError
        If either is damaged, or they do not belong together.
    """
    if len(text) > _MAX_JSON_BYTES:
        raise _unreadable(where, ValueError(f"{len(text)} bytes, allowed are {_MAX_JSON_BYTES}"))
    content = _parse(text, where)
    config, data = _read_header(content, where)
    check_params(params, data, str(where), model_of(config))
    _require_unchanged(content, params, MEMBERS[model_of(config)], where)
    start = content.get("start")
    return Checkpoint(
        params, config, data, content["metrics"], start if isinstance(start, str) else None
    )


def _content(checkpoint: Checkpoint) -> dict[str, Any]:
    """What model.json holds, without the mark."""
    config = checkpoint.config
    content: dict[str, Any] = {
        "kind": KIND,
        "version": VERSION,
        "config": None if config is None else config.to_json(),
        "data": asdict(checkpoint.data),
        "metrics": checkpoint.metrics,
    }
    if checkpoint.start is not None:
        content["start"] = checkpoint.start
    return content


def _in_order(member: Member, params: dict[str, np.ndarray]) -> list[str]:
    """Names of the tensors in the order of the file."""
    return [name for name in (*member.tensors, *member.rounded) if name in params]


def _require_unchanged(
    content: dict[str, Any], stored: dict[str, np.ndarray], member: Member, where: Path
) -> None:
    """Refuse a description and tensors that do not give the mark that was stored with them."""
    unmarked = {key: value for key, value in content.items() if key != "pair"}
    try:
        mark = _mark(unmarked, {name: stored[name] for name in _in_order(member, stored)})
    except ValueError as error:  # NaN, which our JSON does not have
        raise _unreadable(where, error) from error
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
            "or either file. Train one with `ipvae train`."
        )
    pair = path.with_suffix(".safetensors"), path.with_suffix(".json")
    for file in pair:
        if not os.path.exists(file):
            raise CheckpointError(
                f"{file}: missing; a model is a .safetensors and a .json file side by side. "
                "Train one with `ipvae train`, or copy both."
            )
    return pair


def _read_json(path: Path) -> dict[str, Any]:
    return _parse(read_file(path, CheckpointError, _MAX_JSON_BYTES), path)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path}: not readable as JSON ({error}). Train or copy the model again."
    )


def _parse(text: bytes, path: Path) -> dict[str, Any]:
    try:
        content = parse_json(text)
    except ValueError as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        found = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(
            f"{path}: kind is {found!r}, allowed is {KIND!r}. Pass a model of `ipvae train`."
        )
    if content.get("version") != VERSION:
        raise CheckpointError(
            f"{path}: version is {content.get('version')!r}, this ipvae reads {VERSION}. "
            "Use the ipvae that wrote it."
        )
    if not _KEYS <= set(content) <= _KEYS | _MORE_KEYS:
        unknown = sorted(set(content) - _KEYS - _MORE_KEYS)
        missing = sorted(_KEYS - set(content))
        raise CheckpointError(
            f"{path}: unknown keys {unknown}, missing keys {missing}; allowed are "
            f"{sorted(_KEYS)}. Train or copy the model again."
        )
    return content


def _read_header(content: dict[str, Any], path: Path) -> tuple[TrainConfig | None, DataInfo]:
    try:
        config = content["config"] and TrainConfig.from_json(content["config"])
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    metrics = content["metrics"]
    if not isinstance(metrics, dict) or not all(
        isinstance(value, (int, float)) for value in metrics.values()
    ):
        raise CheckpointError(f"{path}: metrics must be an object of numbers, found {metrics!r}.")
    return config or None, _read_data(content["data"], path)


def _read_data(data: Any, path: Path) -> DataInfo:
    shape = data.get("image_shape") if isinstance(data, dict) else None
    good = (
        isinstance(data, dict)
        and _DATA_KEYS <= set(data) <= _DATA_KEYS | _PIXEL_KEYS
        and isinstance(data["preset"], str)
        and _is_count(data["pixel_max"], 1)
        and _is_count(data["n_train"], 0)
        and isinstance(shape, list)
        and len(shape) == 2
        and all(_is_count(side, 1) for side in shape)
        and isinstance(data.get("pixel_min", 0), int)
        and _is_count(data["pixel_max"] - data.get("pixel_min", 0), 1)
        and _is_scale(data.get("pixel_scale"))
    )
    if not good:
        raise CheckpointError(
            f"{path}: data is {data!r}; allowed is an object of preset (text), pixel_max (1 or "
            "more), image_shape [height, width], n_train, pixel_min and pixel_scale. Train or copy "
            "the model again."
        )
    return DataInfo(**{**data, "image_shape": tuple(data["image_shape"])})


def _is_scale(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isfinite(value) and value > 0)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31


def _read_weights(path: Path, model: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return tensors as they are stored, and the file's metadata."""
    require_file(path, CheckpointError)
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = list(file.keys())
            # A name that is not ours may be of a type that NumPy lacks: do not read it.
            allowed = {*MEMBERS[model].tensors, *MEMBERS[model].rounded}
            params = {name: file.get_tensor(name) for name in names if name in allowed}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: not readable as safetensors ({error}). Train or copy the model again."
        ) from error
    _check_names(set(names), str(path), model)
    return params, metadata


def _whole(array: np.ndarray) -> np.ndarray:
    """Return half precision as float32, anything else as it is."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _check_names(names: set[str], where: str, model: str) -> None:
    needed = set(MEMBERS[model].tensors)
    allowed = needed | set(MEMBERS[model].rounded)
    if not needed <= names <= allowed:
        unknown, missing = sorted(names - allowed), sorted(needed - names)
        raise CheckpointError(
            f"{where}: unknown tensors {unknown}, missing tensors {missing}; allowed for {model} "
            f"are {sorted(allowed)}. Train or copy the model again."
        )


def check_params(
    params: dict[str, np.ndarray], data: DataInfo, where: str, model: str = "ipvae"
) -> None:
    """Refuse parameters of another name, shape or type, or that are not finite."""
    _check_names(set(params), where, model)
    member = MEMBERS[model]
    m = data.image_shape[0] * data.image_shape[1]
    rules = member.belief_name
    if params[rules].ndim != 1 or params[rules].size == 0:
        raise CheckpointError(
            f"{where}: {rules} is {params[rules].dtype} {params[rules].shape}; it must be float32 "
            "(K,), K above 0. Train or copy the model again."
        )
    k = params[rules].shape[0]
    rounded = any(name in params for name in member.rounded)
    for name, shape in member.shapes(data.image_shape, k, rounded=rounded).items():
        array = params[name]
        if array.dtype != np.float32 or array.shape != shape or array.size == 0:
            raise CheckpointError(
                f"{where}: {name} is {array.dtype} {array.shape}; with {m} pixels and {k} neurons "
                f"(the length of {rules}) it must be float32 {shape}. "
                "Train or copy the model again."
            )
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{where}: {name} has {int((~np.isfinite(array)).sum())} of {array.size} values "
                "that are not finite; none are allowed. Train or copy the model again."
            )
