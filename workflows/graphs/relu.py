"""Quantization of a network of ReLU activations to sigma-delta neurons."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ipvae.chip.check import check
from ipvae.errors import InputError, LossError
from ipvae.export.sigma_delta.build import BuiltLayer, BuiltNetwork, build_sigma_delta
from ipvae.export.sigma_delta.difference import differences
from ipvae.float_models.nir_graph.conventions import TORCH
from ipvae.float_models.nir_graph.graph import RELU
from ipvae.float_models.nir_graph.model import FloatTrace, NirModel
from ipvae.network.pixels import Pixels
from ipvae.network.traces.selection import Record
from ipvae.workflows.graphs.calibration import (
    calibration_images,
    completed,
    given_images,
    input_levels,
)
from ipvae.workflows.graphs.imported import SpikingModel, in_steps
from ipvae.workflows.graphs.relu_result import ActivationComparison, LayerDifference, QuantizedRelu
from ipvae.workflows.image_input.own_images import as_labels
from ipvae.workflows.kinds.frames import first_labels
from ipvae.workflows.kinds.result import NetworkRun
from ipvae.workflows.kinds.running import run
from ipvae.workflows.progress import Listener, listening, stage

DEFAULT_THRESHOLD = 0.02
HELD_STEPS = 2
"""Steps of an image that is held: all is sent in the first."""

log = logging.getLogger("ipvae")


def is_relu(model: SpikingModel) -> bool:
    """Return whether a network has ReLU activations in place of neurons."""
    graph = model.model.graph
    return bool(graph.of_kind(RELU)) or model.model.convention.origin == TORCH


def quantize_relu(
    model: SpikingModel,
    images: Any,
    labels: Any = None,
    *,
    weight_bits: int = 8,
    threshold: float | Mapping[str, float] | None = None,
    most_loss: float = 0.05,
    progress: Listener | None = None,
) -> QuantizedRelu:
    """Turn a network into integers, and compare both on images.

    Parameters
    ----------
    model : SpikingModel
    images : array or path of an .npy file
        (n, ...), or (n, steps, ...) with one image for each step.
    labels : (n,) int, or path of an .npy file with them; optional
    weight_bits : int in [4, 8]
    threshold : float in [0, 1), or dict of node -> float, optional
        Least change that a layer sends, as a fraction of its largest activation on the images; 0.02
        by default. Nodes that a dict omits send every change.
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
    float_model = model.model
    thresholds = _thresholds(float_model, threshold)
    given = given_images(images)
    held = in_steps(float_model, given[:1], None)
    steps = HELD_STEPS if _is_single(float_model, given) else held.shape[1]
    given = given[: calibration_images(model, steps)]
    inputs = in_steps(float_model, given, steps)
    known = None if labels is None else as_labels(labels)
    pixels = input_levels(given) or Pixels(0, 1, 1.0)
    levels = np.rint(inputs / pixels.scale)
    exact = levels.astype(np.int32).reshape(*levels.shape[:2], -1)
    whole = bool((levels * pixels.scale == inputs).all())
    frames = 1 if _is_single(float_model, given) else steps
    with listening(progress):
        with stage("running the float network"):
            real = float_model.run(inputs)
            rest = float_model.run(np.zeros_like(inputs[:1, :1]))
        with stage("quantizing"):
            built = build_sigma_delta(
                float_model, [real, rest], inputs, weight_bits, pixels, thresholds
            )
        with stage("running the integer network"):
            found = run(
                built.network,
                exact[:, 0] if frames == 1 else exact,
                steps=steps,
                record=Record(variables=("reference",)),
                name="the imported network",
            )
    classes = first_labels(
        None if known is None else known[: len(given)],
        len(inputs),
        built.network.readout.n_neurons,
    )
    measured = _differences(built, real, inputs, found, frames, whole)
    compared = ActivationComparison(
        len(inputs),
        steps,
        frames,
        measured,
        *_accuracies(real, found, classes),
        synaptic_ops=found.counts.synaptic_ops,
        macs=_macs(built) * frames,
    )
    loss = compared.loss
    if loss is not None and loss > most_loss:
        raise LossError(
            f"accuracy falls from {compared.real_accuracy:.4f} to {compared.integer_accuracy:.4f}, "
            f"by more than most_loss={most_loss:g}; use more bits, a lower threshold, or allow more"
        )
    _warn(built, found)
    facts = [
        {**_facts(layer, thresholds), "difference": vars(one)}
        for layer, one in zip(built.layers, measured, strict=True)
    ]
    network = completed(built.network, model, facts, given, classes, pixels)
    return QuantizedRelu(
        *(network, model.origin, weight_bits, thresholds, facts, compared, check(network))
    )


def _is_single(model: NirModel, images: np.ndarray) -> bool:
    """Return whether one image is held for all steps."""
    return int(np.prod(images.shape[1:])) == int(np.prod(model.shapes[model.graph.input]))


def _thresholds(model: NirModel, threshold: float | Mapping[str, float] | None) -> dict[str, float]:
    """Threshold of each node; one number applies to all of them."""
    graph = model.graph
    names = (graph.input, *graph.neurons)
    if threshold is None:
        threshold = DEFAULT_THRESHOLD
    given = threshold if isinstance(threshold, Mapping) else dict.fromkeys(names, threshold)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InputError(
            f"threshold: found node '{unknown[0]}', allowed {', '.join(names)}; name nodes that "
            "send activations"
        )
    for name, value in given.items():
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not number or not 0 <= value < 1:
            raise InputError(
                f"threshold: found {value!r} for node '{name}', allowed is a "
                "fraction of its largest activation: 0 or more, below 1"
            )
    return {name: float(given.get(name, 0.0)) for name in names}


def _real(trace: FloatTrace, layer: BuiltLayer) -> np.ndarray:
    """Float activations of a layer: (n, steps, neurons)."""
    found = trace.sent.get(layer.node, trace.outputs)
    return found.reshape(*found.shape[:2], -1)


def _differences(
    built: BuiltNetwork,
    real: FloatTrace,
    inputs: np.ndarray,
    found: NetworkRun,
    frames: int,
    whole: bool,
) -> tuple[LayerDifference, ...]:
    """Measured differences of all layers beside their bounds."""
    assert found.trace is not None
    flat = inputs.reshape(-1, built.network.input.size)
    ranges = {layer.senders[i]: flat for layer in built.layers for i in _from_input(layer)}
    ranges |= {
        layer.node: _real(real, layer).reshape(-1, layer.layer.n_neurons) for layer in built.layers
    }
    ends = {
        name: (np.minimum(values.min(0), 0.0), np.maximum(values.max(0), 0.0))
        for name, values in ranges.items()
    }
    every = differences(built, frames, whole=whole)
    here = differences(built, frames, whole=whole, ranges=ends)
    measured = []
    for layer in built.layers:
        wanted = _real(real, layer)
        values = found.trace.stacked(layer.id, "reference") * (layer.units.unit / 2**12)
        measured.append(
            LayerDifference(
                layer.id,
                layer.node,
                largest=float(np.abs(wanted).max()),
                measured=float(np.abs(values - wanted).max()),
                bound_here=float(here[layer.node].value.max()),
                bound=float(every[layer.node].value.max()),
                proved=every[layer.node].fits,
            )
        )
    return tuple(measured)


def _from_input(layer: BuiltLayer) -> list[int]:
    """Numbers of a layer's connections from the input."""
    return [i for i, c in enumerate(layer.layer.connections) if c.source == "0"]


def _accuracies(
    real: FloatTrace, found: NetworkRun, labels: np.ndarray | None
) -> tuple[float | None, float | None, float]:
    """Accuracy in float and in integers after the last step, and the fraction of equal classes."""
    last = real.outputs[:, -1].reshape(len(real.outputs), -1)
    decided, kept = last.argmax(1), found.classes
    same = float((decided == kept).mean())
    if labels is None or (labels < 0).all():
        return None, None, same
    known = labels >= 0
    return float((decided == labels)[known].mean()), float((kept == labels)[known].mean()), same


def _macs(built: BuiltNetwork) -> int:
    """Products of one image in the float network, with nodes joined as in the integers."""
    connections = (c for layer in built.layers for c in layer.layer.connections)
    return sum(int(c.weights.fan_out().sum()) for c in connections)


def _facts(layer: BuiltLayer, thresholds: Mapping[str, float]) -> dict[str, Any]:
    bias = layer.layer.biases * layer.units.unit
    return {
        "layer": layer.id,
        "node": layer.node,
        "kind": layer.layer.neuron.name,
        "neurons": layer.layer.n_neurons,
        "unit": layer.units.unit,
        "threshold": layer.threshold,
        "threshold_real": layer.threshold * layer.units.unit,
        "threshold_fraction": thresholds.get(layer.node, 0.0),
        "bias_error": float(np.abs(bias - layer.bias).max(initial=0)),
        "connections": layer.facts,
        "notes": [],
    }


def _warn(built: BuiltNetwork, found: NetworkRun) -> None:
    """Warn of sums that left 24 bits, for which no bound holds."""
    for layer in built.layers:
        outside = sum(found.network_totals.layers[layer.id].limits.values())
        if outside:
            log.warning(
                f"layer {layer.id} (node {layer.node}): {outside} sums leave 24 bits, which the "
                "chip does not hold; use fewer weight_bits or images with smaller values"
            )
