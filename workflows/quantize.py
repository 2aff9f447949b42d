"""Quantize a trained model: an integer network, and what was lost."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

import ipvae
from ipvae.chip.check import check
from ipvae.errors import InputError
from ipvae.export.calibration.float_baseline import float_baseline, require_convergence
from ipvae.export.calibration.losses import layer_facts, require_small_loss
from ipvae.export.calibration.ranges import calibrate
from ipvae.export.exporters.build import build_network
from ipvae.export.options import LAYOUTS, ExportOptions
from ipvae.export.rounding.quantize import Images
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.workflows.image_input.images import (
    ImagesLike,
    LabelledImages,
    given_images,
    preset_images,
)
from ipvae.workflows.models import load_model
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.quantized import QuantizationReport, Quantized
from ipvae.workflows.results import json_data

STORED_IMAGES = 64
CALIBRATION_IMAGES = 256
ACTIVITY_IMAGES = 1024
"""Training images on which what is sent is measured, for the rounding of weights."""
TRAINING_IMAGES = 5000
MOST_LOSS = 0.05
UNLABELLED = ("arrays", "patches")
"""Data sets without classes."""

log = logging.getLogger("ipvae")


def quantize(
    model: Checkpoint | str | Path,
    images: ImagesLike = None,
    labels: np.ndarray | None = None,
    *,
    weight_bits: int = 8,
    layout: str = LAYOUTS[0],
    inference: str = "model",
    threshold: float | None = None,
    readouts: tuple[str, ...] = (),
    refit_decoder: bool = False,
    most_loss: float = MOST_LOSS,
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Quantized:
    """Turn a trained model into an integer network, calibrated on images.

    Parameters
    ----------
    model : trained model, its path, or the name of a shipped one
    images : array, path or name of a set, optional
        To calibrate on, and to store with the network; as `ipvae.run` takes them. The training
        and test images of the model's data set without it.
    labels : (n,) int, optional
        Classes of `images`, for the read-out 'classes'.
    weight_bits : int in [2, 8]
        Of a synaptic weight.
    layout : 'recurrent' (K x K synapses) or 'error-units' (2 M K)
        Of an iterative model.
    inference : 'model' or 'lca' (sparse coding on the model's dictionary)
    threshold : float, optional
        Of LCA, pixel units.
    readouts : some of 'decoder', 'classes'
        Layers that read the code on the chip.
    refit_decoder : bool
        Fit the decoder to what the integer network sends.
    most_loss : float
        R2 that the network may lose; beyond it LossError.
    data_dir : path, optional
        Folder of the model's data set.
    seed : int
        Of all draws.
    progress : callable, optional
        As `ipvae.run`.

    Raises
    ------
    InputError
        If the model has no integer network, or an argument cannot be used.
    LossError
        If the network is worse than the model by more than `most_loss`.
    """
    where = str(model) if isinstance(model, (str, Path)) else "the model"
    checkpoint = model if isinstance(model, Checkpoint) else load_model(model)
    options = ExportOptions.of(
        checkpoint,
        where,
        layout=layout,
        inference=inference,
        threshold=threshold,
        readouts=readouts,
        weight_bits=weight_bits,
        refit_decoder=refit_decoder,
        seed=seed,
    )
    pixels = pixel_format(checkpoint)
    if images is not None and data_dir is not None:
        raise InputError("images and data_dir: give one of them")
    classes = "classes" in options.readouts
    if classes and images is None and checkpoint.data.preset in UNLABELLED:
        raise InputError(f"readouts=classes: the images of {checkpoint.data.preset} have no labels")
    train, test = export_images(checkpoint, pixels, data_dir, images, labels)
    if classes and (train.labels < 0).any():
        raise InputError("readouts=classes: needs labelled images; give labels=, or omit images=")
    with listening(progress):
        return _quantize(checkpoint, options, train, test, pixels, most_loss, where)


def _quantize(
    checkpoint: Checkpoint,
    options: ExportOptions,
    train: LabelledImages,
    test: LabelledImages,
    pixels: InputFormat,
    most_loss: float,
    where: str,
) -> Quantized:
    calibration = train.first(CALIBRATION_IMAGES)
    with stage("running the float model"):
        active = train.pixels[:ACTIVITY_IMAGES]
        before = float_baseline(checkpoint, options, active, pixels, CALIBRATION_IMAGES)
        require_convergence(before, options, where)
    with stage("quantizing"):
        network = build_network(
            checkpoint,
            options,
            before,
            Images(train.pixels, train.labels),
            Images(test.pixels, test.labels),
            pixels,
            log.info,
        )
    with stage("calibrating"):
        after = calibrate(network, calibration.pixels, options.steps, options.seed, log.info)
    real = before.figures
    require_small_loss(real, after, most_loss, where, options.advice)
    layers = layer_facts(network, after)
    network = _with_provenance(network, checkpoint, options, {"integer": after, "float": real})
    report = QuantizationReport(options, after, real, layers, check(network), checksum(network))
    return Quantized(network, report)


def pixel_format(checkpoint: Checkpoint) -> InputFormat:
    """Return the integer pixels of a model's data."""
    data = checkpoint.data
    height, width = data.image_shape
    return InputFormat(data.pixel_min, data.pixel_max, data.scale, (height, width))


def export_images(
    checkpoint: Checkpoint,
    pixels: InputFormat,
    data_dir: str | Path | None,
    images: ImagesLike,
    labels: np.ndarray | None = None,
) -> tuple[LabelledImages, LabelledImages]:
    """Return training images, to calibrate and to fit classes on, and test images to store.

    A user's own images serve as both.
    """
    if images is not None:
        own = given_images(images, pixels, labels)
        unknown = np.full(len(own.pixels), -1, dtype=np.int16)
        both = LabelledImages(own.pixels, unknown if labels is None else own.labels)
        return both.first(TRAINING_IMAGES), both.first(STORED_IMAGES)
    preset = checkpoint.data.preset
    if preset == "arrays":
        raise InputError(
            "this model names no data set of ours; give images to calibrate on with images="
        )
    data = preset_images(preset, data_dir, (TRAINING_IMAGES, STORED_IMAGES))
    train, test = (
        LabelledImages(x.astype(np.int16), y.astype(np.int16))
        for x, y in (
            (data.train_pixels, data.train_labels),
            (data.test_pixels, data.test_labels),
        )
    )
    return train.first(TRAINING_IMAGES), test.first(STORED_IMAGES)


def _with_provenance(
    network: IntNetwork, checkpoint: Checkpoint, options: ExportOptions, measured: dict
) -> IntNetwork:
    """Add how the network was made."""
    data = checkpoint.data
    return replace(
        network,
        provenance={
            **network.provenance,
            "ipvae": ipvae.__version__,
            "data": {"preset": data.preset, "n_train": data.n_train},
            "training": checkpoint.config.to_json() if checkpoint.config else None,
            **options.as_dict(),
            "calibration": json_data(measured),
        },
    )
