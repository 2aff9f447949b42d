"""A float network of ReLU activations as a `Network` of sigma-delta neurons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError, QuantizationError
from ipvae.export.graphs.paths import Path, constant_input, paths_to
from ipvae.export.graphs.rounding import rounded_to
from ipvae.export.graphs.weights import FloatWeights, network_shape, path_weights
from ipvae.export.sigma_delta.scales import Units, layer_units, rounded_biases
from ipvae.float_models.nir_graph.graph import RELU, STATELESS
from ipvae.float_models.nir_graph.model import FloatTrace, NirModel
from ipvae.network.connections import Connection
from ipvae.network.kinds import DeltaNeuron, SigmaDeltaNeuron
from ipvae.network.kinds.sigma_delta import IDENTITY
from ipvae.network.kinds.sigma_delta import RELU as RECTIFIED
from ipvae.network.network import HIDDEN, INPUT, READOUT, Input, Layer, Network
from ipvae.network.pixels import Pixels

BITS = (4, 8)


@dataclass(frozen=True, eq=False)
class BuiltLayer:
    """A layer of integers with the real numbers that they represent.

    Attributes
    ----------
    node, id : str
    units : Units
    senders : tuple of str
        Node of each connection's source.
    real : tuple of FloatWeights
        Real weights of each connection, times the unit of its sender.
    integers : tuple of array
        Stored weights of each connection, of the shape of `real`.
    bias : (n,) float64
    threshold : int
        In units.
    layer : Layer
    facts : list of dict
        Of the rounding of each connection.
    """

    node: str
    id: str
    units: Units
    senders: tuple[str, ...]
    real: tuple[FloatWeights, ...]
    integers: tuple[np.ndarray, ...]
    bias: np.ndarray
    threshold: int
    layer: Layer
    facts: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class BuiltNetwork:
    """An integer network of sigma-delta neurons with its real numbers.

    Attributes
    ----------
    network : Network
    layers : tuple of BuiltLayer
    """

    network: Network
    layers: tuple[BuiltLayer, ...]


def build_sigma_delta(
    model: NirModel,
    traces: list[FloatTrace],
    inputs: np.ndarray,
    bits: int,
    pixels: Pixels,
    thresholds: Mapping[str, float],
) -> BuiltNetwork:
    """Round a network.

    Parameters
    ----------
    model : NirModel
    traces : list of FloatTrace
        Runs of the calibration, the first of `inputs`, for ranges and the rounding of weights.
    inputs : (n, steps, *shape) float32
    bits : int in 4..8
    pixels : Pixels
        Grid of the input.
    thresholds : dict of node -> float
        Least change that a layer sends, as a fraction of its largest value in the calibration.

    Raises
    ------
    QuantizationError
        If a node cannot be kept, with its name.
    """
    if not BITS[0] <= bits <= BITS[1]:
        raise QuantizationError(f"weight_bits: found {bits}, allowed {BITS[0]} to {BITS[1]}")
    for name, node in model.graph.nodes.items():
        if node.kind not in (*STATELESS, RELU) and name != model.graph.input:
            raise QuantizationError(
                f"node {name} ({node.kind}): spiking neurons or delays in a network of {RELU} "
                "activations, allowed is one of them; name the tool that wrote it (origin=)"
            )
    return _Builder(model, traces, inputs, bits, pixels, thresholds).build()


class _Builder:
    def __init__(
        self,
        model: NirModel,
        traces: list[FloatTrace],
        inputs: np.ndarray,
        bits: int,
        pixels: Pixels,
        thresholds: Mapping[str, float],
    ) -> None:
        self.model, self.traces, self.inputs, self.bits = model, traces, inputs, bits
        self.pixels, self.thresholds = pixels, thresholds
        self.names = list(model.graph.neurons)
        ends = model.graph.sources(model.output)
        if not (len(ends) == 1 and model.graph.nodes[ends[0]].kind == RELU):
            self.names.append(model.output)
        self.readout = self.names[-1] if model.output in self.names else ends[0]
        self.ids = {name: str(i + 1) for i, name in enumerate(self.names)}
        self.ids[model.graph.input] = INPUT
        self.units = {model.graph.input: pixels.scale}

    def build(self) -> BuiltNetwork:
        entry = self.model.graph.input
        largest = max(-self.pixels.minimum, self.pixels.maximum)
        threshold = round(self.thresholds.get(entry, 0.0) * largest)
        shape = network_shape(self.model.shapes[entry])
        first = Input(shape, DeltaNeuron(threshold), pixels=self.pixels)
        layers = tuple(self._layer(name) for name in self.names)
        try:
            return BuiltNetwork(Network(first, tuple(one.layer for one in layers)), layers)
        except DescriptionError as error:
            raise QuantizationError(f"the network: {error}") from error

    def _layer(self, name: str) -> BuiltLayer:
        model = self.model
        paths = paths_to(model, name)
        weights = [self._weights(path, name) for path in paths]
        units = layer_units(name, weights, self.bits, self._peak(name))
        self.units[name] = units.unit
        rounded = [
            _stored(one, units, i, self.bits, self._sent(path))
            for i, (path, one) in enumerate(zip(paths, weights, strict=True))
        ]
        connections = tuple(
            Connection(self.ids[path.source], one.integers(integers), units.exponents[i])
            for i, (path, one, (integers, _)) in enumerate(
                zip(paths, weights, rounded, strict=True)
            )
        )
        last = name == self.readout
        bias = constant_input(model, name).reshape(-1)
        shape = max((c.weights.shape for c in connections), key=len)
        threshold = 0 if last else self._threshold(name, units.unit)
        activation = RECTIFIED if name != model.output else IDENTITY
        try:
            layer = Layer(
                self.ids[name],
                SigmaDeltaNeuron(threshold, activation),
                connections,
                rounded_biases(bias, units.unit, shape),
                READOUT if last else HIDDEN,
            )
        except DescriptionError as error:
            raise QuantizationError(f"node {name}: {error}") from error
        senders = tuple(path.source for path in paths)
        return BuiltLayer(
            *(name, self.ids[name], units, senders, tuple(weights)),
            integers=tuple(integers for integers, _ in rounded),
            bias=bias,
            threshold=threshold,
            layer=layer,
            facts=[
                {"source": path.source, **facts}
                for path, (_, facts) in zip(paths, rounded, strict=True)
            ],
        )

    def _weights(self, path: Path, target: str) -> FloatWeights:
        found = path_weights(self.model, path, target)
        return replace(found, weight=found.weight * self.units[path.source])

    def _peak(self, name: str) -> float:
        """Largest magnitude of a layer's input in the calibration."""
        if name == self.model.output:
            return max(float(np.abs(trace.outputs).max(initial=0)) for trace in self.traces)
        return max(trace.peaks[name][1] for trace in self.traces)

    def _threshold(self, name: str, unit: float) -> int:
        largest = float(self.traces[0].sent[name].max(initial=0))
        return round(self.thresholds.get(name, 0.0) * largest / unit)

    def _sent(self, path: Path) -> np.ndarray:
        """Values of a path's source in the calibration, in units: (n, steps, senders)."""
        entry = path.source == self.model.graph.input
        sent = self.inputs if entry else self.traces[0].sent[path.source]
        flat = sent.reshape(*sent.shape[:2], math.prod(sent.shape[2:]))
        return flat / np.float32(self.units[path.source])


def _stored(
    weights: FloatWeights, units: Units, number: int, bits: int, sent: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
    """Round a connection; return the stored weights and the facts of their rounding."""
    factor = 2 ** units.shifts[number]
    levels, facts = rounded_to(weights, units.step(number) * factor, bits, sent)
    return levels * np.int16(factor), {**facts, "factor": factor}
