"""Rotation and jitter: paths of each image, and the frames that they give."""

import numpy as np
import pytest

from ipvae.evaluation.motion.frames import cropped, rotated
from ipvae.evaluation.motion.paths import NATURAL, PADDED, Jitter, angles, places

FAR = (10**6, 10**6)


def test_an_angle_grows_by_eight_degrees_from_a_uniform_start():
    starts = np.array([angles(5, 3, i)[0] for i in range(400)])
    assert np.allclose(np.diff(angles(50, 3, 0)), 8.0)
    assert starts.min() >= 0 and starts.max() < 360
    # 400 uniform starts: the mean is within 4.5 standard errors of 180 but in 7 cases of a million
    assert abs(starts.mean() - 180) < 4.5 * 360 / np.sqrt(12 * 400)
    assert np.allclose(np.diff(angles(5, 3, 0, degrees=-3.5)), -3.5)


@pytest.mark.parametrize("jitter", [PADDED, NATURAL])
def test_a_place_walks_with_the_stated_variance_and_pull(jitter):
    """Stationary variance D / (2 h - h**2) on each axis, of one walk of 400,000 frames.

    Its effective number of samples is about 400,000 h: the variance is within 5 standard errors,
    and so is the mean. Rounding to whole pixels adds 1/12.
    """
    frames, h = 400_000, jitter.pull
    found = places(frames, 5, 0, jitter, FAR)[1000:]
    expected = jitter.diffusion / (2 * h - h * h) + 1 / 12
    error = 5 * np.sqrt(2 / (frames * h))
    assert np.allclose(found.var(axis=0), expected, rtol=error)
    assert np.abs(found.mean(axis=0)).max() < 5 * np.sqrt(2 * expected / (frames * h))
    lagged = np.mean(found[1:] * found[:-1], axis=0) / (expected - 1 / 12)
    assert np.allclose(lagged, 1 - h, atol=error)


def test_steps_follow_the_rule_and_stop_at_the_room():
    pulled = places(40, 1, 0, Jitter(0.0, 0.5), FAR)
    assert not pulled.any()
    walk = places(500, 1, 0, Jitter(4.0, 0.0), (3, 1))
    assert np.abs(walk).max(axis=0).tolist() == [3, 1] and not walk[0].any()


def test_paths_depend_on_seed_and_image_alone():
    one = places(30, 7, 2, PADDED, FAR)
    assert np.array_equal(one, places(60, 7, 2, PADDED, FAR)[:30])
    assert not np.array_equal(one, places(30, 7, 3, PADDED, FAR))
    assert not np.array_equal(one, places(30, 8, 2, PADDED, FAR))
    assert angles(1, 7, 2)[0] != angles(1, 7, 3)[0]


@pytest.mark.parametrize("shape", [(6, 6), (5, 5), (4, 7)])
def test_quarter_turns_are_exact(shape, rng):
    image = rng.integers(-100, 100, shape)
    found = rotated(image, np.array([0.0, 90.0, 180.0, 360.0]))
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found[0], image)
    np.testing.assert_array_equal(found[2], np.rot90(image, 2))
    np.testing.assert_array_equal(found[3], image)
    if shape[0] == shape[1]:
        np.testing.assert_array_equal(found[1], np.rot90(image))


def test_rotation_is_scipys(rng):
    rotate = pytest.importorskip("scipy.ndimage").rotate
    image = np.pad(rng.random((9, 9)), 5)  # at the border scipy fills otherwise
    for degrees in (8.0, 37.5, 200.0):
        expected = rotate(image, degrees, reshape=False, order=1, mode="constant")
        found = rotated(image, np.array([degrees]))[0]
        np.testing.assert_allclose(found, expected, atol=1e-7)


def test_integers_are_rounded_within_their_range():
    image = np.full((8, 8), 255, np.uint8)
    found = rotated(image, np.arange(0, 360, 8.0))
    assert found.dtype == np.uint8 and found[:, 3:5, 3:5].min() == 255


def test_a_crop_is_the_image_at_a_place():
    image = np.arange(35).reshape(5, 7)
    found = cropped(image, np.array([[0, 0], [1, -2], [9, 0]]), (3, 3))
    np.testing.assert_array_equal(found[0], image[1:4, 2:5])
    np.testing.assert_array_equal(found[1], image[2:5, 0:3])
    assert not found[2].any()
    moved = cropped(image, np.array([[-1, 0]]), (5, 7))[0]
    np.testing.assert_array_equal(moved[1:], image[:-1])
    assert not moved[0].any()
