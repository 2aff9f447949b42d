"""Ranges of Poisson and graded layers of a `Network`; docs/spec/ranges.md.

They are valid for any images, any seed and any number of rows. A network is refused if one does not
hold, since its values would be undefined.
"""

from typing import Any

import numpy as np

from ipvae.errors import UnprovedOverflowError
from ipvae.network.connections import Connection, Convolution, Weights
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.kinds.base import of_each
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
    n = _distinct(layer)
    drive = _drive(network, layer, n)
    found = dict(drive)
    sums = [_sum_bound(network, layer, connection, n) for connection in layer.connections]
    if layer.connections:
        a_in = _received(network, layer, n)
        scaled = scaled_input(kind, a_in, drive["b"])
        total = scaled.pop("total")
        found |= {"a_in": a_in, **scaled}
    else:
        total = drive["b"]
    found |= updated(kind.of_neurons(n) if draws else kind, total, draws=draws)
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


def _distinct(layer: Layer) -> int:
    """Neurons that are bounded: one of each map where all numbers belong to maps, or all of them.

    A neuron at a border receives a part of what an inner one does, so that its bounds hold too.
    """
    kind: Any = layer.neuron
    each = [layer.bias, *(getattr(kind, name, None) for name in ("u_init", "self_weight"))]
    lengths = {len(values) for values in each if isinstance(values, np.ndarray)}
    of_maps = all(isinstance(weights, Convolution) for weights in layer.weights)
    maps = layer.shape[0]
    return maps if of_maps and lengths <= {1, maps} else layer.n_neurons


def _drive(network: Network, layer: Layer, n: int) -> dict[str, Interval]:
    """Bound the drive (drive.md), of any kind of weights."""
    biases = of_each(0 if layer.bias is None else layer.bias, n)
    constant = between(biases, biases)
    if layer.drive is None:
        return {"b": constant}
    low, high = network.input.value_range
    weights = layer.drive.weights
    partial = _weighted(weights, min(low, 0), max(high, 0), n)
    # Places outside the image count 0.
    p = partial if isinstance(weights, Convolution) else _weighted(weights, low, high, n)
    exponent = layer.drive.exponent
    q = p.through(lambda v: shift(v, exponent))
    total = q + constant
    b = total.through(lambda v: clip(v, -TERM_MAX, TERM_MAX))
    return {"partial p": partial, "p": p, "q": q, "q + bias": total, "b": b}


def _weighted(weights: Weights, low: int, high: int, n: int) -> Interval:
    """Sums of values in low..high, times the weights of each of n receivers: (n,)."""
    sums = weights.reach()
    down, up = np.repeat(sums, n // sums.shape[1], axis=1)
    return between(up * low + down * high, up * high + down * low)


def _sums(network: Network, connection: Connection, n: int) -> Interval:
    """Sums of a connection, in any order; nothing is received before a source's first row."""
    low, high = network.sent(connection.source)
    return _weighted(connection.weights, min(low, 0), max(high, 0), n)


def _sum_bound(network: Network, layer: Layer, connection: Connection, n: int) -> Bound:
    most = (1 << (_bits(network, connection) - 1)) - 1
    ends = _sums(network, connection, n).ends
    return Bound(f"sum from {connection.source}", *ends, -most, most, layer=layer.id)


def _bits(network: Network, connection: Connection) -> int:
    conv = isinstance(connection.weights, Convolution)
    return CONV_BITS if conv and network.message_bits(connection.source) else SUM_BITS


def _received(network: Network, layer: Layer, n: int) -> Interval:
    """Sum over all connections of what their exponents give."""
    total = between(0, 0)
    for connection in layer.connections:
        exponent = connection.exponent
        part = _sums(network, connection, n).through(lambda v, e=exponent: shift(v, e))
        total = total + part
    return total
