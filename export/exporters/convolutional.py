"""Convolutional iP-VAE as a `Network`: one layer of Poisson neurons, maps by rows by columns.

The host computes the drive by a convolution of the image; the maps inhibit one another through a
convolution of stride 1, with weights that all places share. All numbers of a neuron belong to its
map, so that the same integers run on images of any size (`ipvae.network.convolutional.resized`).

The canvas of `ipvae.float_models.convolutional.geometry` has k - s pixels before the image, and
after it as many as its size needs. A convolution has one padding for both sides: here it is k - 1,
with s - 1 rows and columns of 0 before each kernel, which is the same for images of any size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.export.rounding.quantize import (
    CLAMP_PULL,
    DRIVE_BITS,
    WIDEST_PAYLOAD,
    log_rates,
    per_nat,
    require_weight_bits,
)
from ipvae.export.rounding.shared_weights import MapMoments, round_shared
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import biases, drive_kernels, gram_kernels
from ipvae.network.connections import Connection, Convolution, Drive
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.layers import DRIVE_EXP_RANGE
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels
from ipvae.network.proof.driven import driven_bounds
from ipvae.network.rules.arithmetic import FRAC_BITS, SELF_MAX, TERM_MAX

CODE = "1"
"""Id of the layer of maps."""
FINEST = 16
"""Maximum fraction bits of the log-rate; large values need fewer."""


@dataclass(frozen=True, eq=False)
class ConvolutionalModel:
    """Trained convolutional iP-VAE, and the images that it receives.

    Attributes
    ----------
    params : tensors of a conv-ipvae, see `ipvae.float_models.zoo`
    canvas : Canvas
        Size of the images, kernels and stride.
    pixels : Pixels
    step_scale : float
        Multiple of the trained step size that `params` have.
    """

    params: Mapping[str, np.ndarray]
    canvas: Canvas
    pixels: Pixels
    step_scale: float = 1.0


def convolutional(
    model: ConvolutionalModel, weight_bits: int = 8, moments: MapMoments | None = None
) -> Network:
    """Build an integer network from a convolutional iP-VAE.

    The numbers follow the same rules as `ipvae.export.rounding.quantize.quantize`, with one weight
    for all places; the mean error of the input is corrected by the bias of each map, and
    self-inhibition is raised by the spectrum of the rounded weights
    (`ipvae.export.rounding.shared_weights`). The log-rate has the most fraction bits, 16 to 12, for
    which its values fit the grid.

    Parameters
    ----------
    model : ConvolutionalModel
    weight_bits : int in 2..8
    moments : MapMoments, optional
        Counts of the float model on calibration images; without, weights are rounded to nearest.

    Returns
    -------
    Network
        Network proved free of overflow, without images.

    Raises
    ------
    QuantizationError
        If the values fit no grid, or no payload is provably safe.
    """
    require_weight_bits(weight_bits)
    for bits in range(FINEST, FRAC_BITS, -1):
        try:
            return _network(model, weight_bits, moments, bits)
        except QuantizationError:
            continue
    return _network(model, weight_bits, moments, FRAC_BITS)


def _network(
    model: ConvolutionalModel, weight_bits: int, moments: MapMoments | None, frac_bits: int
) -> Network:
    params, canvas, unit = model.params, model.canvas, per_nat(frac_bits)
    gram = gram_kernels(params, canvas.stride) * unit
    rounded = round_shared(gram, weight_bits, moments)
    bias = -(biases(params) + CLAMP_PULL) * unit
    if moments is not None:
        bias = bias + (rounded.real - gram).sum(axis=(2, 3)) @ moments.mean
    own = rounded.raised + CLAMP_PULL * unit
    forward = drive_kernels(params) * (model.pixels.scale * unit)
    weight, drive_exp = to_grid(forward, DRIVE_BITS, DRIVE_EXP_RANGE, "drive weight")
    apart = gram.copy()
    middle = np.arange(len(gram))
    apart[middle, middle, canvas.reach, canvas.reach] = 0.0
    grids = {
        "weight": grid_facts(forward, weight, drive_exp, DRIVE_BITS),
        "weight_rec": grid_facts(apart, rounded.weight, rounded.exponent, weight_bits),
    }
    neuron = PoissonNeuron(
        **log_rates(np.asarray(params["u0"], np.float64), frac_bits),
        self_weight=within(own, SELF_MAX, "self_weight"),
        weight_exp=rounded.exponent,
        payload_bits=WIDEST_PAYLOAD,
    )
    seen = seen_by(weight, canvas)
    inhibited = Convolution(rounded.weight, canvas.grid, padding=both(canvas.reach))
    layer = Layer(
        CODE,
        neuron,
        (Connection(CODE, inhibited, delay=1),),
        within(bias, TERM_MAX, "bias"),
        drive=Drive(seen, drive_exp),
    )
    kernels = np.asarray(params["kernels"], np.float32)
    decoder = Decoder(CODE, kernels, both(canvas.stride), both(canvas.before))
    entry = Input(canvas.image, graded=True, pixels=model.pixels)
    made = Network(entry, (layer,), provenance={"grids": {CODE: grids}}, decoder=decoder)
    return _with_safe_payload(made)


def both(number: int) -> tuple[int, int]:
    """Return one number for rows and columns."""
    return number, number


def seen_by(kernels: np.ndarray, canvas: Canvas) -> Convolution:
    """Return the convolution of an image by which a layer of maps receives its drive.

    Parameters
    ----------
    kernels : (C, c, k, k) int
    canvas : Canvas
    """
    zeros = _after_zeros(kernels, canvas.stride)
    return Convolution(zeros, canvas.image, both(canvas.stride), both(canvas.kernel - 1))


def _after_zeros(kernels: np.ndarray, stride: int) -> np.ndarray:
    """Kernels with stride - 1 rows and columns of 0 before them."""
    return np.pad(kernels, ((0, 0), (0, 0), (stride - 1, 0), (stride - 1, 0)))


def _with_safe_payload(network: Network) -> Network:
    """Narrow the counts, from the widest, until every bound holds.

    Raises
    ------
    QuantizationError
        If even one bit does not exclude overflow.
    """
    (layer,) = network.layers
    neuron: Any = layer.neuron
    broken: list[str] = []
    for bits in range(neuron.payload_bits, 0, -1):
        narrower = replace(layer, neuron=replace(neuron, payload_bits=bits))
        found = replace(network, layers=(narrower,))
        broken = [
            f"{b.variable} reaches {b.reach} of {b.allowed}"
            for b in driven_bounds(found, layer.id)
            if not b.holds
        ]
        if not broken:
            return found
    raise QuantizationError(
        f"layer {layer.id}: no payload is free of overflow ({'; '.join(broken)}); use fewer weight "
        "bits"
    )
