"""Amortized P-VAE (arXiv 2405.14473) as a feed-forward integer network.

u = ceiling(prior + encoder(x)), and z ~ Poisson(exp u) is drawn independently at each step. A
linear encoder is the drive of the Poisson neurons. An MLP encoder, A (x + V swish(U x + c) + d) +
e, has the drive A x and a hidden layer of swish neurons with synapses A V.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import (
    DRIVE_BITS,
    WIDEST_PAYLOAD,
    Images,
    log_rates,
    per_nat,
    require_weight_bits,
)
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import (
    ADDED,
    DRIVE_EXP_RANGE,
    NOTHING,
    WEIGHT_EXP_RANGE,
    GradedLayer,
    PoissonLayer,
)
from ipvae.network.rules.activations import CEILING_BITS, SWISH, SWISH_BITS, swish_table
from ipvae.network.rules.arithmetic import CHANGE_MAX, STATE_MAX, TERM_MAX
from ipvae.network.rules.payload import with_safe_payload
from ipvae.network.rules.poisson import LOG_RATE_MIN

CEILING = 5.0
"""Soft upper limit of a log-rate in nats, as in training: `LOG_RATE_MAX` of the float models."""

MARGIN = 1.5
"""Allowed ratio of activations to the largest activations of the calibration."""

MOST_SENT = 2**12 - 1
"""Maximum activation: messages have at most 12 bits."""


def amortized(
    params: Mapping[str, np.ndarray],
    images: np.ndarray,
    pixels: InputFormat,
    test: Images,
    weight_bits: int = 8,
) -> IntNetwork:
    """Build an integer network from an amortized P-VAE with a linear or an MLP encoder.

    Parameters
    ----------
    params : parameters of a checkpoint
        `phi` (M, K), `u0` (K), `encoder_weight` (K, M), `encoder_bias` (K); MLP: `hidden_weight`
        (H, M), `hidden_bias` (H), `residual_weight` (M, H), `residual_bias` (M).
    images : (N, M) float64, real pixel values
        Images for the calibration of the hidden layer.
    pixels : InputFormat
    test : Images
        Stored in the file.
    weight_bits : int in 2..8
        Width of the synapses from the hidden layer; a linear encoder has none.

    Returns
    -------
    IntNetwork
        Network proved free of overflow.

    Raises
    ------
    QuantizationError
        If the values fit no grid.
    """
    require_weight_bits(weight_bits)
    p = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
    unit = per_nat(CEILING_BITS)
    forward = p["encoder_weight"] * (pixels.scale * unit)
    weight, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "weight")
    own = {"weight": grid_facts(forward, weight, drive_exp, DRIVE_BITS)}
    grids = {"1": own}
    received: dict[str, Any] = {"source": NOTHING}
    offset, hidden = p["encoder_bias"], ()
    if "hidden_weight" in p:
        offset = offset + p["encoder_weight"] @ p["residual_bias"]
        layer, received, grids = _hidden(p, images, pixels, weight_bits, unit)
        hidden, grids["2"] = (layer,), grids["2"] | own
    limits: dict[str, Any] = log_rates(p["u0"], CEILING_BITS, CEILING) | {
        "u_min": LOG_RATE_MIN << (CEILING_BITS - 12),
        "du_min": -CHANGE_MAX,
        "du_max": CHANGE_MAX,
    }
    code = PoissonLayer(
        weight=weight,
        bias=within(offset * unit, TERM_MAX, "bias"),
        self_weight=np.zeros(len(offset), np.int32),
        drive_exp=drive_exp,
        payload_bits=WIDEST_PAYLOAD,
        memory=False,
        ceiling=True,
        **received,
        **limits,
    )
    decoder = p["phi"].astype(np.float32)
    return with_safe_payload(
        IntNetwork(
            pixels, code, decoder, test.pixels, test.labels, {"grids": grids}, hidden=hidden
        ),
        WIDEST_PAYLOAD,
    )


def _hidden(
    p: Mapping[str, np.ndarray],
    images: np.ndarray,
    pixels: InputFormat,
    weight_bits: int,
    unit: float,
) -> tuple[GradedLayer, dict[str, Any], dict[str, dict]]:
    """Return the layer of swish neurons, the code's arguments for its input, and weight grids."""
    fine = 2.0**SWISH_BITS
    potential = images @ p["hidden_weight"].T + p["hidden_bias"]
    largest = MARGIN * float((potential / (1.0 + np.exp(-potential))).max(initial=1.0))
    synapses = p["encoder_weight"] @ p["residual_weight"]
    for shift in range(SWISH_BITS + 1):
        weight_rec, weight_exp = to_grid(
            synapses * (unit / fine * 2.0**shift), weight_bits, WEIGHT_EXP_RANGE, "weight_rec"
        )
        reach = int(np.abs(weight_rec.astype(np.int64)).sum(axis=1).max())
        z_max = int(np.ceil(largest * fine / 2**shift))
        if z_max <= MOST_SENT and z_max * reach <= STATE_MAX:
            break
    else:
        raise QuantizationError(
            f"hidden activations reach {largest:.4g}: no message is wide enough; use fewer weight "
            "bits, or scale the images down"
        )
    forward = p["hidden_weight"] * (pixels.scale * fine)
    weight, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "hidden weight")
    grids = {
        "1": {"weight": grid_facts(forward, weight, drive_exp, DRIVE_BITS)},
        "2": {
            "weight_rec": grid_facts(
                synapses * (unit / fine * 2.0**shift), weight_rec, weight_exp, weight_bits
            )
        },
    }
    layer = GradedLayer(
        weight=weight,
        bias=within(p["hidden_bias"] * fine, TERM_MAX, "hidden bias"),
        drive_exp=drive_exp,
        source=NOTHING,
        activation=SWISH,
        shift=shift,
        z_min=-(int(swish_table().max()) >> shift) - 1,
        z_max=z_max,
        unit=2.0**shift / fine,
    )
    received = {
        "weight_rec": weight_rec.astype(np.int8),
        "weight_exp": weight_exp,
        "source": 1,
        "sign": ADDED,
    }
    return layer, received, grids
