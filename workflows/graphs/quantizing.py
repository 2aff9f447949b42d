"""Quantization of a spiking network of another tool."""

import inspect
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ipvae
from ipvae.chip.check import check
from ipvae.errors import InputError, LossError
from ipvae.export.graphs.build import build
from ipvae.network.traces.selection import Record
from ipvae.workflows.graphs.calibration import (
    calibration_images,
    completed,
    given_images,
    input_levels,
    on_grid,
)
from ipvae.workflows.graphs.comparison import compare_spikes
from ipvae.workflows.graphs.imported import SpikingModel, in_steps, is_graph_folder, load_graph
from ipvae.workflows.graphs.relu import is_relu, quantize_relu
from ipvae.workflows.graphs.relu_result import QuantizedRelu
from ipvae.workflows.graphs.result import QuantizedGraph
from ipvae.workflows.image_input.own_images import as_labels
from ipvae.workflows.kinds.frames import first_labels
from ipvae.workflows.kinds.running import run
from ipvae.workflows.progress import Listener, listening, stage

log = logging.getLogger("ipvae")


def is_imported(model: Any) -> bool:
    """Return whether a model is a spiking network of another tool, or its folder."""
    path = isinstance(model, (str, Path))
    return isinstance(model, SpikingModel) or (path and is_graph_folder(model))


def quantize_imported(
    model: SpikingModel | str | Path,
    images: Any,
    labels: Any,
    *,
    weight_bits: int,
    most_loss: float,
    threshold: float | Mapping[str, float] | None,
    progress: Listener | None,
    **others: Any,
) -> QuantizedGraph | QuantizedRelu:
    """Quantize a network, in memory or in a folder, with the arguments of `ipvae.quantize`.

    Raises
    ------
    InputError
        If an argument is given that applies to trained models only.
    """
    network = model if isinstance(model, SpikingModel) else load_graph(model)
    rectified = is_relu(network)
    usual = inspect.signature(ipvae.quantize).parameters
    given = [name for name, value in others.items() if value != usual[name].default]
    given += ["threshold"] if threshold is not None and not rectified else []
    if given:
        raise InputError(
            f"{', '.join(given)}: found for a network of another tool, allowed with models of "
            "ipvae only; omit it"
        )
    options: dict[str, Any] = {
        "weight_bits": weight_bits,
        "most_loss": most_loss,
        "progress": progress,
    }
    if rectified:
        return quantize_relu(network, images, labels, threshold=threshold, **options)
    return quantize_graph(network, images, labels, **options)


def quantize_graph(
    model: SpikingModel,
    images: Any,
    labels: Any = None,
    *,
    weight_bits: int = 8,
    steps: int | None = None,
    plain: bool = False,
    most_loss: float = 0.05,
    progress: Listener | None = None,
) -> QuantizedGraph:
    """Turn a spiking network into integers, and compare both on images.

    Parameters
    ----------
    model : SpikingModel
    images : array or path of an .npy file
        (n, steps, ...) spikes or values, or one image for all steps, (n, ...).
    labels : (n,) int, or path of an .npy file with them; optional
    weight_bits : int in [4, 8]
    steps : int, optional
        All steps of the images by default, 32 for images without steps.
    plain : bool
        Whether lava-dl's file must be able to hold the network.
    most_loss : float
        Largest allowed loss of accuracy, if there are labels.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError, QuantizationError
        If an argument cannot be used, or a node cannot be kept, with its name.
    LossError
        If the accuracy falls by more than `most_loss`.
    """
    given = given_images(images)
    given = given[: calibration_images(model, in_steps(model.model, given[:1], steps).shape[1])]
    inputs = in_steps(model.model, given, steps)
    known = None if labels is None else as_labels(labels)
    known = None if known is None else known[: len(given)]
    pixels = input_levels(given)
    with listening(progress):
        levels, exact = on_grid(inputs, pixels)
        with stage("running the float network"):
            real = model.model.run(levels)
        with stage("quantizing"):
            made = build(model.model, real, levels, weight_bits, pixels, plain)
        with stage("running the integer network"):
            found = run(
                made.network,
                exact,
                steps=inputs.shape[1],
                record=Record(variables=("z",)),
                name="the imported network",
            )
    classes = first_labels(known, len(inputs), made.network.readout.n_neurons)
    compared = compare_spikes(made.network, made.nodes, real, found, classes)
    network = completed(made.network, model, made.layers, given, classes, pixels)
    loss = _loss(compared.real_accuracy, compared.integer_accuracy)
    if loss is not None and loss > most_loss:
        raise LossError(
            f"accuracy falls from {compared.real_accuracy:.4f} to {compared.integer_accuracy:.4f}, "
            f"by more than most_loss={most_loss:g}; use more bits, or allow more"
        )
    for one in compared.layers:
        if one.fell_silent:
            log.warning(
                f"layer {one.layer} (node {one.node}): spikes in float, never in integers; use "
                "more weight_bits"
            )
    again = partial(
        *(quantize_graph, model, given, known),
        weight_bits=weight_bits,
        steps=steps,
        plain=True,
        most_loss=most_loss,
    )
    return QuantizedGraph(
        *(network, model.origin, weight_bits, made.layers, compared, check(network)),
        None if plain else again,
    )


def _loss(real: float | None, integer: float | None) -> float | None:
    return None if real is None or integer is None else real - integer
