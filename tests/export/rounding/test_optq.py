import numpy as np
import pytest

from ipvae.errors import QuantizationError
from ipvae.export.rounding.optq import DAMPING, CalibrationMoments, compensated
from ipvae.export.rounding.power_of_two_scale import recurrent_grid

ANY = (-64, 64)


@pytest.fixture
def presynaptic(rng):
    """Counts of 30 neurons, 4000 times: neighbours fire together, most of them rarely."""
    common = rng.normal(size=(4000, 10)).repeat(3, axis=1)
    return rng.poisson(np.exp(common - 0.5))


def lost(runs, values, activity):
    change = runs - values
    return np.sqrt(np.vdot(change @ activity.covariance, change))


def test_activity_is_mean_and_covariance(presynaptic):
    found = CalibrationMoments.of(presynaptic)
    np.testing.assert_allclose(found.mean, presynaptic.mean(axis=0))
    np.testing.assert_allclose(found.covariance, np.cov(presynaptic.T, bias=True), atol=1e-9)


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_lie_on_the_grid_within_their_range(rng, presynaptic, bits):
    values = rng.normal(size=(20, 30))
    runs, exponent = compensated(
        values, CalibrationMoments.of(presynaptic).covariance, bits, ANY, "w"
    )
    integers = runs / 2.0**exponent
    np.testing.assert_array_equal(integers, np.rint(integers))
    assert np.abs(integers).max() <= 2 ** (bits - 1) - 1


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_what_arrives_is_nearer_than_with_each_weight_at_its_nearest(rng, presynaptic, bits):
    values, activity = rng.normal(size=(20, 30)), CalibrationMoments.of(presynaptic)
    integers, exponent = recurrent_grid(values, bits, ANY, "w")
    runs, _ = compensated(values, activity.covariance, bits, ANY, "w")
    nearest = lost(integers * 2.0**exponent, values, activity)
    assert lost(runs, values, activity) < 0.9 * nearest


def test_hardly_any_weight_is_better_on_another_integer(rng, presynaptic):
    values, covariance = rng.normal(size=(8, 30)), CalibrationMoments.of(presynaptic).covariance
    runs, exponent = compensated(values, covariance, 6, ANY, "w")
    damped = covariance + np.eye(30) * DAMPING * np.diag(covariance).mean()
    felt = (runs - values) @ damped
    step = 2.0**exponent
    gains = [move * step * (2 * felt + move * step * np.diag(damped)) < 0 for move in (-1, 1)]
    assert np.mean(gains) < 0.01
    nearest = np.rint(values / step) * step
    felt = (nearest - values) @ damped
    gains = [move * step * (2 * felt + move * step * np.diag(damped)) < 0 for move in (-1, 1)]
    assert np.mean(gains) > 0.05


def test_independent_senders_leave_nothing_to_make_good(rng):
    values = rng.normal(size=(10, 12))
    integers, exponent = recurrent_grid(values, 8, ANY, "w")
    runs, found = compensated(values, np.eye(12), 8, (exponent, 64), "w")
    assert found == exponent
    np.testing.assert_array_equal(runs, integers * 2.0**exponent)


def test_what_a_neuron_does_to_itself_is_not_rounded_but_makes_good(rng, presynaptic):
    gram = rng.normal(size=(30, 30)) + 5 * np.eye(30)
    activity = CalibrationMoments.of(presynaptic)
    runs, exponent = compensated(gram, activity.covariance, 4, ANY, "w", own=True)
    off = runs - np.diag(np.diag(runs))
    np.testing.assert_array_equal(off / 2.0**exponent, np.rint(off / 2.0**exponent))
    own = np.diag(runs)
    off_grid = np.abs(own / 2.0**exponent - np.rint(own / 2.0**exponent)) > 1e-6
    assert off_grid.sum() > 20
    exact = off + np.diag(np.diag(gram))
    assert lost(runs, gram, activity) < lost(exact, gram, activity)


def test_self_inhibition_does_not_fall_below_zero(rng, presynaptic):
    gram = rng.normal(size=(30, 30)) * (1 - np.eye(30))
    runs, _ = compensated(
        gram, CalibrationMoments.of(presynaptic).covariance, 3, ANY, "w", own=True
    )
    assert np.diag(runs).min() == 0 < np.diag(runs).max()


def test_senders_that_are_always_silent_are_rounded_all_the_same(rng):
    values = rng.normal(size=(5, 6))
    runs, exponent = compensated(values, np.zeros((6, 6)), 4, ANY, "w")
    assert (
        np.abs(runs - values).max() <= 2.0**exponent / 2 or np.abs(runs).max() == 7 * 2.0**exponent
    )


def test_values_that_no_exponent_fits_are_refused():
    with pytest.raises(QuantizationError, match=r"weight_rec: .* needs the scale 2\*\*8, allowed"):
        compensated(np.full((2, 2), 1000.0), np.eye(2), 4, (-6, 5), "weight_rec")
