import numpy as np
import pytest

from ipvae.errors import QuantizationError
from ipvae.export.rounding.power_of_two_scale import (
    recurrent_grid,
    smallest_exponent,
    to_grid,
    within,
)

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


@pytest.mark.parametrize(("small", "exponent"), [(48, 0), (50, -1)])
def test_a_square_lost_by_rounding_counts_five_times_one_lost_by_clipping(small, exponent):
    """A step of 1/2 clips 7 to 3.5 and loses 12.25; of each .3 it takes .09 - .04 away."""
    values = np.array([7.0] + [0.3] * small)
    integers, found = recurrent_grid(values, 4, ANY, "w")
    assert found == exponent
    assert integers.tolist() == ([7] + [0] * small if exponent == 0 else [7] + [1] * small)
    assert recurrent_grid(values, 4, (0, 5), "w")[1] == 0  # the file allows no finer one


def test_a_value_half_way_between_two_integers_is_rounded_and_not_clipped():
    """Ten halves lose 1/4 each, five times: 12.5, more than the 12.25 of 7 clipped to 3.5."""
    integers, found = recurrent_grid(np.array([7.0] + [0.5] * 10), 4, ANY, "w")
    assert (found, integers.tolist()) == (-1, [7] + [1] * 10)
    assert recurrent_grid(np.array([7.0] + [0.5] * 9), 4, ANY, "w")[1] == 0


def test_the_smallest_scale_that_clips_nothing_brings_the_largest_to_the_limit():
    for largest, exponent in ((7.0, 0), (7.01, 1), (3.5, -1), (3.51, 0), (14.0, 1), (14.1, 2)):
        assert smallest_exponent(np.array([-largest, 0.1]), 7, (-9, 9), "w") == exponent
    for tiny in (0.0, 1e-9):
        assert smallest_exponent(np.array([tiny]), 7, (-9, 9), "w") == -9
    assert smallest_exponent(np.array([7.0 * 2**9]), 7, (-9, 9), "w") == 9


@pytest.mark.parametrize(
    ("values", "exponent", "integers"),
    [
        ([7.0, 7.0], 0, [7, 7]),  # nothing clipped
        ([7.0] + [3.0] * 9, 0, [7] + [3] * 9),
        ([4.0] + [0.25] * 300, -2, [7] + [1] * 300),  # clipped to 1.75: two below the widest
        ([8.0] + [0.25] * 999, 1, [4] + [0] * 999),  # three below is better, and is not tried
    ],
)
def test_a_grid_is_the_best_of_the_widest_and_the_two_below(values, exponent, integers):
    found, its = to_grid(np.array(values), 4, ANY, "w")
    assert (its, found.tolist()) == (exponent, integers)


def test_a_grid_is_not_finer_than_the_file_allows():
    values = np.array([4.0] + [0.25] * 300)
    assert [to_grid(values, 4, (low, 9), "w")[1] for low in (-3, -2, -1, 0, 1)] == [-2, -2, 0, 0, 1]


def test_within_its_limit_a_value_is_rounded_half_to_even():
    found = within(np.array([-2.5, 3.5, 7.49]), 7, "x")
    assert (found.tolist(), found.dtype) == ([-2, 4, 7], np.int32)
    with pytest.raises(QuantizationError, match="x: largest value 8, allowed 7"):
        within(np.array([-7.51]), 7, "x")
