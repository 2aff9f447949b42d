"""Width of the code's messages: the widest for which a network is free of overflow."""

from dataclasses import replace

from ipvae.errors import QuantizationError
from ipvae.network.description import IntNetwork
from ipvae.network.proof.bounds import bounds


def with_safe_payload(network: IntNetwork, widest: int) -> IntNetwork:
    """Narrow the payload, starting at `widest` bits, until every bound holds.

    Raises
    ------
    QuantizationError
        If even one bit does not exclude overflow.
    """
    for bits in range(widest, 0, -1):
        candidate = network
        if network.layer.payload_bits != bits:
            candidate = replace(network, layer=replace(network.layer, payload_bits=bits))
        if all(bound.holds for bound in bounds(candidate)):
            return candidate
    broken = [
        f"{b.variable} reaches {b.reach} of {b.allowed}" for b in bounds(candidate) if not b.holds
    ]
    raise QuantizationError(
        f"layer 1: no payload is free of overflow ({'; '.join(broken)}); use fewer weight bits"
    )
