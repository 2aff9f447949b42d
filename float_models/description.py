"""Validated reading of model.json, with a one-line error for any damage."""

import math
from pathlib import Path
from typing import Any

from ipvae.errors import CheckpointError, ConfigError
from ipvae.files import read_file
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.data import DataInfo
from ipvae.json_text import parse_json

KIND = "ipvae"
VERSION = 1
MAX_BYTES = 1 << 20
_KEYS = {"kind", "version", "config", "data", "metrics", "pair"}
_MORE_KEYS = {"start"}  # only if there is a value
_DATA_KEYS = {"preset", "pixel_max", "image_shape", "n_train"}
_PIXEL_KEYS = {"pixel_min", "pixel_scale", "channels"}  # absent: unsigned pixels, grey


def read_json(path: Path) -> dict[str, Any]:
    """Read model.json.

    Raises
    ------
    CheckpointError
        If it is too large, unreadable, or not a model description.
    """
    return parse(read_file(path, CheckpointError, MAX_BYTES), path)


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """Return the error for a description that is not JSON."""
    return CheckpointError(
        f"{path}: not readable as JSON ({error}). Train or copy the model again."
    )


def parse(text: bytes, path: Path) -> dict[str, Any]:
    """Return the content of a description; CheckpointError if it does not describe a model."""
    try:
        content = parse_json(text)
    except ValueError as error:
        raise unreadable(path, error) from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        found = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(
            f"{path}: kind is {found!r}, allowed is {KIND!r}. Pass a model of ipvae.train_model."
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


def read_header(content: dict[str, Any], path: Path) -> tuple[TrainConfig | None, DataInfo]:
    """Return settings and data from a description; CheckpointError if they are damaged."""
    try:
        config = content["config"] and TrainConfig.from_json(content["config"])
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    metrics = content["metrics"]
    if not isinstance(metrics, dict) or not all(
        isinstance(value, (int, float)) for value in metrics.values()
    ):
        raise CheckpointError(f"{path}: metrics: found {metrics!r}, allowed an object of numbers")
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
        and _is_count(data.get("channels", 1), 1)
    )
    if not good:
        raise CheckpointError(
            f"{path}: data is {data!r}; allowed is an object of preset (text), pixel_max (1 or "
            "more), image_shape [height, width], n_train, pixel_min, pixel_scale and channels. "
            "Train or copy the model again."
        )
    return DataInfo(**{**data, "image_shape": tuple(data["image_shape"])})


def _is_scale(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isfinite(value) and value > 0)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31
