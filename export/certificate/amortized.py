"""Certificate of an amortized Poisson VAE: an encoder, linear or with one hidden layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.export.certificate.grids import (
    DRIVE_EXPONENTS,
    DRIVE_LIMIT,
    WEIGHT_EXPONENTS,
    limit_of,
    nearest_grid,
)
from ipvae.export.certificate.model_values import STATE_END, log_rate_limits, octave_units
from ipvae.network.description import IntNetwork
from ipvae.network.rules.activations import swish_table

FRACTION, ACTIVATION_FRACTION = 16, 12
"""Fraction bits of log-rates, and of activations."""
CEILING = 5.0
"""Soft upper limit of a log-rate, nats."""
LOWEST_OCTAVES = -12
CHANGE_END = 2**22
MARGIN, MOST_SENT = 1.5, 2**12 - 1
"""Range of activations: 1.5 times the largest of the calibration, in at most 12 bits."""

NEAREST = "nearest integers to the encoder's weights, at the scale of least squared error"
REST_RULE = "nearest integers to the values of the model"


def certify_amortized(
    checks: Checks,
    network: IntNetwork,
    params: Mapping[str, np.ndarray],
    images: np.ndarray,
    bits: int,
) -> None:
    """Check a network that draws from an encoder's log-rates."""
    p = {name: np.asarray(value, np.float64) for name, value in params.items()}
    layer, units = network.layer, octave_units(FRACTION)
    code = network.code
    scaled, exponent = nearest_grid(
        p["encoder_weight"] * (network.input.scale * units), DRIVE_LIMIT, DRIVE_EXPONENTS
    )
    checks.equal(f"layer {code}: scale of the drive", NEAREST, layer.drive_exp, exponent)
    checks.nearest(f"layer {code}: weights of the drive", NEAREST, layer.weight, scaled)
    bias = p["encoder_bias"]
    if "hidden_weight" in p:
        bias = bias + p["encoder_weight"] @ p["residual_bias"]
        _hidden(checks, network, p, images, bits)
    checks.nearest(f"layer {code}: bias", REST_RULE, layer.bias, bias * units)
    limits = log_rate_limits(FRACTION, CEILING)
    limits |= {"u_min": LOWEST_OCTAVES << FRACTION, "du_min": 1 - CHANGE_END}
    limits |= {"du_max": CHANGE_END - 1}
    for key, expected in limits.items():
        rule = "the ceiling of 5 nats, and the sampler's range"
        checks.equal(f"layer {code}: {key}", rule, getattr(layer, key), expected)
    own = layer.self_weight
    checks.equal(f"layer {code}: self-inhibition", "zeros", own, np.zeros_like(own))
    checks.nearest(
        f"layer {code}: prior log-rates",
        REST_RULE,
        layer.u_init,
        np.clip(p["u0"] * units, round(-8.0 * units), limits["u_max"]),
    )


def _hidden(
    checks: Checks,
    network: IntNetwork,
    p: Mapping[str, np.ndarray],
    images: np.ndarray,
    bits: int,
) -> None:
    """Check the layer of swish neurons and the synapses from it."""
    hidden: Any = network.hidden[0]
    layer, units = network.layer, octave_units(FRACTION)
    one = 2.0**ACTIVATION_FRACTION
    potential = images @ p["hidden_weight"].T + p["hidden_bias"]
    swish = potential / (1.0 + np.exp(-potential))
    largest = MARGIN * max(1.0, float(swish.max(initial=1.0)))
    synapses = p["encoder_weight"] @ p["residual_weight"]
    scaled, exponent, z_max, shift = None, 0, 0, 0
    for shift in range(ACTIVATION_FRACTION + 1):
        scaled, exponent = nearest_grid(
            synapses * (units / one * 2.0**shift), limit_of(bits), WEIGHT_EXPONENTS
        )
        reach = int(np.abs(np.rint(scaled)).sum(axis=1).max())
        z_max = int(np.ceil(largest * one / 2**shift))
        if z_max <= MOST_SENT and z_max * reach < STATE_END:
            break
    assert scaled is not None
    rule = "the finest unit at which 1.5 times the largest activation fits 12 bits and all sums 24"
    checks.equal("layer 1: shift", rule, hidden.shift, shift)
    low = -(int(swish_table().max()) >> shift) - 1
    checks.equal("layer 1: range of messages", rule, (hidden.z_min, hidden.z_max), (low, z_max))
    checks.equal("layer 1: unit", rule, hidden.unit, 2.0**shift / one)
    code = network.code
    checks.equal(f"layer {code}: scale of the weights", NEAREST, layer.weight_exp, exponent)
    checks.nearest(f"layer {code}: weights", NEAREST, layer.weight_rec, scaled)
    drive, exponent = nearest_grid(
        p["hidden_weight"] * (network.input.scale * one), DRIVE_LIMIT, DRIVE_EXPONENTS
    )
    checks.equal("layer 1: scale of the drive", NEAREST, hidden.drive_exp, exponent)
    checks.nearest("layer 1: weights of the drive", NEAREST, hidden.weight, drive)
    checks.nearest("layer 1: bias", REST_RULE, hidden.bias, p["hidden_bias"] * one)
