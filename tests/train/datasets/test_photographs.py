"""Preset photographs: preprocessing, and a split by whole photographs."""

import sys

import numpy as np
import pytest

from ipvae.errors import DataError
from ipvae.train.datasets import patches
from ipvae.train.datasets.images import load_images
from ipvae.train.datasets.photographs import (
    HELD_OUT,
    LEAST_CONTRAST,
    SIDE,
    crops,
    photographs,
    prepare,
)

pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def parts():
    return {held_out: photographs(held_out=held_out) for held_out in (False, True)}


def found_in(crop, images):
    """Whether a crop occurs in one of the images."""
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))
        corners = windows[:, :, 0, 0] == crop[0, 0]
        for row, column in zip(*np.nonzero(corners), strict=True):
            if np.array_equal(windows[row, column], crop):
                return True
    return False


def test_two_whole_photographs_are_held_out(parts):
    assert set(parts[True]) == set(HELD_OUT)
    assert len(parts[False]) == 5
    assert set(parts[False]) | set(HELD_OUT) == set(patches.names())
    train, test = (pixels.reshape(-1, SIDE, SIDE) for pixels in crops(10, 6))
    train_images, test_images = (list(parts[held_out].values()) for held_out in (False, True))
    for crop in train[:5]:
        assert found_in(crop, train_images) and not found_in(crop, test_images)
    for crop in test[:4]:
        assert found_in(crop, test_images) and not found_in(crop, train_images)


def test_whole_photographs_are_integers_of_a_stated_scale(parts):
    for image in [*parts[False].values(), *parts[True].values()]:
        assert image.dtype == np.int16
        assert np.mean(np.abs(image) >= 127) < 1e-3
        assert 0.4 < image.std() / patches.STEPS_PER_DEVIATION < 1.0


def test_local_contrast_is_equalized_and_faint_regions_stay_faint():
    rng = np.random.default_rng(0)
    contrast = np.repeat([4.0, 1.0, 0.02], 80)
    image = rng.normal(size=(160, 240)) * contrast
    found = prepare(image)
    strong, medium, faint = (found[:, left + 30 : left + 50].std() for left in (0, 80, 160))
    assert 0.9 < strong < 1.1
    assert medium / strong > 1.5 / 4.0
    assert faint < 0.1
    assert np.allclose(prepare(7.0 * image + 3.0), found)


def test_crops_are_the_same_every_time_and_the_first_are_a_beginning():
    train, test = crops(12, 5)
    again = load_images("photographs", first=(8, 3))
    assert again.shape == (SIDE, SIDE) and again.channels == 1
    assert np.array_equal(again.train_pixels, train[:8])
    assert np.array_equal(again.test_pixels, test[:3])
    least = LEAST_CONTRAST * patches.STEPS_PER_DEVIATION
    assert min(train.std(axis=1).min(), test.std(axis=1).min()) >= least


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(DataError, match="preset photographs: scikit-image is not installed"):
        load_images("photographs", first=(1, 1))
