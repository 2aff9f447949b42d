import numpy as np

from ipvae.export.correction import mean_activity, mean_correction


def test_mean_input_is_restored(rng):
    exact, counts = rng.normal(size=(7, 7)), rng.poisson(2.0, (50, 7))
    runs, mean = np.rint(exact), counts.mean(axis=0)
    drive = rng.normal(size=7)
    corrected = drive + mean_correction(exact, runs, mean) - counts @ runs.T
    np.testing.assert_allclose(corrected.mean(axis=0), (drive - counts @ exact.T).mean(axis=0))


def test_no_error_needs_no_correction(rng):
    exact = rng.normal(size=(5, 5))
    assert not mean_correction(exact, exact, rng.random(5)).any()


def test_octaves_of_time_weigh_the_same():
    steps = [np.full((4, 2), value) for value in (99, 6, 1, 3, 4, 4, 4)]  # the last group is cut
    np.testing.assert_allclose(mean_activity(steps), np.full(2, (6 + 2 + 4) / 3))
