"""Bound on the difference between sigma-delta neurons and the float activations.

A receiver's sum differs from the float input by at most

    |W q (d + t)| + |W q - w| a + |bias rounding| + what a negative exponent rounds off

with integer weights W of the step q, float weights w, the magnitude a of a sender's activation, the
difference d of the sender's value, and t between its value and what it has sent: less than the
threshold and, as a message drops six bits, 1/64 unit for each message. An activation does not widen
a difference. The first term is bounded neuron by neuron, by intervals and by Euclidean norms, of
which the smaller counts: |W q| |d| or |row of W q| |d|, and |W q| |t|.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ipvae.export.graphs.weights import FloatWeights
from ipvae.export.sigma_delta.build import BuiltLayer, BuiltNetwork
from ipvae.float_models.nir_graph.layers import convolved
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION, STATE_FRACTION

STATE_UNIT = 2**STATE_FRACTION
DROPPED = 2 ** (STATE_FRACTION - MESSAGE_FRACTION) - 1
"""Most that a message drops, in units of the state."""
STATE_BITS, SUM_BITS = 23, 31
"""Magnitude bits of a state, or of a sum of a convolution; and of sums of other weights."""
MOST_EXACT = 2**20
"""Weights of a matrix up to which its largest singular value is computed."""
ROUNDING = 1e-9
"""Margin over a singular value computed in double precision."""


@dataclass(frozen=True, eq=False)
class Difference:
    """Bound of one layer, in real units, for images of the input's range.

    Attributes
    ----------
    value : (n,) float64
        Of a neuron's value and the float activation, in every row.
    sent : (n,) float64
        Of the sum of all that a neuron has sent and the float activation.
    magnitude : (n,) float64
        Largest magnitude of the float activation.
    fits : bool
        True if no sum of the layer can leave 24 bits; the bound then needs no further condition.
    """

    value: np.ndarray
    sent: np.ndarray
    magnitude: np.ndarray
    fits: bool


def differences(
    built: BuiltNetwork,
    frames: int = 1,
    *,
    whole: bool = True,
    ranges: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> dict[str, Difference]:
    """Bound every layer, by node.

    Parameters
    ----------
    built : BuiltNetwork
    frames : int
        Different images of a sample: 1 if one is held for all steps, else its steps.
    whole : bool
        True if images are whole levels of the input's grid, so that nothing of them is rounded.
    ranges : dict of node -> (low, high), each (n,) float; optional
        Values of the input and of activations that are given, in place of intervals from the
        input's range. The bound then is of images whose activations stay within them.
    """
    found = _Bounds(built, frames, whole, ranges or {})
    return {layer.node: found.bound(layer) for layer in built.layers}


@dataclass(frozen=True, eq=False)
class _Sender:
    """In units of the sender: interval of the float activation, and its differences.

    `value` is of the neuron's value, `norm` its Euclidean norm, `kept` what is not sent.
    """

    low: np.ndarray
    high: np.ndarray
    value: np.ndarray
    kept: np.ndarray
    norm: float

    @property
    def sent(self) -> np.ndarray:
        return self.value + self.kept


class _Bounds:
    def __init__(
        self,
        built: BuiltNetwork,
        frames: int,
        whole: bool,
        ranges: Mapping[str, tuple[np.ndarray, np.ndarray]],
    ) -> None:
        self._network, self._frames, self._ranges = built.network, frames, ranges
        entry = built.network.input
        ones = np.ones(entry.size)
        assert entry.pixels is not None
        assert entry.neuron is not None
        threshold = entry.neuron.threshold
        rounded = 0.0 if whole else 0.5
        first = _Sender(
            low=ones * entry.pixels.minimum,
            high=ones * entry.pixels.maximum,
            value=ones * rounded,
            kept=ones * max(threshold - 1, 0),
            norm=rounded * math.sqrt(entry.size),
        )
        ids = {layer.id: layer.node for layer in built.layers}
        sources = {
            c.source: name
            for layer in built.layers
            for c, name in zip(layer.layer.connections, layer.senders, strict=True)
            if c.source not in ids
        }
        self._senders = {
            name: self._within(name, first, entry.pixels.scale) for name in set(sources.values())
        }

    def _within(self, name: str, sender: _Sender, unit: float) -> _Sender:
        """Limit a sender's values to the given ones."""
        if name not in self._ranges:
            return sender
        low, high = self._ranges[name]
        return replace(sender, low=low / unit, high=high / unit)

    def bound(self, layer: BuiltLayer) -> Difference:
        rows = self._network.schedule.lead_in(layer.id) + self._frames
        unit, fits = layer.units.unit, True
        rounded = np.rint(layer.bias / unit) * unit
        low, high = layer.bias.copy(), layer.bias.copy()
        own = np.abs(rounded - layer.bias)
        passed, norm = np.zeros(len(own)), 0.0
        for i, (name, real) in enumerate(zip(layer.senders, layer.real, strict=True)):
            sender, step = self._senders[name], layer.units.step(i)
            integers = layer.integers[i].astype(np.float64)
            up, down = np.maximum(real.weight, 0), np.minimum(real.weight, 0)
            low += _sums(real, up, sender.low) + _sums(real, down, sender.high)
            high += _sums(real, up, sender.high) + _sums(real, down, sender.low)
            magnitude = np.maximum(np.abs(sender.low), np.abs(sender.high))
            weight = integers * step
            lengths = np.sqrt(_sums(real, weight**2, np.ones(len(magnitude))))
            by_norm = lengths * sender.norm
            passed += np.minimum(_sums(real, np.abs(weight), sender.value), by_norm)
            passed += _sums(real, np.abs(weight), sender.kept)
            norm += _gain(real, weight) * (sender.norm + float(np.linalg.norm(sender.kept)))
            own += _sums(real, np.abs(weight - real.weight), magnitude)
            own += rows * max(0.0, 1 - 2.0 ** layer.units.exponents[i]) * unit / STATE_UNIT
            width = sender.high - sender.low + 2 * sender.sent
            sums = _sums(real, np.abs(integers), width) * 2**MESSAGE_FRACTION
            fits &= _fits(sums, STATE_BITS if real.is_conv else SUM_BITS)
        value = passed + own
        norm = min(norm + float(np.linalg.norm(own)), float(np.linalg.norm(value)))
        value = np.minimum(value, norm)
        most = np.maximum(np.abs(low), np.abs(high)) + value
        fits &= _fits(most / unit * STATE_UNIT, STATE_BITS)
        if layer.layer.neuron.constants()["relu_on"]:
            low, high = np.maximum(low, 0), np.maximum(high, 0)
        kept = (max(layer.threshold * STATE_UNIT - 1, 0) + rows * DROPPED) / STATE_UNIT
        sender = _Sender(
            *(low / unit, high / unit, value / unit), np.full(len(value), kept), norm / unit
        )
        sent = sender.sent * unit
        self._senders[layer.node] = self._within(layer.node, sender, unit)
        return Difference(value, sent, np.maximum(np.abs(low), np.abs(high)), fits)


def _fits(sums: np.ndarray, bits: int) -> bool:
    return bool(np.abs(sums).max(initial=0) < 2**bits)


def _sums(of: FloatWeights, weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted sums of values with other weights in place of the connection's: (n_out,)."""
    if weight.ndim == 1:
        return weight * values
    if of.in_shape is None:
        return weight @ values
    planes = values.reshape(1, *of.in_shape)
    return convolved(planes, weight, of.stride, of.padding, of.dilation, of.groups).ravel()


def _gain(of: FloatWeights, weight: np.ndarray) -> float:
    """Largest gain of a Euclidean norm by weights, or a bound of it for a large matrix."""
    n_out, n_in = math.prod(of.out_shape), _senders(of)
    if weight.ndim == 1:
        return float(np.abs(weight).max())
    if n_out * n_in <= MOST_EXACT:
        single = np.eye(n_in)
        if of.in_shape is None:
            matrix = weight
        else:
            planes = single.reshape(n_in, *of.in_shape)
            matrix = convolved(planes, weight, of.stride, of.padding, of.dilation, of.groups)
        return float(np.linalg.norm(matrix.reshape(len(matrix), -1), 2)) * (1 + ROUNDING)
    size = np.abs(weight)
    rows = _sums(of, size, np.ones(n_in)).max()
    columns = size.sum(0).max() if of.in_shape is None else size.sum((0, 2, 3)).max()
    return float(np.sqrt(rows * columns))


def _senders(of: FloatWeights) -> int:
    return of.weight.shape[-1] if of.in_shape is None else math.prod(of.in_shape)
