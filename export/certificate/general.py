"""Checks of what all networks have: input, decoder, stored images, ranges, tables."""

from fractions import Fraction

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.export.certificate.model_values import SELF_END, STATE_END, TERM_END
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.poisson import thresholds

WIDEST_PAYLOAD = 9
"""Most bits of a count."""


def certify_input(
    checks: Checks, network: IntNetwork, pixels: InputFormat, images: np.ndarray | None
) -> None:
    """Check the pixels' format, and the stored test images against the data set's."""
    found, expected = network.input, pixels
    checks.equal(
        "input: range of pixels",
        "the model's",
        (found.minimum, found.maximum),
        (expected.minimum, expected.maximum),
    )
    checks.equal("input: scale of pixels", "the model's", found.scale, expected.scale)
    checks.equal("input: shape", "the model's", found.shape, expected.shape)
    rule = "the first images of the data"
    if images is None:
        checks.not_derived("test images", rule, "no images were given")
    else:
        checks.equal("test images", rule, network.test_images, images[: len(network.test_images)])


def certify_decoder(checks: Checks, network: IntNetwork, expected: np.ndarray) -> None:
    """Check the decoder against the model's dictionary, unless it was refitted."""
    if "refit" in network.provenance:
        reason = "fitted to the network's counts; no part of the inference"
        checks.not_derived("decoder", "the model's dictionary in float32", reason)
        return
    checks.equal(
        "decoder",
        "the model's dictionary in float32",
        network.decoder,
        expected.astype(np.float32),
    )


def certify_payload(checks: Checks, network: IntNetwork) -> None:
    """Check that the code's messages are as wide as the ranges allow, by sums of the weights."""
    layer = network.layer
    if not isinstance(layer, PoissonLayer):
        return
    bits, fault = layer.payload_bits, ""
    if bits > WIDEST_PAYLOAD:
        fault = f"found {bits} bits"
    elif not _fits(network, bits):
        fault = f"a sum of counts of {bits} bits leaves 24 bits"
    elif bits < WIDEST_PAYLOAD and _fits(network, bits + 1):
        fault = f"found {bits} bits, and {bits + 1} fit"
    rule = f"the widest counts, up to {WIDEST_PAYLOAD} bits, of which no sum leaves 24 bits"
    checks.holds("code: width of messages", rule, fault)


def _fits(network: IntNetwork, bits: int) -> bool:
    """Return whether all sums of the code's counts fit 24 bits: exact sums of integers."""
    draws = thresholds().shape[1] * 2**5
    most = min(2**bits - 1, draws)
    for layer in network.layers.values():
        if layer.weight_rec is None or layer.source != int(network.code):
            continue
        wide = layer.weight_rec.astype(np.int64) * most
        sums = np.maximum(wide, 0).sum(axis=1), -np.minimum(wide, 0).sum(axis=1)
        reach = int(np.max(sums))
        scaled = min(reach * Fraction(2) ** layer.weight_exp, TERM_END - 1)
        own = SELF_END - 1 if np.any(getattr(layer, "self_weight", 0)) else 0
        if reach >= STATE_END or TERM_END - 1 + scaled + own >= STATE_END:
            return False
    return True


def certify_intervals(checks: Checks, network: IntNetwork) -> None:
    """Check that every interval of the proof lies in its range."""
    found = bounds(network)
    broken = [
        f"layer {b.layer}: {b.variable} reaches {b.reach} of {b.allowed}"
        for b in found
        if not b.holds
    ]
    rule = "every variable and intermediate stays in its range"
    checks.holds("ranges", rule, "; ".join(broken), len(found))
