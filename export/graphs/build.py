"""A float network of another tool as a `Network` of integers."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError, QuantizationError
from ipvae.export.graphs.paths import Path, constant_input, merged, paths_to
from ipvae.export.graphs.rounding import Scale, layer_scale, rounded_bias, rounded_weights
from ipvae.export.graphs.scaled_neurons import ScaledNeurons, scaled_neurons
from ipvae.export.graphs.weights import FloatWeights, dense_of, network_shape, path_weights
from ipvae.float_models.nir_graph.conventions import ZERO
from ipvae.float_models.nir_graph.model import FloatTrace, NirModel
from ipvae.network.connections import DELAY_MAX, Connection
from ipvae.network.kinds import CubaNeuron, LifNeuron
from ipvae.network.kinds.cuba import STATE_SHIFT, THRESHOLD_END
from ipvae.network.kinds.lif import MOST_SPIKES
from ipvae.network.network import HIDDEN, INPUT, READOUT, Input, Layer, Network
from ipvae.network.pixels import Pixels

BITS = (4, 8)
FINE_BITS = 7
"""Bits from which a convolution's threshold of a CUBA neuron is fine enough."""


@dataclass(frozen=True, eq=False)
class Built:
    """An integer network of a graph.

    Attributes
    ----------
    network : Network
    layers : list of dict
        Facts of each layer: node, kind, scale, decays, roundings, notes.
    nodes : dict of str -> str
        Layer -> the node whose spikes or potentials it computes.
    """

    network: Network
    layers: list[dict[str, Any]]
    nodes: dict[str, str]


def build(
    model: NirModel,
    trace: FloatTrace,
    inputs: np.ndarray,
    bits: int,
    pixels: Pixels | None,
    plain: bool = False,
) -> Built:
    """Round a network.

    Parameters
    ----------
    model : NirModel
    trace : FloatTrace
        Of the calibration, for the range of the states and the rounding of weights.
    inputs : (n, steps, *shape) float32
        Of the calibration.
    bits : int in 4..8
    pixels : Pixels or None
        Grid of a graded input; None for spikes.
    plain : bool
        True for a network that lava-dl's file can hold: without exponents.

    Raises
    ------
    QuantizationError
        If a node cannot be kept, with its name and the nearest thing that works.
    """
    if not BITS[0] <= bits <= BITS[1]:
        raise QuantizationError(f"weight_bits: found {bits}, allowed {BITS[0]} to {BITS[1]}")
    return _Builder(model, trace, inputs, bits, pixels, plain).build()


class _Builder:
    def __init__(
        self,
        model: NirModel,
        trace: FloatTrace,
        inputs: np.ndarray,
        bits: int,
        pixels: Pixels | None,
        plain: bool,
    ) -> None:
        self.model, self.trace, self.inputs, self.bits = model, trace, inputs, bits
        self.pixels, self.plain = pixels, plain
        self.joined = merged(model)
        hidden = set(self.joined.values())
        self.names = [name for name in model.graph.neurons if name not in hidden]
        self.sums = not self._direct(model.output)
        if self.sums:
            self.names.append(model.output)
        self.ids = {name: str(i + 1) for i, name in enumerate(self.names)}
        self.ids[model.graph.input] = INPUT
        self.facts: list[dict[str, Any]] = []

    def _direct(self, output: str) -> bool:
        """Return whether the output receives neurons alone."""
        return all(
            not any(node.kind not in ("Same", "Flatten") for node in path.nodes)
            and path.source != self.model.graph.input
            and not np.any(path.delay)
            for path in paths_to(self.model, output)
        )

    def build(self) -> Built:
        shape = network_shape(self.model.shapes[self.model.graph.input])
        entry = Input(shape, graded=self.pixels is not None, pixels=self.pixels)
        layers = tuple(self._layer(name) for name in self.names)
        try:
            network = Network(entry, layers)
        except DescriptionError as error:
            raise QuantizationError(f"the graph: {error}") from error
        nodes = {self.ids[name]: name for name in self.names}
        return Built(network, self.facts, nodes)

    def _layer(self, name: str) -> Layer:
        model = self.model
        if name == model.output and self.sums:
            target, neurons, peak = name, self._accumulator(name), self._output_peak()
        else:
            target = self.joined.get(name, name)
            neurons = scaled_neurons(
                model, target, constant_input(model, target), name if target != name else None
            )
            peak = self._peak(target, neurons)
        paths = paths_to(model, target)
        weights = self._weights(paths, target, neurons)
        coarse = self.bits < FINE_BITS and any(one.is_conv for one in weights)
        cuba = not neurons.spiking or (neurons.hard and (self.plain or not coarse))
        scale = layer_scale(neurons, weights, self.bits, peak, cuba, self.plain)
        fact: dict[str, Any] = {"layer": self.ids[name], "node": name, "connections": []}
        connections = tuple(
            self._connection(path, one, scale, i, fact)
            for i, (path, one) in enumerate(zip(paths, weights, strict=True))
        )
        shape = max((c.weights.shape for c in connections), key=len)
        bias, bias_shift, error = rounded_bias(neurons, scale, shape, cuba)
        kind = _kind(neurons, scale, shape, cuba, bias_shift)
        fact |= {
            "kind": kind.name,
            "neurons": neurons.n,
            "threshold_units": scale.unit,
            "bias_error": error,
            "decay_errors": [neurons.current_error, neurons.voltage_error],
            "notes": [*neurons.notes, *self._capped(name)],
        }
        self.facts.append(fact)
        purpose = READOUT if self._is_readout(name) else HIDDEN
        try:
            return Layer(self.ids[name], kind, connections, bias, purpose)
        except DescriptionError as error:
            raise QuantizationError(f"node {name}: {error}") from error

    def _capped(self, name: str) -> list[str]:
        """Note on spikes of a step beyond the most of a message."""
        most = int(self.trace.sent[name].max(initial=0)) if name in self.trace.sent else 0
        rule = self.model.rules.get(name)
        if rule is None or not rule.spiking or most <= MOST_SPIKES:
            return []
        return [f"sends up to {most} spikes in a step, integers at most {MOST_SPIKES}"]

    def _is_readout(self, name: str) -> bool:
        if self.sums:
            return name == self.model.output
        ends = {path.source for path in paths_to(self.model, self.model.output)}
        return name in ends

    def _accumulator(self, name: str) -> ScaledNeurons:
        """Sums over the steps of what the output receives, without neurons of the graph."""
        n = math.prod(self.model.shapes[name])
        constant = constant_input(self.model, name).reshape(n)
        zero = np.zeros(n, np.int64)
        return ScaledNeurons(
            *(name, n, np.ones(n), zero + 4096, zero, 0.0, 0.0, np.zeros(n), constant),
            *(ZERO, 0.0, False, False, 1, False),
            notes=("its potential is the sum of the output over all steps",),
        )

    def _output_peak(self) -> float:
        return float(np.abs(np.cumsum(self.trace.outputs, 1)).max(initial=1.0))

    def _peak(self, target: str, neurons: ScaledNeurons) -> float:
        """Largest state of the calibration in units of the threshold."""
        rule = self.model.rules[target]
        current, potential = self.trace.peaks[target]
        gain = np.abs(rule.gain).max()
        gains = gain if rule.current_gain is None else gain * np.abs(rule.current_gain).max()
        inverse = np.abs(neurons.rows).max() / max(float(gains), 1e-30)
        return float((current * gain + potential) * inverse)

    def _weights(
        self, paths: list[Path], target: str, neurons: ScaledNeurons
    ) -> list[FloatWeights]:
        found = []
        for path in paths:
            one = path_weights(self.model, path, target)
            if self.pixels is not None and path.source == self.model.graph.input:
                one = replace(one, weight=one.weight * self.pixels.scale)
            scaled = one.scaled(neurons.rows)
            if scaled is None or (isinstance(path.delay, np.ndarray) and one.is_conv):
                dense = dense_of(self.model, path, target)
                scaled = dense.scaled(neurons.rows)
            assert scaled is not None
            found.append(scaled)
        return found

    def _connection(
        self, path: Path, weights: FloatWeights, scale: Scale, number: int, fact: dict
    ) -> Connection:
        integers, facts = rounded_weights(weights, scale, number, self.bits, self._sent(path))
        delay: Any = path.delay
        if isinstance(delay, np.ndarray):
            delay = delay.reshape(-1)
            if weights.weight.ndim == 1:
                weights = replace(weights, weight=np.diag(weights.weight))
                integers = np.diag(integers)
        if np.max(delay) > DELAY_MAX:
            raise QuantizationError(
                f"path from {path.source}: a delay of {np.max(delay)} steps, allowed are up to "
                f"{DELAY_MAX}; use longer steps"
            )
        fact["connections"].append({"source": path.source, **facts})
        return Connection(
            self.ids[self._sender(path.source)],
            weights.integers(integers),
            scale.exponents[number],
            delay,
        )

    def _sent(self, path: Path) -> np.ndarray:
        """Messages of a path's source in the calibration: (n, steps, senders)."""
        sent = (
            self.inputs if path.source == self.model.graph.input else self.trace.sent[path.source]
        )
        found = sent.reshape(*sent.shape[:2], -1)
        return found / self.pixels.scale if sent is self.inputs and self.pixels else found

    def _sender(self, source: str) -> str:
        """Node whose layer sends the spikes of a source."""
        return next((of for of, before in self.joined.items() if before == source), source)


def _kind(
    neurons: ScaledNeurons, scale: Scale, shape: tuple[int, ...], cuba: bool, bias_shift: int
) -> CubaNeuron | LifNeuron:
    decays = [_compressed(decay, shape) for decay in (neurons.current_decay, neurons.voltage_decay)]
    if cuba:
        if not neurons.uniform:
            raise QuantizationError(
                f"node {neurons.name}: potentials with different time constants, allowed is one "
                "for all neurons that do not spike; make them equal"
            )
        threshold = scale.unit >> STATE_SHIFT if neurons.spiking else THRESHOLD_END
        return CubaNeuron(threshold, *(int(np.max(decay)) for decay in decays))
    amount = round(scale.unit * neurons.amount)
    return LifNeuron(
        scale.unit if neurons.reaches else scale.unit + 1,
        amount,
        *decays,
        shift=scale.shift,
        bias_shift=bias_shift,
        reset=neurons.reset,
        next_row=neurons.next_row,
        most=min(neurons.most, MOST_SPIKES),
        bias_to_current=bool(neurons.current_bias.any()),
    )


def _compressed(values: np.ndarray, shape: tuple[int, ...]) -> "int | np.ndarray":
    """One number for all neurons, for each channel, or for each neuron."""
    if (values == values[0]).all():
        return int(values[0])
    by_channel = values.reshape(shape[0], -1)
    if (by_channel == by_channel[:, :1]).all():
        return by_channel[:, 0].astype(np.int32)
    return values.astype(np.int32)
