# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""Rounding of weights that all places share: moments of taps, spectrum, integers."""

import numpy as np
import pytest

from ipvae.export.rounding.shared_weights import (
    MapMoments,
    least_eigenvalue,
    round_shared,
    taps,
)
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.gram import gram_kernels

SPAN = 3


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(3)
    rates = np.exp(rng.normal(-1, 1, (40, 1, 9, 8)) + rng.normal(0, 1, (4, 1, 1)))
    return rng.poisson(rates).astype(np.float32)


@pytest.fixture(scope="module")
def gram(maps):
    params = maps.tensors(Canvas((1, 16, 14), 4, 4, 2))
    kernels = params["kernels"] + np.random.default_rng(4).normal(0, 0.05, (4, 1, 4, 4))
    return gram_kernels(params | {"kernels": kernels}, 2) * 9000


def of_places(counts):
    """Deviations of all taps at every place of a padded grid: (rows, J)."""
    m = counts.shape[1]
    deviations = counts - counts.mean(axis=(0, 2, 3), dtype=np.float64)[:, None, None]
    wide = np.pad(deviations, ((0, 0), (0, 0), (SPAN - 1,) * 2, (SPAN - 1,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (SPAN, SPAN), axis=(2, 3))
    sender, row, column = taps(m, SPAN)
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, m, SPAN, SPAN)
    return rows[:, sender, row, column]


def test_the_first_taps_are_those_of_the_place_itself():
    sender, row, column = taps(4, SPAN)
    assert len(sender) == 4 * SPAN**2
    assert sender[:4].tolist() == [0, 1, 2, 3]
    assert set(row[:4]) == set(column[:4]) == {1}
    assert len({*zip(sender, row, column, strict=True)}) == len(sender)


def test_covariance_of_taps_is_that_of_all_places(counts):
    moments = MapMoments.of(counts, SPAN)
    np.testing.assert_allclose(moments.mean, counts.mean(axis=(0, 2, 3)), rtol=1e-6)
    rows = of_places(counts)
    expected = rows.T @ rows / (counts.size / counts.shape[1])
    np.testing.assert_allclose(moments.of_taps(), expected, rtol=0, atol=1e-9)
    assert np.linalg.eigvalsh(moments.of_taps())[0] > -1e-9


@pytest.mark.parametrize("bits", [8, 6, 4])
@pytest.mark.parametrize("compensate", [True, False])
def test_weights_are_integers_and_a_neuron_on_itself_is_apart(gram, counts, bits, compensate):
    moments = MapMoments.of(counts, SPAN) if compensate else None
    found = round_shared(gram, bits, moments)
    assert found.weight.dtype == np.int16
    assert abs(found.weight).max() <= 2 ** (bits - 1) - 1
    assert not np.einsum("mmyx->myx", found.weight)[:, 1, 1].any()
    np.testing.assert_array_equal(np.einsum("mmyx->myx", found.real)[:, 1, 1], found.own)
    if not compensate:
        np.testing.assert_array_equal(found.own, np.einsum("mmyx->myx", gram)[:, 1, 1])
    assert (found.own >= 0).all()


@pytest.mark.parametrize("bits", [8, 6, 5, 4])
def test_compensation_lowers_the_error_of_the_synaptic_input(gram, counts, bits):
    rows = of_places(counts)
    sender, row, column = taps(len(gram), SPAN)

    def error(found):
        change = (found.real - gram)[:, sender, row, column]
        return float(np.square(rows @ change.T).mean())

    moments = MapMoments.of(counts, SPAN)
    assert error(round_shared(gram, bits, moments)) < error(round_shared(gram, bits, None))


def dense(kernels, side):
    """Matrix of an inhibition on a grid of side x side places."""
    n, reach = len(kernels), kernels.shape[2] // 2
    found = np.zeros((n, side, side, n, side, side))
    for y, x in np.ndindex(side, side):
        for e, f in np.ndindex(kernels.shape[2:]):
            r, q = y + e - reach, x + f - reach
            if 0 <= r < side and 0 <= q < side:
                found[:, y, x, :, r, q] += kernels[:, :, e, f]
    return found.reshape(n * side**2, -1)


def test_least_eigenvalue_bounds_those_of_finite_grids(gram):
    rounded = round_shared(gram, 4, None).real
    matrix = dense(rounded, 6)
    finite = float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0])
    least = least_eigenvalue(rounded)
    assert least < 0
    assert least <= finite < 0.2 * least


def test_a_full_raise_leaves_no_combination_that_excites_itself(gram, monkeypatch):
    monkeypatch.setattr("ipvae.export.rounding.shared_weights.RAISE", 1.0)
    found = round_shared(gram, 4, None)
    kernels = found.real
    middle = np.arange(len(gram))
    kernels[middle, middle, 1, 1] = found.raised
    assert np.linalg.eigvalsh((m := dense(kernels, 7)) + m.T)[0] > -1e-6 * abs(gram).max()


def test_too_many_taps_are_rounded_to_nearest(gram, counts, monkeypatch):
    monkeypatch.setattr("ipvae.export.rounding.shared_weights.MOST_TAPS", 35)
    found, nearest = (round_shared(gram, 5, m) for m in (MapMoments.of(counts, SPAN), None))
    np.testing.assert_array_equal(found.weight, nearest.weight)
