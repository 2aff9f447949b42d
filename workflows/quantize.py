"""Quantization of a trained model to an integer network, with its loss."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import cast, overload

import numpy as np

import ipvae
from ipvae.chip.check import check
from ipvae.errors import InputError
from ipvae.export.calibration.float_baseline import float_baseline, require_convergence
from ipvae.export.calibration.losses import layer_facts, require_small_loss
from ipvae.export.calibration.ranges import calibrate
from ipvae.export.exporters.build import build_network
from ipvae.export.options import CONSTANT, LAYOUTS, ExportOptions
from ipvae.export.rounding.quantize import Images
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import InputFormat
from ipvae.network.io.network_file import checksum
from ipvae.network.proof.bounds import bounds
from ipvae.workflows.boundary import public
from ipvae.workflows.graphs.imported import SpikingModel
from ipvae.workflows.graphs.quantizing import is_imported, quantize_imported
from ipvae.workflows.graphs.relu_result import QuantizedRelu
from ipvae.workflows.graphs.result import QuantizedGraph
from ipvae.workflows.image_input.image_shape import ShapeLike
from ipvae.workflows.image_input.images import (
    ImagesLike,
    given_images,
    names_a_set,
    preset_images,
)
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.models import load_model
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.quantizing.estimates import announce_export
from ipvae.workflows.quantizing.quantized import QuantizationReport, Quantized
from ipvae.workflows.results import json_data

STORED_IMAGES = 64
CALIBRATION_IMAGES = 256
ACTIVITY_IMAGES = 1024
"""Training images on which activity is measured for the rounding of weights."""
CORRECTION_IMAGES = 3000
"""The same for few bits, whose correction of the drive is a regression on all pixels."""
TRAINING_IMAGES = 5000
MOST_LOSS = 0.05
UNLABELLED = ("arrays", "patches")
"""Data sets without classes."""

log = logging.getLogger("ipvae")


@overload
def quantize(
    model: SpikingModel,
    images: ImagesLike,
    labels: LabelsLike = None,
    *,
    weight_bits: int = 8,
    threshold: float | Mapping[str, float] | None = None,
    most_loss: float = MOST_LOSS,
    progress: Listener | None = None,
) -> QuantizedGraph | QuantizedRelu: ...


@overload
def quantize(
    model: Checkpoint | str | Path,
    images: ImagesLike = None,
    labels: LabelsLike = None,
    *,
    weight_bits: int = 8,
    layout: str = LAYOUTS[0],
    inference: str = "model",
    threshold: float | None = None,
    readouts: tuple[str, ...] = (),
    refit_decoder: bool = False,
    start: str = CONSTANT,
    start_threshold: float | None = None,
    start_margin: float | None = None,
    step_scale: float = 1.0,
    inhibition_scale: float = 1.0,
    most_loss: float = MOST_LOSS,
    image_size: ShapeLike = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Quantized: ...


@public
def quantize(
    model: Checkpoint | SpikingModel | str | Path,
    images: ImagesLike = None,
    labels: LabelsLike = None,
    *,
    weight_bits: int = 8,
    layout: str = LAYOUTS[0],
    inference: str = "model",
    threshold: float | Mapping[str, float] | None = None,
    readouts: tuple[str, ...] = (),
    refit_decoder: bool = False,
    start: str = CONSTANT,
    start_threshold: float | None = None,
    start_margin: float | None = None,
    step_scale: float = 1.0,
    inhibition_scale: float = 1.0,
    most_loss: float = MOST_LOSS,
    image_size: ShapeLike = None,
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Quantized | QuantizedGraph | QuantizedRelu:
    """Turn a trained model into an integer network, calibrated on images.

    Parameters
    ----------
    model : trained model, its path, or the name of a shipped one
        Or a network of another tool (`ipvae.import_model` with `origin`, `ipvae.import_torch`) or
        its folder, for which only `images`, `labels`, `weight_bits` of 4 to 8, `most_loss` of
        accuracy and, with ReLU activations, `threshold` apply.
    images : array, path or name of a set, optional
        Images to calibrate on and to store with the network, as for `ipvae.run`. By default the
        training and test images of the model's data set.
    labels : (n,) int, or path of an .npy file with them; optional
        Classes of `images`, for the read-out 'classes'.
    weight_bits : int in [2, 8]
        Bits of a synaptic weight.
    layout : 'recurrent' (K x K synapses) or 'error-units' (2 M K)
        Layout of an iterative model.
    inference : 'model' or 'lca' (sparse coding on the model's dictionary)
    threshold : float, optional
        Threshold of LCA in pixel units. Of a network of ReLU activations: least change that a layer
        sends, as a fraction of its largest activation (0.02), or a dict with one for each node.
    readouts : some of 'decoder', 'classes'
        Layers that read the code on the chip.
    refit_decoder : bool
        Fit the decoder to the counts of the integer network.
    start : 'constant' or 'affine'
        Log-rates at which an image begins: the model's, or affine in the image, fitted to the
        log-rates at which the network settles (docs/cheap_inference.md).
    start_threshold, start_margin : float, nats, optional
        Log-rates of an affine start below the threshold (0) are lowered by the margin (2).
    step_scale : float
        Multiple of the model's step size, up to the largest stable one.
    inhibition_scale : float
        Multiple of the model's constant inhibition, which lowers all rates.
    most_loss : float
        Largest allowed loss of R2.
    image_size : (height, width) or 'HEIGHTxWIDTH', optional
        Size of the network's images, of a convolutional model; by default that of `images`, else
        the model's.
    data_dir : path, optional
        Folder of the model's data set.
    seed : int
        Seed of all random draws.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If the model cannot become an integer network, or an argument cannot be used.
    LossError
        If the network is worse than the model by more than `most_loss`.
    """
    given = dict(locals())
    if is_imported(model):
        return quantize_imported(**given)
    if isinstance(threshold, Mapping):
        raise InputError("threshold: found one for each node, allowed is a number for LCA")
    where = str(model) if isinstance(model, (str, Path)) else "the model"
    checkpoint = model if isinstance(model, Checkpoint) else load_model(cast(Path, model))
    if checkpoint.member.convolutional:
        from ipvae.workflows.quantizing.maps import quantize_maps

        return quantize_maps(
            checkpoint,
            where,
            images,
            labels,
            weight_bits=weight_bits,
            inference=inference,
            threshold=threshold,
            image_size=image_size,
            step_scale=step_scale,
            inhibition_scale=inhibition_scale,
            most_loss=most_loss,
            data_dir=data_dir,
            seed=seed,
            progress=progress,
            others={
                "layout": (layout, LAYOUTS[0]),
                "readouts": (readouts, ()),
                "refit_decoder": (refit_decoder, False),
                "start": (start, CONSTANT),
                "start_threshold": (start_threshold, None),
                "start_margin": (start_margin, None),
            },
        )
    if image_size is not None:
        raise InputError(
            f"image_size: found {image_size}, but {where} is a model '{checkpoint.model}' of one "
            "size; only convolutional models take it, omit it"
        )
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
        start=start,
        start_threshold=start_threshold,
        start_margin=start_margin,
        step_scale=step_scale,
        inhibition_scale=inhibition_scale,
    )
    data, config = checkpoint.data, checkpoint.config
    pixels = data.pixel_format
    n_pixels, n_latents = checkpoint.params["phi"].shape
    announce_export(n_pixels, n_latents, options.layout, weight_bits)
    train, test = export_images(data.preset, pixels, images, labels, data_dir, options)
    judged = train.pixels[:CALIBRATION_IMAGES]
    with listening(progress):
        with stage("running the float model"):
            active = train.pixels[: activity_images(options)]
            before = float_baseline(checkpoint, options, active, pixels, len(judged))
            require_convergence(before, options, where)
        with stage("quantizing"):
            network = build_network(checkpoint, options, before, train, test, pixels, log.info)
        with stage("calibrating"):
            after = calibrate(network, judged, options.steps, options.seed, log.info)
    real = before.figures
    require_small_loss(real, after, most_loss, where, options.advice)
    if after["r2"] < 0:
        log.warning(
            f"{where}: R2 of the network is {after['r2']:.2f}, below 0: its reconstructions are "
            "worse than the mean of the images. Train longer, or check the scale of the images"
        )
    checked = check(network)
    grids = network.provenance["grids"]
    layers = layer_facts(network.schedule.stages, grids, bounds(network), after)
    network = network.with_provenance(
        ipvae=ipvae.__version__,
        data={"preset": data.preset, "n_train": data.n_train},
        training=config.to_json() if config else None,
        **options.as_dict(),
        calibration=json_data({"integer": after, "float": real}),
    )
    report = QuantizationReport(options, after, real, layers, checked, checksum(network))
    return Quantized(network, report)


def activity_images(options: ExportOptions) -> int:
    """Return the number of training images on which activity is measured."""
    return CORRECTION_IMAGES if options.corrects_drive else ACTIVITY_IMAGES


def export_images(
    preset: str,
    pixels: InputFormat,
    images: ImagesLike,
    labels: LabelsLike,
    data_dir: str | Path | None,
    options: ExportOptions,
) -> tuple[Images, Images]:
    """Return training images for calibration and fitting of classes, and test images to store.

    Images given by the user serve as both.

    Parameters
    ----------
    preset : name of the model's data set
    pixels : pixel format of the model
    images, labels, data_dir : of `quantize`
    options : ExportOptions
        Fitting needs more images than calibration; a read-out of classes needs labels.

    Raises
    ------
    InputError
        If arguments exclude each other, or there are no images or required labels.
    """
    classes = "classes" in options.readouts
    fits = classes or options.refit_decoder or options.changed_inference
    most = TRAINING_IMAGES if fits else activity_images(options)
    if images is not None and data_dir is not None:
        raise InputError("images and data_dir: give one of them")
    if classes and images is None and preset in UNLABELLED:
        raise InputError(f"readouts=classes: the images of {preset} have no labels")
    if images is not None:
        own = given_images(images, pixels, labels, max(most, STORED_IMAGES))
        own_labels = np.asarray(own.labels)
        if labels is None and names_a_set(images):  # labels of a named set are discarded
            own_labels = np.full(len(own.pixels), -1, np.int16)
        found = (own.pixels, own_labels, own.pixels, own_labels)
    elif preset == "arrays":
        raise InputError(
            "this model names no known data set; give images to calibrate on with images="
        )
    else:
        data = preset_images(preset, data_dir, (most, STORED_IMAGES))
        found = (data.train_pixels, data.train_labels, data.test_pixels, data.test_labels)
    train, test = _first(*found[:2], most), _first(*found[2:], STORED_IMAGES)
    if classes and (train.labels < 0).any():
        raise InputError("readouts=classes: needs labelled images; give labels=, or omit images=")
    return train, test


def _first(pixels: np.ndarray, labels: np.ndarray, n: int) -> Images:
    """Return the first n images."""
    return Images(pixels[:n].astype(np.int16), labels[:n].astype(np.int16))
