"""Integer network for sparse coding (LCA) on the kernels of a convolutional model.

One layer of graded neurons, maps by rows by columns, with weights that all places share:

    u' = u + (b - u - C a) / 2^leak,   a = max(u - threshold, 0)

C has the cross-correlations of kernels of unit norm, without a neuron's effect on itself. Rounding
may leave combinations of maps that excite themselves; C's diagonal is raised against them.
"""

import math
from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.exporters.convolutional import CODE, both, seen_by
from ipvae.export.exporters.lca import FRACTION, MARGIN, MOST_SENT
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import DRIVE_BITS, require_weight_bits
from ipvae.export.rounding.shared_weights import RAISE, least_eigenvalue
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import cross_correlations, largest_eigenvalue
from ipvae.network.connections import Connection, Convolution, Drive
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.kinds import GradedNeuron
from ipvae.network.layers import DRIVE_EXP_RANGE, SHIFT_RANGE, WEIGHT_EXP_RANGE
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX


@dataclass(frozen=True, eq=False)
class SparseMaps:
    """Kernels for sparse coding, and the images that they code.

    Attributes
    ----------
    kernels : (C, c, k, k) float64, of unit norm
    canvas : Canvas
    pixels : Pixels
    threshold : float above 0, pixel units
    """

    kernels: np.ndarray
    canvas: Canvas
    pixels: Pixels
    threshold: float

    @property
    def gram(self) -> np.ndarray:
        """Cross-correlations of the kernels, (C, C, span, span) float64."""
        return cross_correlations(self.kernels, self.kernels, self.canvas.stride)

    @property
    def leak(self) -> int:
        """Logarithm to base 2 of the time constant: the least that makes steps a contraction."""
        return max(1, math.ceil(math.log2(max(1.0, largest_eigenvalue(self.gram)))))


def convolutional_lca(model: SparseMaps, largest_code: float, weight_bits: int = 8) -> Network:
    """Build an integer network for LCA on shared kernels.

    Parameters
    ----------
    model : SparseMaps
    largest_code : float, pixel units
        Largest code of calibration images.
    weight_bits : int in 2..8

    Returns
    -------
    Network
        Network proved free of overflow, without images.

    Raises
    ------
    QuantizationError
        If the values fit no grid, or nothing was sent on the calibration images.

    References
    ----------
    Rozell, Johnson, Baraniuk, Olshausen, Neural Computation 20(10), 2008, eq. 3.1 and 3.2.
    """
    require_weight_bits(weight_bits)
    if largest_code == 0:
        raise QuantizationError(
            "LCA sends nothing for any calibration image: lower threshold=, or give other images"
        )
    canvas, fine = model.canvas, 2.0**FRACTION
    forward = model.kernels * (model.pixels.scale * fine)
    drive, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "drive")
    competition, leak = model.gram, model.leak
    _of_itself(competition)[...] = 0.0
    for shift in range(SHIFT_RANGE[1] + 1):
        weight, exponent = _rounded(competition * 2.0**shift, weight_bits, 2.0**shift)
        reach = int(np.abs(weight.astype(np.int64)).sum(axis=(1, 2, 3)).max())
        z_max = math.ceil(MARGIN * largest_code * fine / 2**shift)
        if z_max * max(reach, 1) <= STATE_MAX and z_max <= MOST_SENT:
            break
    else:
        raise QuantizationError(
            f"codes reach {largest_code:.4g}: no 16-bit message is wide enough; raise threshold="
        )
    neuron = GradedNeuron(
        z_min=0,
        z_max=z_max,
        leak=leak,
        threshold=int(within(np.array([model.threshold * fine]), TERM_MAX, "threshold")[0]),
        shift=shift,
        unit=2.0**shift / fine,
        weight_exp=exponent,
    )
    inhibited = Convolution(weight, canvas.grid, padding=both(canvas.reach))
    layer = Layer(
        CODE,
        neuron,
        (Connection(CODE, inhibited, delay=1),),
        drive=Drive(seen_by(drive, canvas), drive_exp),
    )
    grids = {
        "weight": grid_facts(forward, drive, drive_exp, DRIVE_BITS),
        "weight_rec": grid_facts(competition * 2.0**shift, weight, exponent, weight_bits),
    }
    decoder = (model.kernels * neuron.unit).astype(np.float32)
    return Network(
        Input(canvas.image, graded=True, pixels=model.pixels),
        (layer,),
        provenance={"grids": {CODE: grids}},
        decoder=Decoder(CODE, decoder, both(canvas.stride), both(canvas.before)),
    )


def _rounded(competition: np.ndarray, bits: int, unit: float) -> tuple[np.ndarray, int]:
    """Nearest integers and their exponent, with a diagonal raised against self-excitation.

    Parameters
    ----------
    competition : (C, C, span, span), in potential units for each step of the output
    bits : int
    unit : potential units for each step of the output
    """
    weight, exponent = to_grid(competition, bits, WEIGHT_EXP_RANGE, "weight")
    real = weight * (2.0**exponent / unit)
    _of_itself(real)[...] = 1.0  # the leak of the potential
    lacking = RAISE * max(0.0, -least_eigenvalue(real))
    _of_itself(weight)[...] = min(round(lacking * unit / 2.0**exponent), 2 ** (bits - 1) - 1)
    return weight, exponent


def _of_itself(kernels: np.ndarray) -> np.ndarray:
    """View of the weights with which each neuron receives itself, (C,)."""
    middle = kernels.shape[2] // 2
    return np.einsum("mm->m", kernels[:, :, middle, middle])
