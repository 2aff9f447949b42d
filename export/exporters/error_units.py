"""iP-VAE with M prediction-error neurons: Phi is the path to them, Phi^T the path back.

Both paths use the same integers Q, so the effective recurrent matrix Q^T Q is symmetric and
positive semidefinite for any rounding. With W = a octaves per nat,

    Q = c D^(1/2) Phi,   c^2 2^E = W     so that     2^E Q^T Q = W Phi^T D Phi = G

and errors are e = c D^(1/2) x - Q z, precision included. The update adds 2^E Q^T e.
"""

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.optq import CalibrationMoments, compensated
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import (
    CLAMP_PULL,
    DRIVE_BITS,
    WIDEST_PAYLOAD,
    Images,
    finest,
    log_rates,
    per_nat,
    require_weight_bits,
)
from ipvae.network.description import FloatNetwork, InputFormat, IntNetwork
from ipvae.network.layers import (
    ADDED,
    DRIVE_EXP_RANGE,
    SUBTRACTED,
    WEIGHT_EXP_RANGE,
    GradedLayer,
    PoissonLayer,
)
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX
from ipvae.network.rules.payload import with_safe_payload

FINE = 6
"""Fraction bits of a computed error, before rounding for transmission."""

MARGIN = 1.25
"""Allowed ratio of errors to the largest errors of the calibration."""


def error_units(
    network: FloatNetwork,
    pixels: InputFormat,
    test: Images,
    largest_error: np.ndarray,
    activity: CalibrationMoments,
    weight_bits: int = 8,
    frac_bits: int | None = None,
) -> IntNetwork:
    """Build an integer network of error neurons and Poisson neurons from a float network.

    Errors have the most fraction bits for which the input of every Poisson neuron provably stays
    within 24 bits.

    Parameters
    ----------
    network : FloatNetwork
    pixels : InputFormat
    test : Images
        Stored in the file.
    largest_error : (M,) float64
        Largest |D^(1/2) (x - Phi z)| of each pixel on calibration images.
    activity : CalibrationMoments
        Counts of the float network on calibration images.
    weight_bits : int in 2..8
    frac_bits : int in 12..16, optional
        Fraction bits of the log-rate; the maximum that the values allow if not given.

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
            lambda bits: error_units(
                network, pixels, test, largest_error, activity, weight_bits, bits
            )
        )
    unit = per_nat(frac_bits)
    root = 1.0 / network.sigma
    weights, factor, exponent = _shared_grid(
        root[:, None] * network.phi, network.step_size * unit, weight_bits, activity
    )
    most = max(1.0, MARGIN * factor * float(largest_error.max()))
    reach = int(np.abs(weights.astype(np.int64)).sum(axis=0).max())
    sent = min(FINE, int(np.floor(np.log2(STATE_MAX / (most * max(reach, 1))))))
    sent = max(min(sent, exponent - WEIGHT_EXP_RANGE[0]), -4, exponent - WEIGHT_EXP_RANGE[1])
    z_max = min(int(np.ceil(most * 2.0**sent)), STATE_MAX // max(reach, 1))
    forward = factor * root * pixels.scale * 2.0**FINE
    drive, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "weight")
    shared = grid_facts(factor * root[:, None] * network.phi, weights, 0, weight_bits)
    grids = {
        "1": {"weight": grid_facts(forward, drive, drive_exp, DRIVE_BITS), "weight_rec": shared},
        "2": {"weight_rec": shared},
    }
    errors = GradedLayer(
        weight=drive,
        weight_rec=weights,
        bias=np.zeros(pixels.size, np.int32),
        drive_exp=drive_exp,
        weight_exp=FINE,
        source=2,
        sign=SUBTRACTED,
        shift=FINE - sent,
        z_min=-z_max,
        z_max=z_max,
    )
    pull = np.full(network.u0.shape, CLAMP_PULL * unit)
    code = PoissonLayer(
        weight_rec=np.ascontiguousarray(weights.T),
        bias=within(-network.step_size * network.bias * unit - pull, TERM_MAX, "bias"),
        self_weight=within(pull, TERM_MAX, "self_weight"),
        weight_exp=exponent - sent,
        source=1,
        sign=ADDED,
        payload_bits=WIDEST_PAYLOAD,
        **log_rates(network.u0, frac_bits),
    )
    return with_safe_payload(
        IntNetwork(
            pixels,
            code,
            network.phi.astype(np.float32),
            test.pixels,
            test.labels,
            {"grids": grids},
            hidden=(errors,),
        ),
        WIDEST_PAYLOAD,
    )


def _shared_grid(
    values: np.ndarray, units: float, bits: int, activity: CalibrationMoments
) -> tuple[np.ndarray, float, int]:
    """Round c * values to integers with c^2 2^E = units, E an integer.

    Returns
    -------
    integers : int8, the shape of `values`
    factor : c
    exponent : E
    """
    if not values.any():
        raise QuantizationError("phi: all entries are 0; train the model")
    found = []
    for odd in (0, 1):  # a factor of 2 in c is a factor of 4 in 2^E
        factor = float(np.sqrt(units * 2.0**odd))
        runs, step = compensated(values * factor, activity.covariance, bits, (-60, 60), "phi")
        change = runs / factor - values
        found.append((float(np.vdot(change @ activity.covariance, change)), odd, step, runs))
    _, odd, step, runs = min(found, key=lambda f: f[:2])
    integers = np.rint(runs / 2.0**step).astype(np.int8)
    return integers, float(np.sqrt(units * 2.0**odd)) / 2.0**step, 2 * step - odd
