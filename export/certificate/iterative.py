"""Certificate of an iterative Poisson VAE, in both layouts."""

from typing import Any

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.export.certificate.grids import (
    DRIVE_EXPONENTS,
    DRIVE_LIMIT,
    WEIGHT_EXPONENTS,
    Compensated,
    compensated_again,
    damped_moments,
    limit_of,
    nearest_grid,
    squared_errors,
    weighted_exponent,
)
from ipvae.export.certificate.model_values import (
    PULL,
    SELF_END,
    STATE_END,
    TERM_END,
    ModelValues,
    log_rate_limits,
    octave_units,
)
from ipvae.export.certificate.moments import Moments
from ipvae.network.description import IntNetwork

ERROR_FRACTION = 6
"""Fraction bits of a computed prediction error."""
ERROR_MARGIN = 1.25
"""Allowed ratio of errors to the largest of the calibration."""
WIDE_EXPONENTS = (-60, 60)
FEW_BITS, FEW_BITS_LEARNED, RAISED_STEPS = 3, 4, 2.0
"""Weight bits up to which self-inhibition is raised, and by how many steps."""
FINEST = 16

DRIVE_RULE = "nearest integers to a Phi^T D in pixel steps, at the scale of least squared error"
REST_RULE = "nearest integers to the values of the model"
CORRECTED_RULE = "nearest integers to a Phi^T D plus the change of G times the slopes of the counts"
BIAS_RULE = "-(a e^c) plus the rest of the mean change of the input"
PAIR_RULE = "no pair of neurons excites itself: G_ij + G_ji >= -2 sqrt(G_ii G_jj)"
LIMIT_RULE = "the soft clamp's limits -8 and 10 nats, and at most 8 octaves"


def certify_recurrent(
    checks: Checks, network: IntNetwork, model: ModelValues, moments: Moments, bits: int
) -> None:
    """Check a network of K recurrent Poisson neurons."""
    layer = network.layer
    units = octave_units(layer.frac_bits)
    gram = model.gram * units
    _drive(checks, "1", layer, model.drive * (network.input.scale * units))
    certify_log_rates(checks, "1", layer, model.u0 * units)
    made = compensated_again(gram, moments.covariance, bits, WEIGHT_EXPONENTS, own=True)
    certify_fraction(checks, network, model)
    _weights(checks, "1", layer, made, bits)
    stored = layer.weight_rec * 2.0**layer.weight_exp + np.diag(made.own)
    grid = 2.0**made.exponent, limit_of(bits)
    _row_errors(checks, "1", stored, gram, moments.covariance, grid, own=True)
    bias = -(model.step_size * model.push + PULL) * units
    bias = bias + (made.effect - gram) @ moments.mean
    raised = RAISED_STEPS * 2.0**made.exponent if bits <= FEW_BITS else 0.0
    certain = ~made.ties
    checks.nearest(
        "layer 1: bias",
        "-(a e^c) less the mean error of rounding",
        layer.bias[certain],
        bias[certain],
    )
    checks.nearest(
        "layer 1: self-inhibition",
        "the diagonal of a Phi^T D Phi after compensation",
        layer.self_weight[certain],
        (made.own + raised + PULL * units)[certain],
    )


def certify_few_bits(
    checks: Checks, network: IntNetwork, model: ModelValues, moments: Moments, bits: int
) -> None:
    """Check drive, bias and bounds; weights and self-inhibition depend on a search.

    Drive and bias correct the stored weights, so they are derived from these exactly.
    """
    assert moments.slopes is not None
    assert moments.image is not None
    layer = network.layer
    units = octave_units(layer.frac_bits)
    certify_log_rates(checks, "1", layer, model.u0 * units)
    certify_fraction(checks, network, model)
    limit = limit_of(bits)
    stored = layer.weight_rec.astype(np.float64)
    outside = int((np.abs(stored) > limit).sum() + np.count_nonzero(np.diag(stored)))
    rule = f"integers within +-{limit}, 0 on the diagonal"
    fault = f"{outside} are not" if outside else ""
    checks.holds("layer 1: range of the weights", rule, fault, stored.size)
    for name in ("weights", "self-inhibition"):
        checks.not_derived(f"layer 1: {name}", "the search's", "chosen by a search over directions")
    runs = stored * 2.0**layer.weight_exp + np.diag(layer.self_weight - PULL * units)
    change = runs - model.gram * units
    correction = change @ moments.slopes.T
    scale = network.input.scale
    exact, exponent = nearest_grid(
        (model.drive * units + correction) * scale, DRIVE_LIMIT, DRIVE_EXPONENTS
    )
    checks.equal("layer 1: scale of the drive", CORRECTED_RULE, layer.drive_exp, exponent)
    checks.nearest("layer 1: weights of the drive", CORRECTED_RULE, layer.weight, exact)
    mean = moments.mean - moments.slopes.T @ moments.image
    bias = change @ mean - (model.step_size * model.push + PULL) * units
    checks.nearest("layer 1: bias", BIAS_RULE, layer.bias, bias)
    root = np.sqrt(np.maximum(np.diag(runs), 0.0))
    pairs = int((runs + runs.T < -2 * np.outer(root, root) - 1.0).sum() // 2)
    fault = f"{pairs} pairs do" if pairs else ""
    checks.holds("layer 1: pairs of neurons", PAIR_RULE, fault, stored.size // 2)


def certify_learned(
    checks: Checks, network: IntNetwork, model: ModelValues, change: np.ndarray, bits: int
) -> None:
    """Check a recurrent network whose rounding was learned in training.

    Parameters
    ----------
    change : (K, K) float64
        Learned change of the weights before rounding, in integer steps.
    """
    layer = network.layer
    units = octave_units(layer.frac_bits)
    gram = model.gram * units
    _drive(checks, "1", layer, model.drive * (network.input.scale * units))
    certify_log_rates(checks, "1", layer, model.u0 * units)
    certify_fraction(checks, network, model)
    apart = gram - np.diag(np.diag(gram))
    exponent = weighted_exponent(apart, limit_of(bits), WEIGHT_EXPONENTS[0])
    rule = f"rounding to {bits} bits as in training, with the learned change"
    checks.equal("layer 1: scale of the weights", rule, layer.weight_exp, exponent)
    wanted = np.clip(apart * 2.0**-exponent + change, -limit_of(bits), limit_of(bits))
    np.fill_diagonal(wanted, 0.0)
    checks.nearest("layer 1: weights", rule, layer.weight_rec, wanted)
    bias = -(model.step_size * model.push + PULL) * units
    checks.nearest("layer 1: bias", "-(a e^c)", layer.bias, bias)
    raised = RAISED_STEPS if bits <= FEW_BITS_LEARNED else 0.0
    own = np.diag(gram) + (np.diag(change) + raised) * 2.0**exponent + PULL * units
    checks.nearest(
        "layer 1: self-inhibition",
        "the diagonal of a Phi^T D Phi with the learned change",
        layer.self_weight,
        own,
    )


def certify_error_units(
    checks: Checks, network: IntNetwork, model: ModelValues, moments: Moments, bits: int
) -> None:
    """Check a network of M prediction errors and K Poisson neurons with the same weights."""
    errors: Any = network.hidden[0]
    layer = network.layer
    units = octave_units(layer.frac_bits)
    root = np.sqrt(model.precision)
    dictionary = root[:, None] * model.phi
    made, factor, exponent = _shared(dictionary, model.step_size * units, moments.covariance, bits)
    _drive(checks, "1", errors, factor * root * network.input.scale * 2.0**ERROR_FRACTION)
    certify_fraction(checks, network, model)
    certain = ~made.ties
    checks.equal(
        "layer 1: weights",
        "compensated rounding of c D^(1/2) Phi, derived again",
        errors.weight_rec[certain],
        made.integers[certain],
    )
    grid = 1.0, limit_of(bits)
    _row_errors(
        checks, "1", errors.weight_rec, dictionary * factor, moments.covariance, grid, own=False
    )
    checks.equal(
        "layer 2: weights",
        "the transposed weights of layer 1",
        layer.weight_rec,
        errors.weight_rec.T,
    )
    assert moments.largest_error is not None
    most = max(1.0, ERROR_MARGIN * factor * float((moments.largest_error * root).max()))
    reach = max(1, int(np.abs(errors.weight_rec.astype(np.int64)).sum(axis=0).max()))
    sent = min(ERROR_FRACTION, int(np.floor(np.log2((STATE_END - 1) / (most * reach)))))
    sent = min(sent, exponent - WEIGHT_EXPONENTS[0])
    sent = max(sent, -4, exponent - WEIGHT_EXPONENTS[1])
    z_max = min(int(np.ceil(most * 2.0**sent)), (STATE_END - 1) // reach)
    exponents = (errors.weight_exp, errors.shift, layer.weight_exp)
    checks.equal(
        "layers 1, 2: scales",
        "c^2 2^E is the step size in units of the log-rate",
        exponents,
        (ERROR_FRACTION, ERROR_FRACTION - sent, exponent - sent),
    )
    checks.equal(
        "layer 1: range of messages",
        "1.25 times the largest error of the calibration",
        (errors.z_min, errors.z_max),
        (-z_max, z_max),
    )
    checks.equal("layer 1: bias", "zeros", errors.bias, np.zeros_like(errors.bias))
    certify_log_rates(checks, "2", layer, model.u0 * units)
    pull = PULL * units
    checks.nearest(
        "layer 2: bias", "-(a e^c)", layer.bias, -model.step_size * model.push * units - pull
    )
    checks.nearest(
        "layer 2: self-inhibition",
        "the pull of the soft clamp",
        layer.self_weight,
        np.full(len(layer.self_weight), pull),
    )


def _shared(
    dictionary: np.ndarray, units: float, covariance: np.ndarray, bits: int
) -> tuple[Compensated, float, int]:
    """Weights Q = c D^(1/2) Phi with c^2 2^E = units, of the two c with the smaller error.

    Returns
    -------
    weights, c in units of one integer, and E
    """
    tried = []
    for odd in (0, 1):
        factor = float(np.sqrt(units * 2.0**odd))
        made = compensated_again(dictionary * factor, covariance, bits, WIDE_EXPONENTS, own=False)
        change = made.effect / factor - dictionary
        tried.append((float(squared_errors(change, covariance).sum()), odd, made, factor))
    _, odd, made, factor = min(tried, key=lambda t: t[:2])
    return made, factor / 2.0**made.exponent, 2 * made.exponent - odd


def _drive(checks: Checks, name: str, layer: Any, exact: np.ndarray) -> None:
    scaled, exponent = nearest_grid(exact, DRIVE_LIMIT, DRIVE_EXPONENTS)
    checks.equal(f"layer {name}: scale of the drive", DRIVE_RULE, layer.drive_exp, exponent)
    checks.nearest(f"layer {name}: weights of the drive", DRIVE_RULE, layer.weight, scaled)


def certify_log_rates(checks: Checks, name: str, layer: Any, u0: np.ndarray) -> None:
    """Check the limits of the log-rates, and the log-rates at reset."""
    limits = log_rate_limits(layer.frac_bits)
    for key, expected in limits.items():
        checks.equal(f"layer {name}: {key}", LIMIT_RULE, getattr(layer, key), expected)
    checks.nearest(
        f"layer {name}: log-rates at reset",
        REST_RULE,
        layer.u_init,
        np.clip(u0, limits["u_min"], limits["u_max"]),
    )


def _weights(checks: Checks, name: str, layer: Any, made: Compensated, bits: int) -> None:
    rule = f"compensated rounding to {bits} bits, derived again"
    checks.equal(f"layer {name}: scale of the weights", rule, layer.weight_exp, made.exponent)
    certain = ~made.ties
    checks.equal(f"layer {name}: weights", rule, layer.weight_rec[certain], made.integers[certain])


def _row_errors(
    checks: Checks,
    name: str,
    stored: np.ndarray,
    exact: np.ndarray,
    covariance: np.ndarray,
    grid: tuple[float, int],
    *,
    own: bool,
) -> None:
    """Compare each receiver's error with the error of nearest integers at the same scale.

    Both use the damped moments, which rounding minimizes.
    """
    step, limit = grid
    nearest = np.clip(np.rint(exact / step), -limit, limit) * step
    if own:
        np.fill_diagonal(nearest, np.diag(exact))
    damped = damped_moments(covariance)
    ours, theirs = (squared_errors(found - exact, damped) for found in (stored, nearest))
    worse = np.flatnonzero(ours > theirs * (1 + 1e-9))
    fault = ""
    if len(worse):
        fault = f"{len(worse)} of {len(ours)} rows are worse; the first is {worse[0]}"
    rule = "no receiver's squared input error exceeds nearest rounding's"
    checks.holds(f"layer {name}: errors of rounding", rule, fault, len(ours))


def certify_fraction(checks: Checks, network: IntNetwork, model: ModelValues) -> None:
    """One more fraction bit must not fit."""
    bits = network.layer.frac_bits
    fault = ""
    if bits < FINEST:
        units = octave_units(bits + 1)
        push = model.step_size * model.push * units
        own = np.diag(model.gram) * units
        widest = np.abs(model.gram - np.diag(np.diag(model.gram))).max() * units
        fits = push.max() < TERM_END - 1 and own.max() < SELF_END - 1
        fits = fits and widest <= limit_of(8) * 2.0 ** WEIGHT_EXPONENTS[1]
        drive = np.abs(model.drive).max() * network.input.scale * units
        fits = fits and drive <= DRIVE_LIMIT * 2.0 ** DRIVE_EXPONENTS[1]
        fault = f"found {bits}, and {bits + 1} fit the ranges" if fits else ""
    checks.holds("code: fraction bits", "the most for which all values fit their ranges", fault)
