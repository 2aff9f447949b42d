# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""Convolutional models as networks: float against integer, sizes, precision, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.errors import QuantizationError
from ipvae.export.exporters.convolutional import convolutional
from ipvae.export.rounding.quantize import per_nat
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import gram_kernels
from ipvae.float_models.convolutional.steps import Prepared, decode
from ipvae.network.convolutional.resized import resized
from ipvae.network.io.network_file import checksum
from ipvae.network.rules.network_drive import layer_drive

CASES = [
    ((1, 16, 14), 4, 2),
    ((1, 13, 11), 5, 1),
    ((2, 12, 15), 7, 3),
    ((3, 9, 10), 6, 4),
    ((1, 5, 7), 9, 4),  # smaller than a kernel
    ((1, 10, 9), 3, 3),
]


def parts(network):
    (layer,) = network.layers
    return layer, layer.neuron, per_nat(layer.neuron.frac_bits)


@pytest.mark.parametrize(("image", "k", "s"), CASES)
def test_drive_and_grid_are_those_of_the_float_model(image, k, s, maps):
    """The drive is exact to half a unit and to rounding of its weights to 16 bits."""
    canvas = Canvas(image, 6, k, s)
    model = maps.model(canvas)
    layer, _, unit = parts(convolutional(model))
    assert layer.shape == canvas.grid
    pixels = maps.pixels(image, 2)
    found = layer_drive(layer, pixels.reshape(2, -1)) / unit
    prepared = Prepared.of(model.params, canvas)
    for one, values in zip(pixels, found, strict=True):
        exact = prepared.drive_of(one * maps.SCALE).reshape(-1)
        steps = layer.drive.weights.weight.shape[1] * k**2 * maps.LIMIT * 0.5
        bound = (steps * 2.0**layer.drive.exponent + 1.5) / unit + 1e-4
        assert abs(values - exact).max() < bound
        assert abs(values - exact).max() < 0.01 * abs(exact).max() + 2e-4


@pytest.mark.parametrize("bits", [8, 7, 6, 5, 4])
@pytest.mark.parametrize(("image", "k", "s"), CASES)
def test_inhibition_is_that_of_the_float_model_within_half_a_step(image, k, s, bits, maps):
    """Of weights to nearest; a clipped one is at the limit, and a neuron on itself is raised."""
    canvas = Canvas(image, 6, k, s)
    model = maps.model(canvas)
    layer, neuron, unit = parts(convolutional(model, bits))
    (connection,) = layer.connections
    step = 2.0**neuron.weight_exp / unit
    weights = connection.weights.weight * step
    exact = gram_kernels(model.params, s)
    itself = np.zeros(exact.shape, bool)
    itself[np.arange(6), np.arange(6), canvas.reach, canvas.reach] = True
    clipped = abs(weights) == (2 ** (bits - 1) - 1) * step
    assert abs(weights - exact)[~itself & ~clipped].max(initial=0) <= 0.5 * step * (1 + 1e-9)
    assert (abs(exact) >= abs(weights) - 0.5 * step * (1 + 1e-9))[~itself & clipped].all()
    weights[itself] = neuron.self_weight / unit
    assert (weights[itself] >= exact[itself]).all()
    counts = np.random.default_rng(5).poisson(0.4, canvas.grid)
    reach = canvas.reach
    wide = np.pad(counts, ((0, 0), (reach, reach), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, weights.shape[2:], axis=(1, 2))
    received = np.einsum("cyxab,ocab->oyx", windows, weights - exact)
    received += Prepared.of(model.params, canvas).received(counts.astype(np.float32))
    found = np.einsum("cyxab,ocab->oyx", windows, connection.weights.weight.astype(np.int64)) * step
    found += neuron.self_weight.reshape(-1, 1, 1) / unit * counts
    np.testing.assert_allclose(found, received, atol=1e-4 * abs(found).max())


@pytest.mark.parametrize(("image", "k", "s"), CASES)
def test_the_decoder_is_that_of_the_float_model(image, k, s, maps):
    canvas = Canvas(image, 6, k, s)
    model = maps.model(canvas)
    network = convolutional(model)
    counts = np.random.default_rng(6).poisson(0.3, (2, canvas.neurons))
    found = network.decoder.images(counts, canvas.grid, image).reshape(2, *image)
    np.testing.assert_allclose(found, decode(model.params, canvas, counts), atol=1e-5)


@pytest.mark.parametrize(("image", "k", "s"), CASES)
@pytest.mark.parametrize("size", [(8, 21), (30, 6), (1, 1)])
def test_another_size_is_what_the_export_gives_at_that_size(image, k, s, size, maps):
    canvas = Canvas(image, 6, k, s)
    found = resized(convolutional(maps.model(canvas)), *size)
    model = maps.model(canvas)
    fresh = convolutional(replace(model, canvas=canvas.resized(*size)))
    assert checksum(found) == checksum(fresh)
    assert found.layers[0].shape == canvas.resized(*size).grid


def test_payload_is_narrowed_until_no_sum_can_overflow(maps):
    canvas = Canvas((1, 12, 12), 40, 9, 1)
    (layer,) = convolutional(maps.model(canvas)).layers
    sums = abs(layer.connections[0].weights.reach()).max()  # of one sign
    assert layer.neuron.payload_bits < 9
    assert sums * (2**layer.neuron.payload_bits - 1) < 2**23
    assert sums * (2 ** (layer.neuron.payload_bits + 1) - 1) >= 2**23


@pytest.mark.parametrize("bits", [1, 9])
def test_other_widths_are_refused(bits, maps):
    with pytest.raises(QuantizationError, match=f"weight_bits: found {bits}, allowed 2 to 8"):
        convolutional(maps.model(Canvas((1, 8, 8), 4, 4, 2)), bits)


def test_values_out_of_range_are_refused(maps):
    model = maps.model(Canvas((1, 8, 8), 4, 4, 2))
    huge = {**model.params, "log_lr": np.float32(20)}
    with pytest.raises(QuantizationError, match="step size or pixel deviations"):
        convolutional(replace(model, params=huge))
