"""A decoder is refitted to what a network sends."""

import dataclasses

import numpy as np
import pytest

from ipvae.emulator.recording import run
from ipvae.errors import QuantizationError
from ipvae.evaluation.metrics import mse, r2
from ipvae.export.calibration.refit import STEPS, STRENGTHS, _codes, _ridge, refit_decoder
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat

M, K = 16, 6
PIXELS = InputFormat(0, 16, 1 / 16, (4, 4))


@pytest.fixture
def images(rng):
    """Sums of a few parts: 150 to fit on, 50 to judge by."""
    parts = rng.integers(0, 2, (K, M)) * rng.integers(1, 4, (K, M))
    return np.clip(rng.poisson(0.7, (200, K)) @ parts, 0, 16).astype(np.int16), parts


@pytest.fixture
def network(images):
    """An iterative network whose dictionary is these parts, a 32nd of each to a count."""
    pixels, parts = images
    model = FloatNetwork(
        phi=parts.T / 16.0 / 32.0,
        sigma=np.full(M, 0.1),
        step_size=1.0,
        bias=np.full(K, 0.01),
        u0=np.full(K, 2.0),
    )
    return quantize(model, PIXELS, Images(pixels[:5], np.zeros(5, np.int16)))


def judged(network, pixels):
    """Squared error and R2 on the last 50 images, after 64 steps of a separate run."""
    z = run(network, pixels[150:], 64, 77).stacked("1", "z")[:, -1]
    shown, real = z @ network.decoder.T.astype(float), pixels[150:] / 16.0
    return mse(real, shown), r2(real, shown)


def test_a_perturbed_decoder_is_mended(network, images, rng):
    pixels, _ = images
    noise = 1.0 + 0.5 * rng.normal(size=network.decoder.shape)
    broken = dataclasses.replace(network, decoder=network.decoder * noise)
    mended = refit_decoder(broken, pixels[:150], 0)
    right, before, after = (judged(n, pixels) for n in (network, broken, mended))
    assert before[0] > 2.5 * right[0]
    assert after[0] < 1.1 * right[0]
    assert mended.provenance["refit"]["strength"] < 1.0  # that decoder is not held on to


def test_it_is_fitted_to_what_a_trace_has_at_these_steps(network, images):
    pixels, _ = images
    z = run(network, pixels[:70], STEPS[-1], 3).stacked("1", "z")
    codes = _codes(network, pixels[:70], 3, None)
    assert codes.dtype == np.float64
    np.testing.assert_array_equal(codes, z[:, STEPS].transpose(1, 0, 2))


def test_a_right_decoder_is_hardly_changed(network, images):
    pixels, _ = images
    again = refit_decoder(network, pixels[:150], 0)
    change = np.linalg.norm(again.decoder - network.decoder) / np.linalg.norm(network.decoder)
    assert change < 0.1 and again.provenance["refit"]["strength"] == STRENGTHS[-1]
    assert judged(again, pixels)[1] > judged(network, pixels)[1] - 0.005


def test_nothing_but_the_decoder_changes_and_provenance_reports_it(network, images):
    pixels, _ = images
    again = refit_decoder(network, pixels[:20], 3)
    refit = again.provenance.pop("refit")
    assert (refit["images"], refit["steps"]) == (20, list(STEPS))
    assert refit["strength"] in STRENGTHS
    assert again.provenance == network.provenance
    assert (again.layer, again.hidden, again.readouts) == (network.layer, (), ())
    assert again.decoder.shape == network.decoder.shape
    same = refit_decoder(network, pixels[:20], 3).decoder
    np.testing.assert_array_equal(again.decoder, same)
    assert (refit_decoder(network, pixels[:20], 4).decoder != same).any()  # other draws


def test_the_decoder_is_the_minimum_of_errors_and_of_the_way_from_the_old_one(rng):
    """Squares over steps and images, and s times the mean square of a code for each old entry."""
    codes, real = rng.poisson(1.0, (3, 8, 4)).astype(float), rng.normal(size=(8, 5))
    prior = rng.normal(size=(4, 5))
    for strength in (0.01, 3.0):
        found = _ridge(codes, real, prior, strength)
        penalty = strength * sum(np.square(codes[..., k]).sum() for k in range(4)) / 4
        rows = np.concatenate([*codes, np.sqrt(penalty) * np.eye(4)])
        wanted = np.concatenate([real, real, real, np.sqrt(penalty) * prior])
        least, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
        np.testing.assert_allclose(found, least, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(_ridge(np.zeros((3, 8, 4)), real, prior, 1.0), prior)


def test_the_strength_is_the_one_that_is_best_on_the_last_fifth(network, images, rng):
    pixels, _ = images
    noise = 1.0 + 0.2 * rng.normal(size=network.decoder.shape)
    broken = dataclasses.replace(network, decoder=network.decoder * noise)
    codes, real = _codes(broken, pixels[:20], 0, None), pixels[:20] / 16.0
    prior = broken.decoder.astype(float).T
    fits = {}
    for strength in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0):
        fitted = _ridge(codes[:, :16], real[:16], prior, strength)
        fits[strength] = np.mean([r2(real[16:], z[16:] @ fitted) for z in codes])
    best = max(fits, key=lambda strength: fits[strength])
    found = refit_decoder(broken, pixels[:20], 0)
    assert found.provenance["refit"] == {
        "images": 20,
        "steps": [16, 32, 64, 128, 256, 512],
        "strength": best,
    }
    np.testing.assert_allclose(found.decoder, _ridge(codes, real, prior, best).T, rtol=1e-5)
    with pytest.raises(QuantizationError, match="found 9 .*allowed 10 or more"):
        refit_decoder(broken, pixels[:9], 0)
    refit_decoder(broken, pixels[:10], 0)
