"""Dimensionality against closed forms and against a count of the dichotomies."""

from itertools import combinations

import numpy as np
import pytest

from ipvae.evaluation.classes.dimensionality import (
    DICHOTOMIES,
    dichotomies,
    participation_ratio,
    shattering,
)


def test_participation_ratio_is_that_of_the_eigenvalues(rng):
    x = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    values = np.linalg.eigvalsh(np.cov(x.T))
    assert participation_ratio(x) == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert participation_ratio(7 * x + 3) == pytest.approx(participation_ratio(x))


def test_participation_ratio_of_known_spectra():
    axes = np.vstack([np.eye(4), -np.eye(4)])
    assert participation_ratio(axes) == pytest.approx(4.0)
    assert participation_ratio(axes * [1, 1, 0, 0]) == pytest.approx(2.0)
    assert participation_ratio(np.outer(np.arange(5.0), [1, 2, 3])) == pytest.approx(1.0)
    assert np.isnan(participation_ratio(np.ones((3, 2))))
    with pytest.raises(ValueError, match=r"features: found \(1, 4\)"):
        participation_ratio(np.ones((1, 4)))


@pytest.mark.parametrize(("n", "expected"), [(2, 1), (4, 3), (10, 126), (3, 3), (5, 10)])
def test_every_balanced_dichotomy_is_there_once(n, expected):
    found = {
        frozenset([frozenset(h), frozenset(range(n)) - set(h)]) for h in dichotomies(range(n), 999)
    }
    every = {
        frozenset([frozenset(h), frozenset(range(n)) - set(h)])
        for h in combinations(range(n), n // 2)
    }
    assert found == every
    assert len(dichotomies(range(n), 999)) == len(every) == expected


def test_a_choice_of_dichotomies_is_seeded_and_has_no_double():
    some = dichotomies(range(10), 20, seed=3)
    assert len(set(some)) == 20
    assert some == dichotomies(range(10), 20, seed=3) != dichotomies(range(10), 20, seed=4)


def make(rng, n, points):
    labels = np.arange(n) % len(points)
    return np.asarray(points)[labels] + 0.01 * rng.normal(size=(n, len(points[0]))), labels


def test_points_in_general_position_shatter_and_points_on_a_line_do_not(rng):
    """Of four points on a line, one balanced dichotomy is linear, two reach 3/4 at best."""
    corners = np.eye(4)
    got = shattering(*make(rng, 80, corners), *make(rng, 40, corners))
    assert (got.accuracy, got.lowest, got.dichotomies, got.possible) == (1.0, 1.0, 3, 3)
    line = [[float(i)] for i in range(4)]
    got = shattering(*make(rng, 80, line), *make(rng, 40, line))
    assert got.lowest <= 0.75
    assert 1 / 3 * (1 + 0.5 + 0.5) <= got.accuracy <= 1 / 3 * (1 + 0.75 + 0.75)
    assert got.deviation > 0.1


def test_shattering_states_what_was_used(rng):
    data = (*make(rng, 80, np.eye(6)), *make(rng, 42, np.eye(6)))
    got = shattering(*data, most=4)
    assert (got.dichotomies, got.possible, got.train_images, got.test_images) == (4, 10, 80, 42)
    with pytest.raises(ValueError, match="dichotomies: found 0"):
        shattering(*data, most=0)
    with pytest.raises(ValueError, match="one class"):
        shattering(data[0], np.zeros(80), *data[2:])


def test_deviation_is_that_of_a_sample_of_dichotomies(rng):
    """Of three dichotomies one is read without error, one worst: the mean says the third."""
    line = [[float(i)] for i in range(4)]
    got = shattering(*make(rng, 80, line), *make(rng, 40, line))
    scores = [1.0, got.lowest, 3 * got.accuracy - 1.0 - got.lowest]
    variance = sum((score - got.accuracy) ** 2 for score in scores) / 2
    assert got.deviation == pytest.approx(variance**0.5)
    two = shattering(*make(rng, 20, np.eye(2)), *make(rng, 10, np.eye(2)))
    assert (two.dichotomies, two.possible, two.accuracy, two.lowest) == (1, 1, 1.0, 1.0)
    assert np.isnan(two.deviation)


def test_all_dichotomies_of_ten_classes_are_fitted_unless_fewer_are_asked_for():
    assert len(dichotomies(range(10), 10**9)) == DICHOTOMIES == 126
    assert dichotomies([3, 1, 2, 0], 3) == [(0, 1), (0, 2), (0, 3)]
    assert len(dichotomies([3, 1, 2, 0], 2)) == 2
    with pytest.raises(ValueError, match=r"features: found \(3,\)"):
        participation_ratio(np.ones(3))
    with pytest.raises(ValueError, match=r"features: found \(3, 0\)"):
        participation_ratio(np.ones((3, 0)))
    # Two images lie on a line, whatever the direction.
    assert participation_ratio(np.array([[1.0, 2.0], [4.0, 0.0]])) == pytest.approx(1.0)
