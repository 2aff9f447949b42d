"""Certificate of read-out layers."""

import math
from typing import Any

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.export.certificate.grids import limit_of, nearest_grid
from ipvae.export.certificate.model_values import STATE_END, TERM_END
from ipvae.export.certificate.structure import require_classes, require_decoder
from ipvae.network.description import IntNetwork

MARGIN, MOST_SENT = 2.0, 2**15 - 1
WIDE = (-40, 40)


def certify_readouts(checks: Checks, network: IntNetwork, bits: int) -> None:
    """Check each read-out; one that was fitted to labels is not derived."""
    for number, layer in enumerate(network.readouts, start=int(network.code) + 1):
        if layer.n_neurons != network.n_pixels:
            require_classes(checks, str(number), layer, network)
            reason = "a logistic regression on the labels of the training images"
            checks.not_derived(f"layer {number}: classes", "the fit's weights", reason)
        else:
            _decoder(checks, network, str(number), layer, bits)


def _decoder(checks: Checks, network: IntNetwork, name: str, layer: Any, bits: int) -> None:
    """Check the reconstruction Phi z: one neuron for each pixel."""
    require_decoder(checks, name, layer, network)
    real = network.decoder.astype(np.float64)
    scaled, exponent = nearest_grid(real, limit_of(bits), WIDE)
    most = max(abs(end) for end in network.layer.sent)
    while (reach := most * int(np.abs(np.rint(scaled)).sum(axis=1).max())) >= STATE_END:
        exponent += 1
        scaled = np.clip(real / 2.0**exponent, -limit_of(bits), limit_of(bits))
    rule = "nearest integers to the decoder, at the scale of least squared error without overflow"
    checks.nearest(f"layer {name}: weights", rule, layer.weight_rec, scaled)
    pixels = network.input
    largest = max(abs(pixels.minimum), abs(pixels.maximum)) * pixels.scale
    top = min(MARGIN * largest / 2.0**exponent, max(1, reach))
    coarse = max(0, math.ceil(math.log2(top / (TERM_END - 1))))
    shift = max(0, math.ceil(math.log2(top / 2.0**coarse / MOST_SENT)))
    rule = "16 bits hold twice the largest pixel, or the largest sum"
    checks.equal(f"layer {name}: scale", rule, (layer.weight_exp, layer.shift), (-coarse, shift))
    checks.equal(f"layer {name}: unit", rule, layer.unit, 2.0 ** (exponent + coarse + shift))
    checks.equal(f"layer {name}: range", rule, (layer.z_min, layer.z_max), (-MOST_SENT, MOST_SENT))
    checks.equal(f"layer {name}: bias", "zeros", layer.bias, np.zeros_like(layer.bias))
