"""Certificate of sparse coding (LCA) on a model's dictionary."""

import math

import numpy as np

from ipvae.export.certificate.checks import Checks
from ipvae.export.certificate.grids import (
    DRIVE_EXPONENTS,
    DRIVE_LIMIT,
    WEIGHT_EXPONENTS,
    limit_of,
    nearest_grid,
)
from ipvae.export.certificate.model_values import STATE_END
from ipvae.network.description import IntNetwork

FRACTION = 16
"""Fraction bits of a potential, in pixel units."""
MARGIN, MOST_SENT = 1.5, 2**15 - 1
"""Range of codes: 1.5 times the largest of the calibration, in at most 16 bits with sign."""
NEAREST = "nearest integers to the dictionary's products, at the scale of least squared error"


def unit_atoms(phi: np.ndarray) -> np.ndarray:
    """Columns scaled to unit norm: (M, K) float64."""
    wide = np.asarray(phi, np.float64)
    norms = np.sqrt(np.sum(wide * wide, axis=0))
    return wide / np.where(norms > 0, norms, 1.0)


def certify_lca(
    checks: Checks,
    network: IntNetwork,
    atoms: np.ndarray,
    threshold: float,
    largest_code: float,
    bits: int,
    *,
    nonnegative: bool,
) -> None:
    """Check a layer of graded neurons with a leak and a soft threshold."""
    layer, one = network.layer, 2.0**FRACTION
    gram = atoms.T @ atoms
    greatest = float(np.linalg.norm(atoms, 2)) ** 2
    leak = max(1, math.ceil(math.log2(max(1.0, greatest))))
    rule = "the smallest power of two that makes the iteration a contraction"
    checks.equal("layer 1: leak", rule, layer.leak, leak)
    drive, exponent = nearest_grid(
        atoms.T * (network.input.scale * one), DRIVE_LIMIT, DRIVE_EXPONENTS
    )
    checks.equal("layer 1: scale of the drive", NEAREST, layer.drive_exp, exponent)
    checks.nearest("layer 1: weights of the drive", NEAREST, layer.weight, drive)
    competition = gram - np.diag(np.diag(gram))
    scaled, exponent, z_max, shift = None, 0, 0, 0
    for shift in range(21):
        scaled, exponent = nearest_grid(competition * 2.0**shift, limit_of(bits), WEIGHT_EXPONENTS)
        reach = max(1, int(np.abs(np.rint(scaled)).sum(axis=1).max()))
        z_max = math.ceil(MARGIN * largest_code * one / 2**shift)
        if z_max * reach < STATE_END and z_max <= MOST_SENT:
            break
    assert scaled is not None
    checks.equal("layer 1: scale of the weights", NEAREST, layer.weight_exp, exponent)
    checks.nearest("layer 1: weights", NEAREST, layer.weight_rec, scaled)
    rule = "the finest unit at which 1.5 times the largest code fits 16 bits and all sums 24"
    checks.equal("layer 1: shift", rule, layer.shift, shift)
    low = 0 if nonnegative else -z_max
    checks.equal("layer 1: range of messages", rule, (layer.z_min, layer.z_max), (low, z_max))
    checks.equal("layer 1: unit", rule, layer.unit, 2.0**shift / one)
    checks.equal("layer 1: bias", "zeros", layer.bias, np.zeros_like(layer.bias))
    checks.nearest(
        "layer 1: threshold",
        "the threshold given",
        np.array([layer.threshold]),
        np.array([threshold * one]),
    )
