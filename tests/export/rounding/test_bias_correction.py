import numpy as np

from ipvae.export.rounding.bias_correction import LOG_STEPS, mean_correction


def test_mean_input_is_restored(rng):
    exact, counts = rng.normal(size=(7, 7)), rng.poisson(2.0, (50, 7))
    runs, mean = np.rint(exact), counts.mean(axis=0)
    drive = rng.normal(size=7)
    corrected = drive + mean_correction(exact, runs, mean) - counts @ runs.T
    np.testing.assert_allclose(corrected.mean(axis=0), (drive - counts @ exact.T).mean(axis=0))


def test_no_error_needs_no_correction(rng):
    exact = rng.normal(size=(5, 5))
    assert not mean_correction(exact, exact, rng.random(5)).any()


def test_steps_of_the_mean_are_even_in_the_logarithm_of_time():
    ratios = np.diff(np.log2(LOG_STEPS))
    assert LOG_STEPS[0] == 1 and ratios.max() <= 1.0 and ratios[3:].min() > 0.4


def test_steps_are_equally_far_apart_in_the_logarithm_of_time():
    """Powers of two up to 512, and between them one and a half times each from 2 on."""
    powers = {2**n for n in range(10)} | {3 * 2**n for n in range(8)}
    assert list(LOG_STEPS) == sorted(powers)
