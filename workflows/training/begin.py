"""Initial or resumed state of a training, and its images; checks before long work."""

import os
from pathlib import Path
from typing import Any

from ipvae.errors import InputError
from ipvae.float_models.config import (
    ARRAYS,
    PRESETS,
    TrainConfig,
    images_config,
    preset_config,
)
from ipvae.float_models.zoo import DENSE, MODEL_SPECS
from ipvae.train.datasets.images import Images
from ipvae.train.run.fit import new_model, require_device
from ipvae.train.run.resume import (
    NAME,
    ResumeState,
    fingerprint,
    is_unfinished,
    read_unfinished,
    require_same_images,
    require_same_settings,
)
from ipvae.train.run.state import TrainState
from ipvae.train.run.warm_start import digest, nature_of, state_from, weights_of
from ipvae.workflows.image_input.images import preset_images
from ipvae.workflows.training.data_set import own_data_set
from ipvae.workflows.training.request import TrainingRequest


def fresh(request: TrainingRequest, processes: int, *, first: bool) -> tuple[ResumeState, Images]:
    """Start a training, unless it would overwrite an unfinished one.

    Parameters
    ----------
    processes : number of processes that train together
    first : whether this is the first process, which writes

    Raises
    ------
    InputError, TrainingError
        If the request cannot be fulfilled; nothing is written.
    """
    settings = _settings(request)
    _require_data(request, settings)
    images = None if request.images is None else _own_images(request, settings)
    config = _config(settings, images)
    if first and not request.overwrite and request.out is not None and is_unfinished(request.out):
        raise InputError(
            f"{request.out}: holds an unfinished training ({NAME}). Continue it with "
            "resume=True, give it up with overwrite=True, or choose another out=."
        )
    _require_drawable(request, config.model)
    device = "cpu" if request.device is None else request.device
    require_device(device)
    if images is None:
        images = preset_images(config.preset, request.options["data_dir"])
    options = {**request.options, "device": device, "processes": processes}
    if images.unit != 1.0:
        options["unit"] = images.unit
    state = TrainState.first(new_model(config, images))
    if request.init_from is not None:
        state, options["start"] = _begun_with(request, config, images)
    return ResumeState(config, fingerprint(images), state, [0.0], options), images


def _require_drawable(request: TrainingRequest, model: str) -> None:
    if request.pictures and _is_convolutional(model):
        raise InputError(
            f"pictures: found a model of kind {model}, allowed {', '.join(DENSE)}; omit pictures="
        )


def _settings(request: TrainingRequest) -> dict[str, Any]:
    """Given settings; data, kind and neurons may come from the initial weights."""
    settings = dict(request.settings)
    if settings.get("preset") is None and request.init_from is not None:
        nature = nature_of(request.init_from)
        if request.images is not None or nature.get("preset") == ARRAYS:
            nature.pop("preset", None)
        settings |= {k: v for k, v in nature.items() if settings.get(k) is None}
    return settings


def _require_data(request: TrainingRequest, settings: dict[str, Any]) -> None:
    if request.images is None and settings.get("preset") is None:
        raise InputError(
            f"preset: missing; allowed are {', '.join(PRESETS)}. Give one, or images of your own "
            "with images= (or resume=True, which takes them from the training in out=)."
        )


def _own_images(request: TrainingRequest, settings: dict[str, Any]) -> Images:
    assert request.images is not None
    seed, model = settings.get("seed"), settings.get("model")
    return own_data_set(
        request.images,
        request.test_images,
        request.image_shape,
        0 if seed is None else seed,
        colour=_is_convolutional(model),
    )


def _is_convolutional(model: str | None) -> bool:
    return model in MODEL_SPECS and MODEL_SPECS[model].convolutional


def _config(settings: dict[str, Any], images: Images | None) -> TrainConfig:
    if images is None:
        return preset_config(**settings)
    overrides = {name: value for name, value in settings.items() if name != "preset"}
    n_images, n_pixels = images.train_pixels.shape
    return images_config(n_images, n_pixels, images.pixel_min < 0, **overrides)


def _begun_with(
    request: TrainingRequest, config: TrainConfig, images: Images
) -> tuple[TrainState, str]:
    """Initial state of a training from given weights, and their digest."""
    source = request.init_from
    assert source is not None
    path = source if isinstance(source, Path) else "the model"
    kind, weights, unit = weights_of(source, config.weight_bits)
    if kind != config.model:
        raise InputError(
            f"init_from: {path} is of kind {kind}, and the model to train "
            f"{config.model}; begin from a model of its kind, or train model={kind}"
        )
    if request.given("step_size") is not None:
        raise InputError("step_size and init_from: the weights bring their own; give one of them")
    if unit != images.unit:
        raise InputError(
            f"init_from: {path} was trained on real values in units of {unit:g}, and these images "
            f"have {images.unit:g}. Multiply them by {unit / images.unit:g}."
        )
    return state_from(new_model(config, images), weights, path), digest(weights)


def continued(
    request: TrainingRequest, processes: int
) -> tuple[ResumeState, Images] | tuple[None, None]:
    """Resume the training in a folder; return None if it is complete.

    Raises
    ------
    InputError, TrainingError
        If there is no training, or it differs from the request.
    """
    out = request.out
    assert out is not None
    begun = read_unfinished(out)
    if begun is None:
        if os.path.exists(out / "model.json"):
            return None, None
        raise InputError(
            f"{out}: holds no unfinished training ({NAME} is not there); resume=True needs one. "
            "Begin without resume=True, or check out=."
        )
    require_same_settings(begun.config, dict(request.settings), out)
    _require_drawable(request, begun.config.model)
    _require_same_place(request, begun, processes)
    if request.data_dir is not None:
        begun.options["data_dir"] = request.options["data_dir"]
    images = _images_again(request, begun)
    require_same_images(begun, images, out)
    return begun, images


def _require_same_place(request: TrainingRequest, begun: ResumeState, processes: int) -> None:
    """Raise an error if the number of processes or the device differs from the training."""
    out, there = request.out, begun.options.get("processes", 1)
    if processes != there:
        raise InputError(
            f"resume: found {processes} processes, but the training in {out} has "
            f"{there}; only with as many it ends in the same weights. "
            "Start as many by torchrun, or start over with overwrite=True."
        )
    device = begun.options["device"]
    if request.device not in (None, device):
        raise InputError(
            f"device: found {request.device}, but the training in {out} is on "
            f"{device}; only there it ends in the same weights. Leave the option "
            "out, or start over with overwrite=True."
        )
    require_device(
        device,
        f"The training in {out} is on it: continue where it is present, or start over with "
        "overwrite=True and device=cpu.",
    )


def _images_again(request: TrainingRequest, begun: ResumeState) -> Images:
    """Images of a resumed training: given ones, or read again from their source."""
    config, options = begun.config, begun.options
    if config.preset != ARRAYS:
        if request.images is not None:
            raise InputError(
                f"images: the training in {request.out} is on preset {config.preset}; leave them "
                "out, or choose another out="
            )
        return preset_images(config.preset, options["data_dir"])
    images = options.get("images") if request.images is None else request.images
    if images is None:
        raise InputError(
            f"images: the training in {request.out} is on images of your own, which are not stored "
            "there; give the same ones again"
        )
    test = options.get("test_images") if request.test_images is None else request.test_images
    shape = options.get("image_shape") if request.image_shape is None else request.image_shape
    colour = _is_convolutional(config.model)
    return own_data_set(images, test, shape, config.seed, colour=colour)
