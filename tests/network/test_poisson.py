import math

import numpy as np
import pytest

from ipvae.network import poisson

TABLE = poisson.thresholds().astype(np.int64)


def exact_pmf(rate, n_max):
    pmf = [math.exp(-rate)]
    for n in range(1, n_max + 1):
        pmf.append(pmf[-1] * rate / n)
    return np.array(pmf)


def drawn_pmf(v):
    """Distribution of one draw at log-rate v, from the table alone."""
    position = v - poisson.LOG_RATE_MIN
    row, fraction = position >> 7, position & 127
    above = min(row + 1, len(TABLE) - 1)
    thresholds = TABLE[row] + (((TABLE[above] - TABLE[row]) * fraction) >> 7)
    return np.diff(np.concatenate([[0], thresholds, [2**24]])) / 2**24


def total_variation(v):
    j = int(poisson.octaves_above(np.array(v)))
    single = drawn_pmf(v - 4096 * j)
    pmf = single
    for _ in range(j):
        pmf = np.convolve(pmf, pmf)
    exact = exact_pmf(2 ** (v / 4096), len(pmf) - 1)
    tail = max(0.0, 1 - exact.sum())
    mean = (np.arange(len(pmf)) * pmf).sum()
    return 0.5 * (np.abs(pmf - exact).sum() + tail), mean / 2 ** (v / 4096) - 1


@pytest.mark.parametrize("v", range(-47274, 12289, 997))
def test_distance_to_poisson_up_to_rate_8(v):
    """Computed from the table, not sampled: at most 1e-3, the mean within 0.1 %."""
    distance, mean_error = total_variation(v)
    assert distance <= 1e-3
    assert abs(mean_error) <= 1e-3


@pytest.mark.parametrize("v", range(12289, 32769, 1024))
def test_distance_to_poisson_of_split_rates(v):
    """Sub-draws taken as independent: at most 1e-3 to rate 16, 5e-3 above."""
    distance, mean_error = total_variation(v)
    assert distance <= (1e-3 if v <= 16384 else 5e-3)
    assert abs(mean_error) <= 1e-3


def test_thresholds_rise_with_count_and_fall_with_rate():
    assert (np.diff(TABLE, axis=1) >= 0).all()
    assert (np.diff(TABLE, axis=0) <= 0).all()
    assert TABLE.shape == (481, 27)


def test_worked_example_of_the_document():
    assert TABLE[330, :2].tolist() == [12299484, 16118037]
    assert TABLE[331, :2].tolist() == [12216152, 16091882]
    one = poisson.draw(np.array([-6868]), lambda *_: np.array([15000000], dtype=np.uint32))
    assert one.tolist() == [1]


@pytest.mark.parametrize(
    ("v", "halvings"), [(12288, 0), (12289, 1), (16384, 1), (16385, 2), (32768, 5)]
)
def test_rates_above_8_are_halved_just_often_enough(v, halvings):
    assert poisson.octaves_above(np.array(v)) == halvings


def test_each_sub_draw_gets_its_own_uniform():
    asked = []

    def uniform(sub_draw, index):
        asked.append((sub_draw, None if index is None else index.tolist()))
        return np.zeros(2 if index is None else len(index), dtype=np.uint32)

    poisson.draw(np.array([0, 16385]), uniform)
    assert asked == [(0, None), (1, [1]), (2, [1]), (3, [1])]


def test_largest_draw_is_reached():
    top = poisson.draw(
        np.array([poisson.LOG_RATE_MAX]),
        lambda _, index: np.full(1 if index is None else len(index), 2**24 - 1, dtype=np.uint32),
    )
    assert top[0] == poisson.largest_draw() == 864
