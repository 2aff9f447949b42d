"""The early-stopping point on curves made up for it."""

import pytest

from ipvae.evaluation.early_stopping import NEAR, stopping_step


def curve(*values):
    return [{"step": 2**i, "r2": value} for i, value in enumerate(values)]


def test_it_is_the_first_step_within_the_margin_of_the_last():
    assert stopping_step(curve(0.1, 0.8, 0.894, 0.896, 0.90)) == 8
    assert stopping_step(curve(0.1, 0.2, 0.3)) == 4
    assert stopping_step(curve(0.5)) == 1


def test_the_margin_itself_is_near_enough():
    assert stopping_step(curve(1.0 - NEAR, 1.0)) == 1
    assert stopping_step(curve(1.0 - 1.01 * NEAR, 1.0)) == 2


def test_a_curve_that_falls_again_stops_where_it_first_was_as_good():
    assert stopping_step(curve(0.2, 0.7, 0.95, 0.90, 0.70)) == 2


def test_without_a_last_value_there_is_none():
    assert stopping_step(curve(0.2, float("nan"))) is None
    assert stopping_step(curve(float("nan"), 0.2)) == 2


def test_no_point_is_refused():
    with pytest.raises(ValueError, match="points: found none"):
        stopping_step([])
