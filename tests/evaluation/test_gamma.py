"""Tails of chi-square, Poisson and Pearson's type III: against SciPy, and against mpmath."""

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from ipvae.evaluation import gamma

LEAST = 1e-290


def largest_error(found, expected):
    """Relative, of the values that are not lost to underflow."""
    kept = expected > LEAST
    assert kept.any()
    assert (found[~kept] <= 2 * LEAST).all()
    return np.abs(found[kept] / expected[kept] - 1.0).max()


def test_both_tails_are_scipys(rng):
    order = np.exp(rng.uniform(np.log(0.5), np.log(9e4), 3000))
    at = np.maximum(order + rng.normal(0, 8, 3000) * np.sqrt(order), 1e-3)
    lower, upper = gamma.incomplete(order, at)
    assert largest_error(lower, special.gammainc(order, at)) < 1e-9
    assert largest_error(upper, special.gammaincc(order, at)) < 1e-9
    assert gamma.incomplete(2.5, 0.0) == (0.0, 1.0)


@pytest.mark.parametrize("degrees", [1, 2, 63, 500])
def test_chi_square_is_scipys(degrees):
    values = np.linspace(0.0, 3.0 * degrees, 20)
    found = np.array([gamma.chi_square_above(value, degrees) for value in values])
    assert largest_error(found, stats.chi2.sf(values, degrees)) < 1e-11


def test_poisson_is_scipys(rng):
    count, rate = rng.integers(-2, 300, 2000), np.exp(rng.uniform(-8, 6, 2000))
    at_most, at_least = gamma.poisson_tails(count, rate)
    assert largest_error(at_most, stats.poisson.cdf(count, rate)) < 1e-9
    assert largest_error(at_least, stats.poisson.sf(count - 1, rate)) < 1e-8


def pearson3_by_integration(value, skew):
    """The tail on the value's own side, in 40 digits."""
    with mpmath.workdps(40):
        skew, a = mpmath.mpf(skew), 4 / mpmath.mpf(skew) ** 2
        log_scale = a * mpmath.log(a) - a - mpmath.loggamma(a) - mpmath.log(a)

        def density(t):
            inside = 1 + t * skew / 2
            if inside <= 0:
                return mpmath.mpf(0)
            power = (a - 1) * mpmath.log(inside) - 2 * t / skew + log_scale
            return mpmath.exp(power) * abs(2 / skew)

        sign = -1 if value < 0 else 1
        places = [value + sign * away for away in (0, 0.5, 1, 2, 4, 8, 16, 30)]
        return abs(float(mpmath.mpf(mpmath.quad(density, places))))


@pytest.mark.parametrize("skew", [1.7e-5, -1e-4, 1e-3, -6.4e-3, 0.1, -0.5])
@pytest.mark.parametrize("value", [-5.0, -1.0, 0.5, 4.0])
def test_pearson3_is_its_integral(skew, value):
    """SciPy is far off here: at -5 and a skew of 1e-4 its tail is 0.41 of the integral."""
    found = gamma.pearson3_tails(value, skew)[int(value > 0)]
    assert found == pytest.approx(pearson3_by_integration(value, skew), rel=1e-9)


def test_pearson3_of_no_skew_is_the_normal_law_and_ends_where_it_must():
    assert gamma.pearson3_tails(1.0, 0.0) == pytest.approx((stats.norm.cdf(1), stats.norm.sf(1)))
    assert gamma.pearson3_tails(-3.0, 1.0) == (0.0, 1.0)
    assert gamma.pearson3_tails(3.0, -1.0) == (1.0, 0.0)
    assert gamma.pearson3_tails(60.0, 1e-4) == (1.0, 0.0)
