"""Gram form of convolutional decoders against the dense matrix of their atoms."""

import numpy as np
import pytest

from ipvae.errors import DataError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import (
    biases,
    drive_kernels,
    gram_kernels,
    largest_eigenvalue,
)
from ipvae.float_models.convolutional.steps import Prepared, decode

SHAPES = [
    (channels, height, width, k, s)
    for s in (1, 2, 3, 4)
    for k in sorted({s, s + 1, 2 * s + 1, 6, 7} | {2 * s})
    if k >= s
    for channels, height, width in ((1, 9, 12), (2, k, 2 * k - 1), (3, 5, 3), (1, 1, 1))
]


def tensors(canvas, seed=0):
    rng = np.random.default_rng(seed)
    channels = canvas.image[0]
    return {
        "kernels": rng.normal(size=(canvas.maps, channels, canvas.kernel, canvas.kernel)),
        "u0": rng.normal(size=canvas.maps) - 2.0,
        "log_bias": rng.normal(size=canvas.maps),
        "log_lr": np.array(-1.3),
        "log_sigma_raw": rng.normal(size=channels),
    }


def atoms(canvas, kernels):
    """Dense dictionary (canvas pixels, K), one column for each atom, written from the equations."""
    maps, rows, columns = canvas.grid
    (height, width), k, s = canvas.size, canvas.kernel, canvas.stride
    found = np.zeros((canvas.image[0], height, width, maps, rows, columns))
    for m in range(maps):
        for r in range(rows):
            for q in range(columns):
                found[:, s * r : s * r + k, s * q : s * q + k, m, r, q] = kernels[m]
    return found.reshape(-1, canvas.neurons)


def convolved(gram, z):
    """G z, by the equation of the module's docstring, in float64."""
    reach = gram.shape[-1] // 2
    padded = np.pad(z, ((0, 0), (reach, reach), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, gram.shape[2:], (1, 2))
    return np.einsum("mnef,nrqef->mrq", gram, windows)


@pytest.mark.parametrize(("channels", "height", "width", "k", "s"), SHAPES)
def test_gram_form_equals_the_direct_form(channels, height, width, k, s):
    canvas = Canvas((channels, height, width), 3, k, s)
    params = tensors(canvas)
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=canvas.image), rng.poisson(0.7, canvas.grid)
    sigma = np.exp(3.45 * np.tanh(params["log_sigma_raw"] / 3.45))
    phi = atoms(canvas, params["kernels"])
    precision = np.repeat(sigma**-2.0, np.prod(canvas.size))
    residual = precision * (canvas.pad(x).ravel() - phi @ z.ravel())
    a = np.exp(params["log_lr"])
    direct = (a * (phi.T @ residual)).reshape(canvas.grid)

    windows = np.lib.stride_tricks.sliding_window_view(canvas.pad(x), (k, k), (1, 2))[:, ::s, ::s]
    drive = np.einsum("miab,irqab->mrq", drive_kernels(params), windows)
    gram = gram_kernels(params, s)
    assert gram.shape == (3, 3, canvas.span, canvas.span)
    scale = np.abs(phi.T @ (precision * (np.abs(phi) @ z.ravel()))).max() + np.abs(drive).max()
    assert np.abs(drive - convolved(gram, z) - direct).max() < 1e-12 * scale

    prepared = Prepared.of(params, canvas)
    bias = biases(params)[:, None, None]
    assert np.allclose(prepared.drive_of(x), drive - bias, atol=1e-5 * scale)
    received = prepared.received(z.astype(np.float32))
    assert np.allclose(received, convolved(gram, z), atol=1e-5 * scale)
    shown = (phi @ z.ravel()).reshape(channels, *canvas.size)
    assert np.allclose(decode(params, canvas, z[None])[0], canvas.crop(shown), atol=1e-4)


@pytest.mark.parametrize(("channels", "height", "width", "k", "s"), SHAPES)
def test_every_pixel_has_the_atoms_of_an_unlimited_grid(channels, height, width, k, s):
    canvas = Canvas((channels, height, width), 1, k, s)
    top, left, bottom, right = canvas.pads
    assert min(top, left, bottom, right) >= k - s
    assert canvas.size == (height + top + bottom, width + left + right)
    assert all((side - k) % s == 0 and side >= k for side in canvas.size)
    cover = canvas.crop(atoms(canvas, np.ones((1, 1, k, k))).sum(axis=1).reshape(-1, *canvas.size))
    full = np.array([sum(p - k < s * r <= p for r in range(-k, 99)) for p in range(99)])
    expected = np.outer(full[top : top + height], full[left : left + width])
    assert np.array_equal(cover[0], expected)


def test_an_image_of_another_size_keeps_the_place_of_its_atoms():
    small, large = Canvas((1, 30, 41), 2, 7, 3), Canvas((1, 30, 41), 2, 7, 3).resized(90, 200)
    assert large.image == (1, 90, 200)
    assert small.pads[:2] == large.pads[:2] == (4, 4)


@pytest.mark.parametrize(("k", "s"), [(5, 2), (6, 3), (7, 4), (4, 1)])
def test_largest_eigenvalue_bounds_that_of_finite_grids(k, s):
    """The limit of growing grids; a grid of 14 places is within 10 % of it."""
    canvas = Canvas((2, 13 * s + s, 13 * s + s), 2, k, s)
    params = tensors(canvas, 3)
    phi = atoms(canvas, params["kernels"])
    sigma = np.exp(3.45 * np.tanh(params["log_sigma_raw"] / 3.45))
    weights = np.exp(params["log_lr"]) * np.repeat(sigma**-2.0, np.prod(canvas.size))
    finite = np.linalg.eigvalsh(phi.T @ (weights[:, None] * phi))[-1]
    bound = largest_eigenvalue(gram_kernels(params, s))
    assert finite <= bound * (1 + 1e-9)
    assert finite > 0.9 * bound


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"stride": 6}, "stride: found 6, allowed 1 to 5"),
        ({"kernel": 0}, "kernel: found 0, allowed 1 to 64"),
        ({"image": (0, 4, 4)}, "channels: found 0, allowed 1 and above"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, text):
    with pytest.raises(DataError, match=text):
        Canvas(**{"image": (1, 9, 9), "maps": 2, "kernel": 5, "stride": 2} | changes)
