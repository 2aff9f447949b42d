"""Samples of the prior have the mean and the variance of Poisson counts read out."""

import numpy as np
import pytest

from ipvae.evaluation.prior import prior_samples


def test_moments_of_samples(rng):
    u0, phi, n = np.array([-1.0, 0.5, -40.0]), rng.normal(size=(4, 3)), 40_000
    got = prior_samples(u0, phi, n, seed=5)
    rate = np.exp(u0)
    variance = (phi**2 * rate).sum(axis=1)
    assert got.shape == (n, 4)
    # 5 deviations of a mean of n draws; for the variance, twice a normal law's
    np.testing.assert_array_less(np.abs(got.mean(axis=0) - phi @ rate), 5 * np.sqrt(variance / n))
    np.testing.assert_allclose(got.var(axis=0), variance, rtol=10 * np.sqrt(2 / n))
    np.testing.assert_array_equal(got, prior_samples(u0, phi, n, seed=5))


def test_shapes_and_rates_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"u0: found \(2,\), phi \(4, 3\)"):
        prior_samples(np.zeros(2), np.zeros((4, 3)), 1)
    with pytest.raises(ValueError, match="u0: found 41"):
        prior_samples(np.full(3, 41.0), np.zeros((4, 3)), 1)
