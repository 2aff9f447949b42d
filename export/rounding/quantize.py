"""Float network to integer layer, on the grid that runs.

Every rounding is half to even. Weights may be clipped where a finer scale is worth it,
and are counted (`ipvae.export.calibration.losses`); nothing else is clipped but the log-rate at
reset.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.bias_correction import mean_correction
from ipvae.export.rounding.fake_quantize import self_steps
from ipvae.export.rounding.optq import CalibrationMoments, compensated
from ipvae.export.rounding.power_of_two_scale import recurrent_grid, to_grid, within
from ipvae.network.description import FloatNetwork, InputFormat, IntNetwork
from ipvae.network.layers import DRIVE_EXP_RANGE, WEIGHT_EXP_RANGE, PoissonLayer
from ipvae.network.rules.arithmetic import FRAC_BITS, SELF_MAX, TERM_MAX, to_octaves
from ipvae.network.rules.payload import with_safe_payload
from ipvae.network.rules.poisson import LOG_RATE_MAX

LOG_RATE_LOW, LOG_RATE_HIGH = -8.0, 10.0
"""Limits of an update and of the log-rate in nats: the soft clamp of arXiv 2410.19315's code
(main/layers.py), made hard."""

CLAMP_PULL = math.exp(-LOG_RATE_HIGH)
"""What the soft clamp C - softplus(C - v) takes away far below C = 10 is exp(v - C) nats: of an
update near 0 this constant, and of a log-rate u this constant times the rate exp(u), which the
neuron's own count stands for."""

WIDEST_PAYLOAD = 9
"""Bits of a count. At the highest rate, 256, one above 511 has a probability of 4e-45."""

WEIGHT_BITS = range(2, 9)

DRIVE_BITS = 16
REC = "weight_rec"

FINEST = 16
"""Fraction bits of the log-rate, unless values ask for fewer."""


def per_nat(frac_bits: int) -> float:
    """Units of 2**-frac_bits octaves in one nat."""
    return 2**frac_bits / math.log(2.0)


@dataclass(frozen=True)
class Images:
    """Images that travel with the network: (n, M) int16 pixels, (n,) int16 labels."""

    pixels: np.ndarray
    labels: np.ndarray


def quantize(
    network: FloatNetwork,
    pixels: InputFormat,
    test: Images,
    weight_bits: int = 8,
    provenance: dict | None = None,
    frac_bits: int | None = None,
    activity: CalibrationMoments | None = None,
) -> IntNetwork:
    """Turn a float network into integers: one recurrent layer.

    The self-inhibition (diagonal of G) stays in the neuron at the log-rate's precision; for few
    bits it is raised. Recurrent weights are rounded by `ipvae.export.rounding.optq`, and what that
    adds to the input on average goes into the bias (`ipvae.export.rounding.bias_correction`);
    without `activity` each is rounded by itself (`ipvae.export.rounding.power_of_two_scale`). The
    feed-forward weights, which only the host uses, always have 16 bits: their range is wide, since
    pixels differ in precision. Counts get the widest payload, up to nine bits, for which overflow
    is impossible. The soft clamp becomes a hard one; what it takes away far from its limit goes
    into bias and self-inhibition (`CLAMP_PULL`).

    Parameters
    ----------
    network : FloatNetwork
    pixels : InputFormat
    test : Images
        Stored in the file.
    weight_bits : int in 2..8
    provenance : dict, optional
        JSON data, stored as it is.
    frac_bits : int in 12..16, optional
        Fraction bits of the log-rate; the most that the numbers allow if not given.
    activity : CalibrationMoments, optional
        Counts of the float network on calibration images; not given for a model that was trained
        for these bits, which knows how each weight is rounded.

    Returns
    -------
    IntNetwork
        Proved free of overflow.

    Raises
    ------
    QuantizationError
        If the numbers fit no grid, or no payload is provably safe.
    """
    require_weight_bits(weight_bits)
    if frac_bits is None:
        return finest(
            lambda bits: quantize(network, pixels, test, weight_bits, provenance, bits, activity)
        )
    unit = per_nat(frac_bits)
    gram = network.gram() * unit
    recurrent = gram - np.diag(np.diag(gram))
    bias = -(network.step_size * network.bias + CLAMP_PULL) * unit
    if activity is None:
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
    forward = network.feedforward() * (pixels.scale * unit)
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
    """Make a network with the most fraction bits, 16 to 12, with which its numbers fit the grid.

    Raises
    ------
    QuantizationError
        If they fit with none.
    """
    for bits in range(FINEST, FRAC_BITS, -1):
        try:
            return make(bits)
        except QuantizationError:
            continue
    return make(FRAC_BITS)


def require_weight_bits(weight_bits: int) -> None:
    """Raise QuantizationError unless weights of so many bits can be had."""
    if weight_bits not in WEIGHT_BITS:
        raise QuantizationError(f"weight_bits: found {weight_bits}, allowed 2 to 8")


def log_rates(u0: np.ndarray, frac_bits: int, high: float = LOG_RATE_HIGH) -> dict[str, Any]:
    """Arguments of a Poisson layer that say where its log-rates start and end.

    Parameters
    ----------
    u0 : (K,) nats
    frac_bits : int
    high : nats
        Upper limit; the sampler's own if that is lower.
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
