from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from ipvae.network.rules import poisson
from ipvae.network.rules.distribution import (
    distance_to_poisson,
    poisson_probabilities,
    probabilities,
)


def exact(log_rate):
    """The same law in rational numbers, term by term."""
    octaves = int(poisson.octaves_above(np.array(log_rate)))
    thresholds = poisson.interpolated_thresholds(np.array([log_rate - 4096 * octaves]))[0]
    edges = [0, *thresholds.tolist(), 2**24]
    single = [Fraction(b - a, 2**24) for a, b in pairwise(edges)]
    law = [Fraction(1)]
    for _ in range(2**octaves):
        law = [
            sum(law[i] * single[n - i] for i in range(len(law)) if 0 <= n - i < len(single))
            for n in range(len(law) + len(single) - 1)
        ]
    return np.array([float(p) for p in law])


@pytest.mark.parametrize("log_rate", [-49152, -20001, 0, 12288, 12289, 16384, 16385, 20480])
def test_law_of_a_draw_equals_the_one_in_rational_numbers(log_rate):
    law = exact(log_rate)
    found = probabilities(np.array([log_rate]))[0]
    np.testing.assert_allclose(found[: len(law)], law, rtol=0, atol=1e-13)
    assert found[len(law) :].max(initial=0) < 1e-13


def test_law_is_the_frequency_of_what_all_uniforms_draw():
    """Every 64th of the 2**24 uniforms, so that each probability is met within 64 / 2**24."""
    uniform = np.arange(0, 2**24, 64, dtype=np.uint32)
    for log_rate in (-6868, 9001, 12288):
        at = np.full(uniform.shape, log_rate)
        counts = np.bincount(poisson.draw(at, lambda *_: uniform), minlength=865)
        difference = counts / len(uniform) - probabilities(np.array([log_rate]))[0]
        assert np.abs(difference).max() <= 64 / 2**24


def test_limit_of_counts_takes_the_probability_of_all_above():
    free, limited = (probabilities(np.array([20000, 0]), c) for c in (None, 15))
    np.testing.assert_allclose(limited[:, :15], free[:, :15])
    np.testing.assert_allclose(limited.sum(axis=1), 1)
    assert limited.shape == (2, 16)


def test_poisson_probabilities_have_the_rate_as_mean_and_variance():
    log_rate = np.array([-49152, -4096, 0, 12288, 32768])
    rate = 2.0 ** (log_rate / 4096)
    law, n = poisson_probabilities(log_rate), np.arange(865)
    np.testing.assert_allclose(law.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(law @ n, rate, rtol=1e-12)
    np.testing.assert_allclose(law @ n**2 - rate**2, rate, rtol=1e-9)


def test_a_distance_is_found_where_there_is_one(monkeypatch):
    """A table of a rate one row higher (2.2 %) is about 0.8 % away at rate 1."""
    assert distance_to_poisson(np.array([0]))[0] < 3e-5
    shifted = np.roll(poisson.thresholds(), -1, axis=0)
    monkeypatch.setattr(poisson, "thresholds", lambda: shifted)
    distance, mean_error = distance_to_poisson(np.array([0]))
    np.testing.assert_allclose(distance, 0.008, atol=5e-4)
    np.testing.assert_allclose(mean_error, 2 ** (1 / 32) - 1, atol=1e-4)


def test_log_rates_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"outside -49152\.\.32768"):
        probabilities(np.array([32769]))
