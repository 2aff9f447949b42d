"""Figures of merit against their definitions, written out."""

import numpy as np
import pytest

from ipvae.evaluation.metrics import curve, mse, quality, r2, spikes, zeros


@pytest.fixture
def pair():
    rng = np.random.default_rng(2)
    x = rng.random((5, 9)).astype(np.float32)
    return x, (x + 0.1 * rng.normal(size=(5, 9))).astype(np.float32)


def test_mse_is_per_pixel_and_mean_over_images(pair):
    x, y = pair
    total = 0.0
    for i in range(5):
        for j in range(9):
            total += (float(x[i, j]) - float(y[i, j])) ** 2
    assert mse(x, y) == pytest.approx(total / 5 / 9)


def test_r2_is_per_image_then_averaged(pair):
    x, y = pair
    each = [
        1 - np.square(p - q).sum() / np.square(p - p.mean()).sum()
        for p, q in zip(x, y, strict=True)
    ]
    assert r2(x, y) == pytest.approx(np.mean(each), rel=1e-5)


def test_r2_of_perfect_and_of_mean_reconstructions(pair):
    x, _ = pair
    assert r2(x, x) == 1.0
    assert r2(x, np.repeat(x.mean(axis=1, keepdims=True), 9, axis=1)) == pytest.approx(0, abs=1e-6)


def test_constant_images_are_left_out_of_r2(pair):
    x, y = pair
    flat = np.full((1, 9), 0.1, dtype=np.float32)
    assert r2(np.vstack([x, flat]), np.vstack([y, flat + 1])) == pytest.approx(r2(x, y))
    assert np.isnan(r2(flat, flat))


def test_zeros_counts_exact_zeros():
    assert zeros(np.array([[0, 1, 0, 3, 0]])) == 0.6


def test_spikes_are_summed_over_neurons_and_averaged_over_images():
    counts = np.array([[0, 1, 0, 3], [2, 0, 0, 0]], dtype=np.float32)
    assert spikes(counts) == 3.0


def test_quality_reads_out_by_the_decoder():
    phi = np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 1.0]], dtype=np.float32)
    counts = np.array([[1, 0], [0, 2]], dtype=np.int32)
    x = np.array([[1.0, 0.5, 0.0], [0.0, 4.0, 2.0]], dtype=np.float32)
    assert quality(x, counts, phi) == {"mse": 0.0, "r2": 1.0, "zeros": 0.5}
    # One image: (0, 2) of (1, 2, 3) leaves residuals 1, 2 and 1; the variation is 2.
    found = quality(np.array([[1.0, 2.0, 3.0]]), np.array([[0, 2]]), phi)
    assert found == pytest.approx({"mse": (1 + 4 + 1) / 3, "r2": 1 - 6 / 2, "zeros": 0.5})
    found = quality(np.array([[1.0, 2.0, 3.0]]), np.array([[3, 1]]), phi)
    assert found["zeros"] == 0.0


def test_curve_is_in_order_of_steps():
    x, phi = np.array([[0.0, 1.0]]), np.eye(2)
    got = curve(x, {64: np.array([[0, 1]]), 1: np.array([[0, 0]])}, phi)
    assert [entry["step"] for entry in got] == [1, 64]
    assert [set(entry) for entry in got] == [{"step", "mse", "r2", "zeros"}] * 2
    assert got[0]["mse"] == 0.5
    assert got[1]["mse"] == 0.0


@pytest.mark.parametrize("function", [mse, r2])
@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_arrays_that_do_not_pair_are_refused(function, shapes):
    with pytest.raises(ValueError, match=r"images: found shape \(.*allowed \(N, M\) for both"):
        function(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_counts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="allowed at least one image"):
        zeros(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="allowed at least one image"):
        spikes(np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"counts: found \(1, 3\) and phi \(4, 2\)"):
        quality(np.zeros((1, 4)), np.zeros((1, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"counts: found \(3,\) and phi \(4, 3\)"):
        quality(np.zeros((1, 4)), np.zeros(3), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"counts: found \(1, 3\) and phi \(4,\)"):
        quality(np.zeros((1, 4)), np.zeros((1, 3)), np.zeros(4))
