"""Conversion of a float network to an integer layer on the grid of the hardware.

Rounding is half to even. Weights may be clipped for a finer scale, and
`ipvae.export.calibration.losses` counts the clipped ones. The log-rate at reset is the only other
clipped value.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.bias_correction import mean_correction
from ipvae.export.rounding.bounded import SelfExcitationError, round_bounded
from ipvae.export.rounding.fake_quantize import self_steps
from ipvae.export.rounding.image_moments import ImageMoments
from ipvae.export.rounding.optq import CalibrationMoments, compensated
from ipvae.export.rounding.power_of_two_scale import recurrent_grid, to_grid, within
from ipvae.network.description import FloatNetwork, InputFormat, IntNetwork
from ipvae.network.layers import DRIVE_EXP_RANGE, WEIGHT_EXP_RANGE, PoissonLayer
from ipvae.network.rules.arithmetic import FRAC_BITS, SELF_MAX, TERM_MAX, to_octaves
from ipvae.network.rules.payload import with_safe_payload
from ipvae.network.rules.poisson import LOG_RATE_MAX

LOG_RATE_LOW, LOG_RATE_HIGH = -8.0, 10.0
"""Limits of an update and of the log-rate in nats: the soft clamp in the code of arXiv 2410.19315
(main/layers.py), as a hard one."""

CLAMP_PULL = math.exp(-LOG_RATE_HIGH)
"""Effect of the soft clamp C - softplus(C - v) far below C = 10: it subtracts exp(v - C) nats. Near
0 this is a constant of the update. For a log-rate u it is this constant times the rate exp(u),
which the neuron's own count estimates."""

WIDEST_PAYLOAD = 9
"""Maximum bits of a count. At the highest rate, 256, P(count > 511) is 4e-45."""

WEIGHT_BITS = range(2, 9)

DRIVE_BITS = 16
REC = "weight_rec"

FINEST = 16
"""Maximum fraction bits of the log-rate; large values need fewer."""


def per_nat(frac_bits: int) -> float:
    """Units of 2**-frac_bits octaves in one nat."""
    return 2**frac_bits / math.log(2.0)


@dataclass(frozen=True)
class Images:
    """Images for the network file: (n, M) int16 pixels, (n,) int16 labels."""

    pixels: np.ndarray
    labels: np.ndarray


def quantize(
    network: FloatNetwork,
    pixels: InputFormat,
    test: Images,
    weight_bits: int = 8,
    provenance: dict | None = None,
    frac_bits: int | None = None,
    activity: CalibrationMoments | ImageMoments | None = None,
) -> IntNetwork:
    """Build an integer network with one recurrent layer from a float network.

    The self-inhibition (diagonal of G) stays in the neuron at the log-rate's precision; for few
    bits it is raised. `ipvae.export.rounding.optq` rounds recurrent weights, and
    `ipvae.export.rounding.bias_correction` corrects the mean error of the input. Without
    `activity`, each weight is rounded independently (`ipvae.export.rounding.power_of_two_scale`).
    The feed-forward weights, used only on the host, always have 16 bits, because pixel precisions
    differ widely. Counts get the largest payload, up to nine bits, for which overflow is
    impossible. The soft clamp becomes a hard one; bias and self-inhibition include its effect far
    from its limit (`CLAMP_PULL`).

    Parameters
    ----------
    network : FloatNetwork
    pixels : InputFormat
    test : Images
        Stored in the file.
    weight_bits : int in 2..8
    provenance : dict, optional
        JSON data, stored unchanged.
    frac_bits : int in 12..16, optional
        Fraction bits of the log-rate; the maximum that the values allow if not given.
    activity : CalibrationMoments or ImageMoments, optional
        Counts of the float network on calibration images; None for a model trained for these bits,
        whose rounding was learned. With ImageMoments the drive is corrected too, and no combination
        of neurons that a search finds excites itself (`ipvae.export.rounding.bounded`).

    Returns
    -------
    IntNetwork
        Network proved free of overflow.

    Raises
    ------
    QuantizationError
        If the values fit no grid, or no payload is provably safe.
    """
    require_weight_bits(weight_bits)
    if frac_bits is None:
        return finest(
            lambda bits: quantize(network, pixels, test, weight_bits, provenance, bits, activity)
        )
    unit = per_nat(frac_bits)
    gram = network.gram() * unit
    recurrent = gram - np.diag(np.diag(gram))
    forward = network.feedforward() * unit
    bias = -(network.step_size * network.bias + CLAMP_PULL) * unit
    if isinstance(activity, ImageMoments):
        bounded = round_bounded(gram, activity.covariance, weight_bits)
        runs, weight_exp, raised = bounded.runs, bounded.exponent, 0.0
        stored = np.rint(np.diag(runs) + CLAMP_PULL * unit)  # the drive corrects this rounding too
        np.fill_diagonal(runs, stored - CLAMP_PULL * unit)
        of_image, of_bias = activity.drive(runs - gram)
        forward, bias = forward + of_image, bias + of_bias
    elif activity is None:
        integers, weight_exp = recurrent_grid(recurrent, weight_bits, WEIGHT_EXP_RANGE, REC)
        raised = self_steps(weight_bits)
        runs = integers * 2.0**weight_exp + np.diag(np.diag(gram))
    else:
        runs, weight_exp = compensated(
            gram, activity.covariance, weight_bits, WEIGHT_EXP_RANGE, REC, own=True
        )
        raised = self_steps(weight_bits, compensated=True)
        bias = bias + mean_correction(gram, runs, activity.mean)
    own = np.diag(runs) + raised * 2.0**weight_exp + CLAMP_PULL * unit
    weight_rec = np.rint((runs - np.diag(np.diag(runs))) / 2.0**weight_exp).astype(np.int8)
    forward = forward * pixels.scale
    weight, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "weight")
    grids = {
        "weight": grid_facts(forward, weight, drive_exp, DRIVE_BITS),
        "weight_rec": grid_facts(recurrent, weight_rec, weight_exp, weight_bits),
    }
    layer = PoissonLayer(
        weight=weight,
        weight_rec=weight_rec,
        drive_exp=drive_exp,
        weight_exp=weight_exp,
        bias=within(bias, TERM_MAX, "bias"),
        self_weight=within(own, SELF_MAX, "self_weight"),
        payload_bits=WIDEST_PAYLOAD,
        **log_rates(network.u0, frac_bits),
    )
    widest = IntNetwork(
        pixels,
        layer,
        network.phi.astype(np.float32),
        test.pixels,
        test.labels,
        {**(provenance or {}), "grids": {"1": grids}},
    )
    return with_safe_payload(widest, WIDEST_PAYLOAD)


def finest(make: Callable[[int], IntNetwork]) -> IntNetwork:
    """Build a network with the most fraction bits, 16 to 12, for which its values fit the grid.

    Raises
    ------
    QuantizationError
        If no number of bits fits.
    """
    for bits in range(FINEST, FRAC_BITS, -1):
        try:
            return make(bits)
        except SelfExcitationError:
            raise  # no number of fraction bits changes it
        except QuantizationError:
            continue
    return make(FRAC_BITS)


def require_weight_bits(weight_bits: int) -> None:
    """Raise QuantizationError for an unsupported number of weight bits."""
    if weight_bits not in WEIGHT_BITS:
        raise QuantizationError(f"weight_bits: found {weight_bits}, allowed 2 to 8")


def log_rates(u0: np.ndarray, frac_bits: int, high: float = LOG_RATE_HIGH) -> dict[str, Any]:
    """Arguments of a Poisson layer for its initial log-rates and their limits.

    Parameters
    ----------
    u0 : (K,) nats
    frac_bits : int
    high : nats
        Upper limit; the sampler's limit if that is lower.
    """
    low = to_octaves(LOG_RATE_LOW, frac_bits)
    most = min(to_octaves(high, frac_bits), LOG_RATE_MAX << (frac_bits - FRAC_BITS))
    return {
        "u_init": np.clip(np.rint(u0 * per_nat(frac_bits)), low, most).astype(np.int32),
        "u_min": low,
        "u_max": most,
        "du_min": low,
        "du_max": to_octaves(LOG_RATE_HIGH, frac_bits),
        "frac_bits": frac_bits,
    }
