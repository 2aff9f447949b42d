"""Read-out layers: the decoder on the chip, and a linear classifier of the code's counts."""

import math
from dataclasses import replace

import numpy as np

from ipvae.emulator import Emulator, OnMessage
from ipvae.errors import QuantizationError
from ipvae.export.calibration.losses import grid_facts
from ipvae.export.rounding.power_of_two_scale import to_grid, within
from ipvae.extras import needs
from ipvae.network.description import IntNetwork
from ipvae.network.layers import ADDED, GradedLayer
from ipvae.network.rules.arithmetic import STATE_MAX, TERM_MAX

AVERAGING = 5
"""Logarithm to base 2 of the window, in steps, of the classifier's input, a running mean."""

INVERSE_PENALTY = 1.0
"""Inverse penalty for codes divided by one scale for all neurons. With a scale for each neuron, the
weights of rare neurons become so large that the others round to 0: on models/mnist, accuracy falls
from 93 % to 54 % or less."""

MOST_SENT = 2**15 - 1
FINE = 6
"""Fraction bits of the running mean, or fewer if the range requires it."""

MARGIN = 2.0
"""Allowed ratio of outputs to the largest outputs on the images of the fit."""


def with_decoder(network: IntNetwork, weight_bits: int = 8) -> IntNetwork:
    """Add the reconstruction Phi z as a layer of M neurons, a step after the code.

    The quantization step of its messages is large enough for twice the largest pixel, or for the
    largest possible value if that is smaller.

    Parameters
    ----------
    network : IntNetwork
    weight_bits : int in 2..8
        Width of the entries of Phi; the scale is a power of two.
    """
    real = network.decoder.astype(np.float64)
    integers, exponent = _synapses(network, real, weight_bits, "phi")
    pixels = network.input
    largest = max(abs(pixels.minimum), abs(pixels.maximum)) * pixels.scale
    most = min(MARGIN * largest / 2.0**exponent, max(1, _reach(network, integers)))
    coarse = _halvings(most, TERM_MAX)
    shift = _halvings(most / 2.0**coarse, MOST_SENT)
    layer = GradedLayer(
        weight_rec=integers.astype(np.int8),
        bias=np.zeros(network.n_pixels, np.int32),
        weight_exp=-coarse,
        source=int(network.code),
        sign=ADDED,
        shift=shift,
        z_min=-MOST_SENT,
        z_max=MOST_SENT,
        unit=2.0 ** (exponent + coarse + shift),
    )
    return _with(network, layer, grid_facts(real, integers, exponent, weight_bits))


def averaged_code(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    on_message: OnMessage | None = None,
) -> np.ndarray:
    """Return the classifier's input after n_steps, the running mean of the code: (N, K)."""
    emulator = Emulator(network, on_message=on_message)
    parts = []
    for first in range(0, len(images), 256):
        batch = images[first : first + 256]
        mean = np.zeros((len(batch), network.n_neurons))
        for t, step in enumerate(emulator.steps(batch, n_steps, seed, first)):
            if t:
                mean += (step.z - mean) * 2.0**-AVERAGING
        parts.append(mean)
    return np.concatenate(parts)


def with_classes(
    network: IntNetwork, codes: np.ndarray, labels: np.ndarray, weight_bits: int = 8
) -> IntNetwork:
    """Add a layer with one neuron for each class: logistic regression on the averaged code.

    Parameters
    ----------
    network : IntNetwork
    codes : (N, K)
        `averaged_code` of training images.
    labels : (N,) int
        Classes 0 .. C - 1 of the images, at least two different ones.
    weight_bits : int in 2..8

    Returns
    -------
    IntNetwork
        The predicted class is the index of the neuron with the largest output; ties go to the
        first.

    Raises
    ------
    QuantizationError
        If there are fewer than two classes, or the values fit no grid.
    """
    with needs("evaluate", "readouts=classes"):
        from sklearn.linear_model import LogisticRegression

    there = np.unique(labels)
    if len(there) < 2 or there[0] < 0:
        raise QuantizationError(
            f"readouts=classes: the training images have the classes {there.tolist()}, allowed "
            "are two or more, from 0 on"
        )
    scale = float(codes.std(axis=0).max()) or 1.0
    fit = LogisticRegression(C=INVERSE_PENALTY, max_iter=500).fit(codes / scale, labels)
    coefficients, intercept = fit.coef_, fit.intercept_
    if len(coefficients) == 1:  # scikit-learn keeps only the second of two classes
        coefficients, intercept = (np.concatenate([-v, v]) for v in (coefficients, intercept))
    real = np.zeros((int(there[-1]) + 1, codes.shape[1]))
    real[there] = coefficients / scale
    integers, exponent = _synapses(network, real, weight_bits, "classes")
    offset = np.zeros(len(real))
    offset[there] = intercept / 2.0**exponent
    most = max(1.0, MARGIN * float(np.abs(codes @ integers.T + offset).max()))
    offset[np.setdiff1d(np.arange(len(real)), there)] = -most  # classes without images
    fine = min(FINE, math.floor(math.log2(TERM_MAX / most)))
    shift = max(0, fine + _halvings(most, MOST_SENT))
    layer = GradedLayer(
        weight_rec=integers.astype(np.int8),
        bias=within(offset * 2.0**fine, TERM_MAX, "classes"),
        weight_exp=fine,
        source=int(network.code),
        sign=ADDED,
        leak=AVERAGING,
        shift=shift,
        z_min=-MOST_SENT,
        z_max=MOST_SENT,
        unit=2.0 ** (exponent - fine + shift),
    )
    return _with(network, layer, grid_facts(real, integers, exponent, weight_bits))


def _synapses(
    network: IntNetwork, real: np.ndarray, bits: int, where: str
) -> tuple[np.ndarray, int]:
    """Round weights of the code's counts, at a scale at which none of their sums overflows."""
    integers, exponent = to_grid(real, bits, (-40, 40), where)
    while _reach(network, integers) > STATE_MAX:
        exponent += 1
        limit = 2 ** (bits - 1) - 1
        integers = np.clip(np.rint(real / 2.0**exponent), -limit, limit).astype(np.int16)
    return integers, exponent


def _reach(network: IntNetwork, integers: np.ndarray) -> int:
    """Largest possible sum of the code's weighted counts."""
    most = max(map(abs, network.layer.sent))
    return most * int(np.abs(integers.astype(np.int64)).sum(axis=1).max())


def _halvings(value: float, limit: int) -> int:
    """Number of halvings that bring a value to at most `limit`."""
    return max(0, math.ceil(math.log2(value / limit)))


def _with(network: IntNetwork, layer: GradedLayer, facts: dict) -> IntNetwork:
    number = str(len(network.layers) + 1)
    grids = {**network.provenance.get("grids", {}), number: {"weight_rec": facts}}
    return replace(
        network,
        readouts=(*network.readouts, layer),
        provenance={**network.provenance, "grids": grids},
    )
