from itertools import groupby

import numpy as np
import pytest

from ipvae.network.rules import poisson

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


def test_every_edge_is_drawn_as_the_oracle_does(oracle, draw_edges):
    """Single draws; of several, each sub-draw by itself, at the log-rate that it is halved to."""
    rows = TABLE.tolist()
    cases = draw_edges.every_threshold() + draw_edges.every_sub_draw()
    for v, group in groupby(sorted((v, uniform) for v, _, uniform in cases), lambda case: case[0]):
        halvings, row, fraction = oracle.table_position(v)
        limits = [oracle.threshold(rows, row, fraction, n) for n in range(27)]
        uniforms = np.array(sorted({uniform for _, uniform in group}), np.uint32)
        expected = np.searchsorted(limits, uniforms, side="right")
        single = np.full(len(uniforms), v - 4096 * halvings)
        found = poisson.draw(single, lambda index, _, given=uniforms: given[index])
        assert found.tolist() == expected.tolist(), v


@pytest.mark.parametrize("v", range(12289, 32769, 4095))
def test_counts_of_sub_draws_are_added(v):
    halvings = int(poisson.octaves_above(np.array(v)))
    given = np.random.default_rng(v).integers(0, 2**24, 1 << halvings).astype(np.uint32)
    base = np.full(len(given), v - 4096 * halvings)
    alone = poisson.draw(base, lambda index, _: given[index])
    assert poisson.draw(np.array([v]), lambda _, sub_draw: given[sub_draw]) == alone.sum()
