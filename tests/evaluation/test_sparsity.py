"""Sparsity against its definition, written out."""

import numpy as np
import pytest

from ipvae.evaluation.sparsity import selectivity, sparsity


def treves_rolls(r):
    """One list of responses, in plain Python."""
    n = len(r)
    a = (sum(r) / n) ** 2 / (sum(x * x for x in r) / n)
    return (1 - a) / (1 - 1 / n)


def test_means_of_the_formula_over_active_latents_and_over_images(rng):
    z = rng.poisson(0.7, (40, 7))
    z[:, 3] = 0
    z[0] = np.array([1, 0, 0, 0, 0, 0, 0])
    live = [k for k in range(7) if k != 3]
    got = sparsity(z)
    lifetime = [treves_rolls([float(x) for x in z[:, k]]) for k in live]
    population = [treves_rolls([float(x) for x in row[live]]) for row in z if row.any()]
    silent = sum(not row.any() for row in z)
    assert got.lifetime == pytest.approx(np.mean(lifetime))
    assert got.population == pytest.approx(np.mean([*population, *[1.0] * silent]))
    assert (got.active, got.dead, got.images) == (6, 1, 40)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_closed_forms(dtype):
    one_hot, equal = np.eye(5, dtype=dtype), np.full((5, 5), 200, dtype=dtype)
    assert sparsity(one_hot).lifetime == pytest.approx(1.0)
    assert sparsity(one_hot).population == pytest.approx(1.0)
    assert sparsity(equal).lifetime == pytest.approx(0.0, abs=1e-12)
    half = np.array([[1, 1, 0, 0]], dtype=dtype)
    assert selectivity(half)[0] == pytest.approx((1 - 1 / 2) / (1 - 1 / 4))


def test_rate_scale_does_not_matter_and_lifetime_and_population_differ(rng):
    z = rng.poisson(np.linspace(0.1, 4, 9), (50, 9))
    got, scaled = sparsity(z), sparsity(3 * z)
    assert scaled.lifetime == pytest.approx(got.lifetime)
    assert abs(got.lifetime - got.population) > 0.01


def test_a_silent_code_has_no_sparsity():
    got = sparsity(np.zeros((3, 4), dtype=np.int32))
    assert np.isnan(got.lifetime) and np.isnan(got.population)
    assert (got.active, got.dead) == (0, 4)


def test_counts_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"counts: found \(0, 3\)"):
        sparsity(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="counts: found -2"):
        sparsity(np.array([[0, -2]]))


def test_selectivity_of_one_and_of_two_responses_by_hand():
    """Of 3 and 1: mean 2, mean square 5, so (1 - 4/5) / (1 - 1/2)."""
    found = selectivity(np.array([[3, 1], [1, 1], [0, 7], [0, 0]]))
    assert found == pytest.approx([0.4, 0.0, 1.0, 1.0])
    assert selectivity(np.array([[5], [0]])).tolist() == [1.0, 1.0]


def test_sparsity_of_three_latents_over_two_images_by_hand():
    """The third is dead: of (4, 0) and (2, 2) 1 and 0; of (4, 2) and (0, 2) 1 - 9/10 and 1."""
    found = sparsity(np.array([[4, 2, 0], [0, 2, 0]]))
    assert found.lifetime == pytest.approx((1 + 0) / 2)
    assert found.population == pytest.approx(((1 - 9 / 10) / (1 / 2) + 1) / 2)
    assert (found.active, found.dead, found.images) == (2, 1, 2)
    with pytest.raises(ValueError, match=r"counts: found \(3,\)"):
        sparsity(np.zeros(3))
