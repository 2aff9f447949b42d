"""Starts fitted to settled log-rates, and the bound of the step size."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import QuantizationError
from ipvae.export.calibration.start import (
    FLOOR,
    ROWS,
    SettledRates,
    largest_step_scale,
    scaled,
    with_start,
)
from ipvae.export.options import AFFINE, ExportOptions
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat
from ipvae.network.rules.arithmetic import to_nats
from ipvae.network.rules.start import start_log_rates

M, K = 12, 6
PIXELS = InputFormat(0, 255, 1 / 255, (3, 4))
OPTIONS = ExportOptions(
    *("recurrent", "model", 0.1, (), 8, False, (64,), 0),
    start=AFFINE,
    start_threshold=0.0,
    start_margin=2.0,
)


@pytest.fixture
def model(rng):
    return FloatNetwork(
        phi=rng.normal(0, 0.3, (M, K)),
        sigma=np.full(M, 0.5),
        step_size=0.05,
        bias=np.full(K, 0.1),
        u0=np.zeros(K),
    )


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (200, M)).astype(np.int16)


@pytest.fixture
def network(model, images):
    return quantize(model, PIXELS, Images(images[:2], np.zeros(2, np.int16)), 8)


def test_settled_rates_are_means_over_the_rows(network, images):
    settled = SettledRates.of(network, images[:10], 3)
    u = recording.run(network, images[:10], ROWS[-1], 3).stacked("1", "u")[:, list(ROWS)]
    expected = np.maximum(to_nats(u, network.layer.frac_bits), FLOOR).mean(axis=1)
    np.testing.assert_allclose(settled.log_rates, expected)


def test_too_few_images_are_refused(network, images):
    with pytest.raises(QuantizationError, match=r"found 9 image\(s\)"):
        SettledRates.of(network, images[:9], 3)


def test_log_rates_that_are_affine_in_the_pixels_are_found(network, images, rng):
    """Up to the ridge's penalty and the grid; below the threshold they are lowered."""
    weight, bias = rng.normal(0, 0.002, (K, M)), rng.normal(0, 1, K)
    exact = images @ weight.T + bias
    made, explained = with_start(network, SettledRates(images, exact), OPTIONS)
    started = start_log_rates(made, images)
    assert started is not None
    found = to_nats(started, network.layer.frac_bits)
    lowered = np.where(exact < 0, exact - 2.0, exact)
    clear = (np.abs(exact) > 0.1) & (np.abs(exact) < 5.0)
    assert explained > 0.99
    assert clear.mean() > 0.8
    np.testing.assert_allclose(found[clear], lowered[clear], atol=0.2)


def test_the_bound_is_where_the_noiseless_update_begins_to_oscillate(model, images):
    """Deviations of u' = u + s (W x - G exp(u)) from its fixed point shrink below, grow above."""
    rng = np.random.default_rng(1)
    target = rng.normal(0.5, 0.5, K)
    gram = model.gram()
    bound = largest_step_scale(model, SettledRates(images, np.tile(target, (len(images), 1))))

    def far(scale, steps=2000):
        u = target + 1e-6 * rng.normal(size=K)
        for _ in range(steps):
            u = u + scale * (gram @ np.exp(target) - gram @ np.exp(u))
        return np.abs(gram @ (u - target)).max()

    assert far(0.98 * bound) < 1e-12
    assert far(1.02 * bound) > 1e-3


def test_scales_multiply_step_size_and_inhibition(model):
    options = replace(OPTIONS, step_scale=1.5, inhibition_scale=0.25)
    made = scaled(model, options, 1.5)
    assert made.step_size == 1.5 * model.step_size
    np.testing.assert_array_equal(made.bias, 0.25 * model.bias)
    with pytest.raises(QuantizationError, match=r"step_scale: found 1\.5, allowed up to 1\.49 "):
        scaled(model, options, 1.4999)
