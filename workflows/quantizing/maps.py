"""Quantization of a convolutional model: one layer of maps, for images of any size."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import ipvae
from ipvae.chip.check import check
from ipvae.errors import InputError
from ipvae.export.calibration.losses import require_small_loss
from ipvae.export.calibration.maps import calibrate_maps, map_baseline, sparse_baseline
from ipvae.export.exporters.convolutional import CODE, ConvolutionalModel, convolutional
from ipvae.export.exporters.convolutional_lca import SparseMaps, convolutional_lca
from ipvae.export.options import (
    CONSTANT,
    LAYOUTS,
    LCA_THRESHOLD,
    STEPS,
    ExportOptions,
    check_start,
)
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.convolutional.lca import unit_kernels
from ipvae.network.convolutional.resized import resized
from ipvae.network.io.network_file import checksum
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.network import Network
from ipvae.network.pixels import Pixels
from ipvae.network.proof.driven import driven_bounds
from ipvae.workflows.image_input.image_shape import ShapeLike, read_shape
from ipvae.workflows.image_input.images import ImagesLike, preset_images
from ipvae.workflows.image_input.map_images import map_images, size_of
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.quantizing.quantized import QuantizationReport, Quantized
from ipvae.workflows.results import json_data

NEURONS = 2**18
"""Neurons of all calibration images together; the counts of 18 steps of each are kept."""
FEWEST, MOST = 8, 256
"""Calibration images, at least and at most."""
FEW_BITS = 5
"""Bits up to which weights are also rounded to nearest, and the better of both is taken. On
models/photographs, R2 of 8 training crops after 512 steps is .829 with compensation and .838 to
nearest at 5 bits, .822 and .833 at 4 bits; at 6 and 8 bits they differ by less than .001."""
STORED_PIXELS = 2**20
"""Pixels of the images in the network file, at most."""
STORED_IMAGES = 64
ROLE = "code"
INFERENCES = ("model", "lca")

log = logging.getLogger("ipvae")


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedMaps(Quantized):
    """An integer network of maps with the report of its quantization.

    Attributes
    ----------
    network : Network
    report : QuantizationReport
    """

    network: Any  # a Network, where the other kinds of models give an IntNetwork

    def _numbers(self) -> dict[str, int | None]:
        (layer,) = self.network.layers
        return {
            "weight_exp": layer.neuron.weight_exp,
            "drive_exp": layer.drive.exponent,
            "payload_bits": getattr(layer.neuron, "payload_bits", None),
        }

    @property
    def _changed(self) -> bool:
        return False  # no start is fitted


def quantize_maps(
    checkpoint: Checkpoint,
    where: str,
    images: ImagesLike,
    labels: LabelsLike,
    *,
    weight_bits: int,
    inference: str,
    threshold: float | None,
    image_size: ShapeLike,
    step_scale: float,
    inhibition_scale: float,
    most_loss: float,
    data_dir: str | Path | None,
    seed: int,
    progress: Listener | None,
    others: Mapping[str, tuple[Any, Any]],
) -> QuantizedMaps:
    """Turn a convolutional model into an integer network, calibrated on images.

    Parameters
    ----------
    checkpoint, images, labels, weight_bits, inference, threshold, step_scale, inhibition_scale
    most_loss, data_dir, seed, progress
        As for `ipvae.quantize`.
    where : name of the model in messages
    image_size : (height, width) or 'HEIGHTxWIDTH', optional
        Of the network's images; by default that of `images`, else the model's.
    others : name of an argument -> value and default
        Arguments that apply to dense models only.

    Raises
    ------
    InputError, QuantizationError, LossError
        As for `ipvae.quantize`.
    """
    _require_defaults(where, others)
    if images is not None and data_dir is not None:
        raise InputError("images and data_dir: give one of them")
    data = checkpoint.data
    wanted = read_shape(image_size, "image_size")
    size = size_of(images, data.channels) or data.image_shape
    model = ConvolutionalModel(
        _scaled(checkpoint.params, step_scale, inhibition_scale),
        checkpoint.canvas.resized(*size),
        Pixels(data.pixel_min, data.pixel_max, data.scale),
        step_scale,
    )
    train, test = _images(checkpoint, model, images, labels, data_dir)
    options = _options(inference, threshold, weight_bits, step_scale, inhibition_scale, seed)
    with listening(progress):
        make = _sparse if options.inference == "lca" else _spiking
        network, before, after = make(model, options, train, where)
    require_small_loss(before, after, most_loss, where, options.advice)
    layers = _layer_facts(network, after)
    network = replace(
        network,
        test_images=test[0],
        test_labels=test[1],
        provenance={
            **network.provenance,
            "ipvae": ipvae.__version__,
            "data": {"preset": data.preset, "n_train": data.n_train},
            "training": checkpoint.config.to_json() if checkpoint.config else None,
            **options.as_dict(),
            "calibration": json_data({"integer": after, "float": before}),
        },
    )
    network = resized(network, *(wanted or size))
    report = QuantizationReport(options, after, before, layers, check(network), checksum(network))
    return QuantizedMaps(network, report)


Made = tuple[Network, dict[str, Any], dict[str, Any]]
"""Network, and figures of the float model and of the network."""


def _spiking(
    model: ConvolutionalModel, options: ExportOptions, train: np.ndarray, where: str
) -> Made:
    """Poisson neurons with the inference of the model."""
    steps, seed, bits = options.steps, options.seed, options.weight_bits
    with stage("running the float model"):
        before = map_baseline(model, train, steps, seed, where)
    ways = [before.moments] if bits > FEW_BITS else [before.moments, None]
    with stage("quantizing"):
        made = [convolutional(model, bits, moments) for moments in ways]
    with stage("calibrating"):
        runs = [calibrate_maps(network, train, steps, seed) for network in made]
    network, after = max(zip(made, runs, strict=True), key=lambda of: of[1]["r2"])
    return network, before.figures, after


def _sparse(
    model: ConvolutionalModel,
    options: ExportOptions,
    train: np.ndarray,
    where: str,  # noqa: ARG001
) -> Made:
    """Graded neurons with sparse coding (LCA) on the kernels of the model."""
    kernels = unit_kernels(np.asarray(model.params["kernels"]))
    sparse = SparseMaps(kernels, model.canvas, model.pixels, options.threshold)
    with stage("running LCA in float"):
        before, largest = sparse_baseline(sparse, train, options.steps)
    with stage("quantizing"):
        network = convolutional_lca(sparse, largest, options.weight_bits)
    with stage("calibrating"):
        return network, before, calibrate_maps(network, train, options.steps, options.seed)


def _options(
    inference: str,
    threshold: float | None,
    weight_bits: int,
    step_scale: float,
    inhibition_scale: float,
    seed: int,
) -> ExportOptions:
    """Options of the export; raise InputError for some that exclude each other."""
    if inference not in INFERENCES:
        raise InputError(f"inference: found '{inference}', allowed {', '.join(INFERENCES)}")
    lca = inference == "lca"
    if threshold is not None and not lca:
        raise InputError("threshold: needs inference=lca; give both or neither")
    if threshold is not None and not 0 < threshold < np.inf:
        raise InputError(f"threshold: found {threshold:g}, allowed numbers above 0, in pixel units")
    if lca and (step_scale, inhibition_scale) != (1.0, 1.0):
        raise InputError("step_scale and inhibition_scale: not with inference=lca; omit them")
    return ExportOptions(
        LAYOUTS[0],
        inference,
        LCA_THRESHOLD if threshold is None else threshold,
        (),
        weight_bits,
        refit_decoder=False,
        steps=STEPS,
        seed=seed,
        step_scale=step_scale,
        inhibition_scale=inhibition_scale,
    )


def _scaled(
    params: Mapping[str, np.ndarray], step: float, inhibition: float
) -> Mapping[str, np.ndarray]:
    """Tensors with a multiple of the step size and of the constant inhibition."""
    check_start(CONSTANT, {}, {"step_scale": step, "inhibition_scale": inhibition})
    with np.errstate(divide="ignore"):  # an inhibition of 0 is exp(-inf)
        scales = np.log([step, inhibition])
    names = ("log_lr", "log_bias")
    scaled = {
        n: np.asarray(params[n] + by, np.float32) for n, by in zip(names, scales, strict=True)
    }
    return {**params, **scaled}


def _require_defaults(where: str, others: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise InputError for an argument that applies to dense models only."""
    for name, (value, default) in others.items():
        if value != default:
            raise InputError(
                f"{name}: found {value}, but {where} is a convolutional model, for which only "
                f"{name}={default} is available; omit it"
            )


def _images(
    checkpoint: Checkpoint,
    model: ConvolutionalModel,
    images: ImagesLike,
    labels: LabelsLike,
    data_dir: str | Path | None,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Training images for calibration, (N, M) int, and images with labels to store."""
    data, canvas = checkpoint.data, model.canvas
    n = min(MOST, max(FEWEST, NEURONS // canvas.neurons))
    kept = min(STORED_IMAGES, max(1, STORED_PIXELS // canvas.pixels))
    if images is not None:
        own = map_images(images, data, canvas.image[1:], labels, max(n, kept))
        return own.pixels[:n], (own.pixels[:kept], np.asarray(own.labels)[:kept])
    if data.preset == "arrays":
        raise InputError(
            "this model names no known data set; give images to calibrate on with images="
        )
    found = preset_images(data.preset, data_dir, (n, kept))
    return found.train_pixels[:n], (found.test_pixels[:kept], found.test_labels[:kept])


def _unit(neuron: Any) -> str:
    """Unit of a potential."""
    if isinstance(neuron, PoissonNeuron):
        return f"2**-{neuron.frac_bits} octave"
    return f"{neuron.unit * 2.0**-neuron.shift:.4g}"


def _layer_facts(network: Network, after: dict[str, Any]) -> list[dict[str, Any]]:
    """Losses of the layer, as `ipvae.export.calibration.losses.layer_facts` has them."""
    (layer,) = network.layers
    neuron: Any = layer.neuron
    ranges = driven_bounds(network, layer.id)
    widest = max(b.reach for b in ranges if b.variable == "a_in")
    return [
        {
            "layer": layer.id,
            "role": ROLE,
            "neurons": layer.n_neurons,
            "unit": _unit(neuron),
            "grids": network.provenance["grids"][CODE],
            "widest_accumulator": widest,
            "accumulator_bits": widest.bit_length() + 1,
            "bounds": {b.variable: [b.low, b.high] for b in ranges},
            **after["layers"][CODE],
        }
    ]
