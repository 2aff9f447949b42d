"""Limits of a `Network` that do not depend on its placement: delays and messages."""

from ipvae.chip import limits
from ipvae.chip.limits import LimitCheck
from ipvae.network.connections import DELAY_MAX
from ipvae.network.network import Network
from ipvae.network.proof.bounds import Bound


def network_lines(network: Network) -> list[LimitCheck]:
    """Limits of delays and messages of each layer; weights have 8 bits by construction."""
    lines: list[LimitCheck] = []
    for layer in network.layers:
        where = f"layer {layer.id}"
        lines += [
            LimitCheck("delay_rows", c.longest_delay, DELAY_MAX, f"{where}: from layer {c.source}")
            for c in layer.connections
            if c.longest_delay
        ]
        bits = layer.neuron.message_bits
        lines.append(LimitCheck("payload_bits", bits, limits.PAYLOAD_BITS_MAX, f"{where}: z"))
    return lines


def overflow_lines(network: Network, proofs: list[Bound]) -> list[LimitCheck]:
    """Synaptic input of Poisson and graded layers, and whatever may leave its range there."""
    driven = {name for name, kind in network.kinds.items() if kind.driven}
    return [
        LimitCheck("overflow", b.reach, b.allowed, f"layer {b.layer}: {b.variable}")
        for b in proofs
        if b.layer in driven and (b.variable == "a_in" or not b.holds)
    ]
