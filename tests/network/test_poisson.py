import numpy as np
import pytest

from ipvae.network import poisson

TABLE = poisson.thresholds().astype(np.int64)


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

    def uniform(index, sub_draw):
        asked.extend(zip(index.tolist(), sub_draw.tolist(), strict=True))
        return np.zeros(len(index), dtype=np.uint32)

    poisson.draw(np.array([0, 16385, 12289]), uniform)
    assert asked == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1)]


def test_largest_draw_is_reached():
    top = poisson.draw(
        np.array([poisson.LOG_RATE_MAX]),
        lambda index, _: np.full(len(index), 2**24 - 1, dtype=np.uint32),
    )
    assert top[0] == poisson.largest_draw() == 864
