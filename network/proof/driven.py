"""Ranges of Poisson and graded layers of a `Network`; docs/spec/ranges.md.

They are valid for any images, any seed and any number of rows. A network is refused if one does not
hold, since its values would be undefined.
"""

from typing import Any

import numpy as np

from ipvae.errors import UnprovedOverflowError
from ipvae.network.connections import Connection, Convolution, Weights
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.network import Layer, Network
from ipvae.network.proof.bounds import Bound, allowed, scaled_input, updated
from ipvae.network.proof.interval import Interval, between
from ipvae.network.rules.arithmetic import TERM_MAX, clip, shift
from ipvae.once import once

CONV_BITS, SUM_BITS = 24, 32
"""Widths to which sums of a connection wrap: convolutions of graded messages, and others."""


def driven_bounds(network: Network, name: str) -> list[Bound]:
    """Bound every variable and intermediate of a layer, in the order of evaluation."""
    layer = network.by_id[name]
    kind: Any = layer.neuron
    draws = isinstance(kind, PoissonNeuron)
    drive = _drive(network, layer)
    found = dict(drive)
    sums = [_sum_bound(network, layer, connection) for connection in layer.connections]
    if layer.connections:
        a_in = _received(network, layer)
        scaled = scaled_input(kind, a_in, drive["b"])
        total = scaled.pop("total")
        found |= {"a_in": a_in, **scaled}
    else:
        total = drive["b"]
    found |= updated(kind.of_neurons(layer.n_neurons) if draws else kind, total, draws=draws)
    most = {"z": (0, kind.count_max) if draws else kind.sent}
    return sums + [
        Bound(variable, *i.ends, *most.get(variable, allowed(variable)), layer=name)
        for variable, i in found.items()
    ]


def require_driven_proved(network: Network) -> None:
    """Raise UnprovedOverflowError if a Poisson or graded layer may leave a range."""
    for bound in _broken(network):
        raise UnprovedOverflowError(
            f"layer {bound.layer}: {bound.variable} can reach {bound.reach}, allowed "
            f"{bound.allowed}; use smaller weights, or narrower messages of its sources"
        )


@once
def _broken(network: Network) -> tuple[Bound, ...]:
    driven = [name for name, kind in network.kinds.items() if kind.driven]
    return tuple(b for name in driven for b in driven_bounds(network, name) if not b.holds)


def _drive(network: Network, layer: Layer) -> dict[str, Interval]:
    """Section 2, of any kind of weights."""
    biases = layer.biases.astype(np.int64)
    constant = between(biases, biases)
    if layer.drive is None:
        return {"b": constant}
    low, high = network.input.value_range
    weights = layer.drive.weights
    partial = _weighted(weights, min(low, 0), max(high, 0))
    # Places outside the image count 0.
    p = partial if isinstance(weights, Convolution) else _weighted(weights, low, high)
    exponent = layer.drive.exponent
    q = p.through(lambda v: shift(v, exponent))
    total = q + constant
    b = total.through(lambda v: clip(v, -TERM_MAX, TERM_MAX))
    return {"partial p": partial, "p": p, "q": q, "q + bias": total, "b": b}


def _weighted(weights: Weights, low: int, high: int) -> Interval:
    """Sums of values in low..high, times the weights of each receiver: (n_out,)."""
    sums = weights.reach()
    down, up = np.repeat(sums, weights.n_out // sums.shape[1], axis=1)
    return between(up * low + down * high, up * high + down * low)


def _sums(network: Network, connection: Connection) -> Interval:
    """Sums of a connection, in any order; nothing is received before a source's first row."""
    low, high = network.sent(connection.source)
    return _weighted(connection.weights, min(low, 0), max(high, 0))


def _sum_bound(network: Network, layer: Layer, connection: Connection) -> Bound:
    most = (1 << (_bits(network, connection) - 1)) - 1
    ends = _sums(network, connection).ends
    return Bound(f"sum from {connection.source}", *ends, -most, most, layer=layer.id)


def _bits(network: Network, connection: Connection) -> int:
    conv = isinstance(connection.weights, Convolution)
    return CONV_BITS if conv and network.message_bits(connection.source) else SUM_BITS


def _received(network: Network, layer: Layer) -> Interval:
    """Sum over all connections of what their exponents give."""
    total = between(0, 0)
    for connection in layer.connections:
        exponent = connection.exponent
        part = _sums(network, connection).through(lambda v, e=exponent: shift(v, e))
        total = total + part
    return total
