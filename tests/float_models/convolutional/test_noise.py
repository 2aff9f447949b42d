"""Constant inhibition against a numerical derivative of the expected error, and long runs."""

import numpy as np
import pytest

from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import biases, drive_kernels, gram_kernels
from ipvae.float_models.convolutional.noise import balanced_inhibition, with_balanced_inhibition
from ipvae.float_models.convolutional.steps import Prepared, decode
from ipvae.float_models.inference.steps import precision

CANVAS = Canvas((2, 11, 10), 3, 5, 2)


def tensors(seed=0, step_size=0.02):
    rng = np.random.default_rng(seed)
    found = {
        "kernels": rng.normal(0, 0.3, (3, 2, 5, 5)),
        "u0": np.full(3, -2.0),
        "log_bias": np.full(3, -9.0),
        "log_lr": np.log(step_size),
        "log_sigma_raw": np.array([-0.4, -0.2]),
    }
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def test_it_is_half_of_the_effect_of_a_neuron_on_itself():
    params = tensors()
    gram = gram_kernels(params, 2)
    own = np.einsum("mm->m", gram[:, :, gram.shape[2] // 2, gram.shape[3] // 2])
    half = own / 2 / np.exp(np.float64(params["log_lr"]))
    np.testing.assert_allclose(balanced_inhibition(params), half, rtol=1e-9)


def test_a_smaller_inhibition_is_raised_and_a_larger_one_kept():
    params = tensors()
    params["log_bias"][1] = 9.0
    found = with_balanced_inhibition(params)
    least = np.log(balanced_inhibition(params))
    np.testing.assert_allclose(found["log_bias"], [least[0], 9.0, least[2]], rtol=1e-5)
    assert all(np.array_equal(found[n], params[n]) for n in params if n != "log_bias")
    silent = with_balanced_inhibition({**params, "kernels": np.zeros_like(params["kernels"])})
    assert np.isfinite(silent["log_bias"]).all()


def test_the_gradient_of_the_expected_error_is_the_drift_of_the_log_rates():
    """u' - u = -a dE/dr at rates r, with E the expected weighted error of drawn counts."""
    params = with_balanced_inhibition(tensors())
    wide = {name: np.asarray(value, np.float64) for name, value in params.items()}
    rng = np.random.default_rng(1)
    x, rates = rng.normal(size=CANVAS.image), rng.exponential(size=CANVAS.grid)
    weights, kernels = precision(wide), wide["kernels"]

    def expected_error(r):
        canvas = np.zeros((2, *CANVAS.size))
        noise = 0.0
        for m, row, column in np.ndindex(*CANVAS.grid):
            top, left = 2 * row, 2 * column
            canvas[:, top : top + 5, left : left + 5] += r[m, row, column] * kernels[m]
            squares = np.square(kernels[m]).sum(axis=(1, 2)) @ weights
            noise += r[m, row, column] * squares / 2
        rest = CANVAS.pad(x) - canvas
        return np.square(rest).sum(axis=(1, 2)) @ weights / 2 + noise

    prepared = Prepared.of(params, CANVAS)
    drift = prepared.drive_of(x) - prepared.received(rates.astype(np.float32))
    step_size = np.exp(wide["log_lr"])
    for place in [(0, 0, 0), (1, 3, 2), (2, 5, 4)]:
        change = np.zeros(CANVAS.grid)
        change[place] = 1e-4
        slope = (expected_error(rates + change) - expected_error(rates - change)) / 2e-4
        assert drift[place] == pytest.approx(-step_size * slope, rel=2e-3, abs=1e-5)
    assert drive_kernels(params).shape == (3, 2, 5, 5) and biases(params).shape == (3,)


def late_error(params, images, steps):
    """Mean squared error of drawn counts over 64 steps up to the last."""
    prepared, total = Prepared.of(params, CANVAS), 0.0
    for index, image in enumerate(images):
        for t, z, _ in prepared.trajectory(image, steps, seed=1, index=index):
            if t > steps - 64:
                shown = decode(params, CANVAS, z[None])[0]
                total += np.square(image - shown).mean() / 64 / len(images)
    return total


def test_error_does_not_grow_after_hundreds_of_steps():
    """Kernels that almost cancel: without balance, rates of both grow, and the noise with them.

    The mean of 64 steps, of the same draws in every run of this test.
    """
    params = tensors()
    params["kernels"] *= np.float32(0.5)
    params["kernels"][1] = -params["kernels"][0] + 0.3 * params["kernels"][1]
    images = np.random.default_rng(2).normal(0, 2, (2, *CANVAS.image))
    balanced = with_balanced_inhibition(params)
    early, late = (late_error(params, images, steps) for steps in (200, 800))
    assert late > 1.05 * early
    early, late = (late_error(balanced, images, steps) for steps in (200, 800))
    assert late < early
