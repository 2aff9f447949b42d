"""Integer network for sparse coding with the locally competitive algorithm (LCA).

LCA has a precedent on Loihi 2: the LCA processes of lava-optimization. Here it runs on the
dictionary of any trained model, in one layer of graded neurons.
"""

import math

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import DRIVE_BITS, Images, require_weight_bits
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import DRIVE_EXP_RANGE, WEIGHT_EXP_RANGE, GradedLayer
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX

FRACTION = 16
"""Fraction bits of a potential, in pixel units."""

MOST_SENT = 2**15 - 1
"""Maximum message: 16 bits with sign."""

MARGIN = 1.5
"""Allowed ratio of codes to the largest codes of the calibration."""


def lca_network(
    atoms: np.ndarray,
    threshold: float,
    largest_code: float,
    pixels: InputFormat,
    test: Images,
    *,
    nonnegative: bool,
    weight_bits: int = 8,
) -> IntNetwork:
    """Build an integer network for LCA on a dictionary.

    u' = u + (b - u - (A^T A - 1) a) / 2^leak,   a = soft threshold of u

    Parameters
    ----------
    atoms : (M, K) float64
        Dictionary with columns of unit norm.
    threshold : float, pixel units
    largest_code : float, pixel units
        Largest code of calibration images.
    pixels : InputFormat
    test : Images
        Stored in the file.
    nonnegative : bool
        Restrict codes to 0 and above.
    weight_bits : int in 2..8

    Returns
    -------
    IntNetwork
        Network proved free of overflow. `leak` is the smallest value that makes the iteration a
        contraction.

    Raises
    ------
    QuantizationError
        If the values fit no grid.

    References
    ----------
    Rozell, Johnson, Baraniuk, Olshausen, Neural Computation 20(10), 2008, eq. 3.1 and 3.2.
    """
    require_weight_bits(weight_bits)
    if largest_code == 0:
        raise QuantizationError(
            "LCA sends nothing for any calibration image: lower threshold=, or give other images"
        )
    fine = 2.0**FRACTION
    gram = atoms.T @ atoms
    leak = max(1, math.ceil(math.log2(max(1.0, float(np.linalg.eigvalsh(gram)[-1])))))
    competition = gram - np.diag(np.diag(gram))
    forward = atoms.T * (pixels.scale * fine)
    weight, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "weight")
    for shift in range(21):
        weight_rec, weight_exp = to_grid(
            competition * 2.0**shift, weight_bits, WEIGHT_EXP_RANGE, "weight_rec"
        )
        reach = int(np.abs(weight_rec.astype(np.int64)).sum(axis=1).max())
        z_max = math.ceil(MARGIN * largest_code * fine / 2**shift)
        if z_max * max(reach, 1) <= STATE_MAX and z_max <= MOST_SENT:
            break
    else:
        raise QuantizationError(
            f"codes reach {largest_code:.4g}: no 16-bit message is wide enough; raise threshold="
        )
    layer = GradedLayer(
        weight=weight,
        weight_rec=weight_rec.astype(np.int8),
        bias=np.zeros(atoms.shape[1], np.int32),
        drive_exp=drive_exp,
        weight_exp=weight_exp,
        leak=leak,
        threshold=int(within(np.array([threshold * fine]), TERM_MAX, "threshold")[0]),
        shift=shift,
        z_min=0 if nonnegative else -z_max,
        z_max=z_max,
        unit=2.0**shift / fine,
    )
    grids = {
        "weight": grid_facts(forward, weight, drive_exp, DRIVE_BITS),
        "weight_rec": grid_facts(competition * 2.0**shift, weight_rec, weight_exp, weight_bits),
    }
    decoder = (atoms * layer.unit).astype(np.float32)
    return IntNetwork(pixels, layer, decoder, test.pixels, test.labels, {"grids": {"1": grids}})
