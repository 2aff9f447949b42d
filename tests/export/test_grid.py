import numpy as np
import pytest

from ipvae.export.grid import recurrent_grid
from ipvae.network.errors import QuantizationError

ANY = (-64, 64)


@pytest.mark.parametrize("bits", range(2, 9))
def test_range_is_respected_and_values_on_the_grid_are_exact(rng, bits):
    limit = 2 ** (bits - 1) - 1
    wanted = rng.integers(-limit, limit + 1, (40, 40))
    wanted[0, 0] = limit
    integers, exponent = recurrent_grid(wanted * 0.125, bits, ANY, "w")
    assert exponent == -3
    assert integers.dtype == np.int16
    np.testing.assert_array_equal(integers, wanted)


@pytest.mark.parametrize("bits", range(2, 9))
def test_heavy_tails_are_clipped_and_everything_else_is_nearest(rng, bits):
    values = rng.standard_t(2.5, (60, 60))
    integers, exponent = recurrent_grid(values, bits, ANY, "w")
    limit = 2 ** (bits - 1) - 1
    step = 2.0**exponent
    assert np.abs(integers).max() == limit
    assert np.abs(values).max() > (limit + 0.5) * step  # some are clipped
    inside = np.abs(values) < limit * step
    assert np.abs(integers * step - values)[inside].max() <= step / 2
    outside = integers[~inside]
    np.testing.assert_array_equal(outside, limit * np.sign(values[~inside]))


def test_scale_has_the_least_weighted_error_of_its_neighbours(rng):
    values = rng.standard_t(3, (60, 60))
    _, chosen = recurrent_grid(values, 5, ANY, "w")

    def weighted(exponent):
        step = 2.0**exponent
        nearest = np.rint(values / step) * step
        kept = np.clip(nearest, -15 * step, 15 * step)
        error = (kept - values) ** 2
        clipped = np.abs(kept - values) > step / 2
        return error[clipped].sum() + 5 * error[~clipped].sum()

    assert weighted(chosen) < min(weighted(chosen - 1), weighted(chosen + 1))


def test_all_zero_and_too_large_values():
    integers, exponent = recurrent_grid(np.zeros((3, 3)), 4, (-6, 5), "w")
    assert (integers.any(), exponent) == (False, -6)
    with pytest.raises(QuantizationError, match=r"weight_rec: .* needs the scale 2\*\*8, allowed"):
        recurrent_grid(np.full((2, 2), 1000.0), 4, (-6, 5), "weight_rec")


def test_symmetric_matrices_stay_symmetric(rng):
    values = rng.normal(size=(30, 30))
    integers, _ = recurrent_grid(values + values.T, 4, ANY, "w")
    np.testing.assert_array_equal(integers, integers.T)
