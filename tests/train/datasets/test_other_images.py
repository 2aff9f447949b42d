"""Faces, photographs and other handwriting: sets that no preset trains on."""

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ipvae.errors import DataError
from ipvae.train.datasets import other_images as module
from ipvae.train.datasets.other_images import LEAST_DEVIATION, NAMES, other_images


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (10, 20)])
def test_images_have_the_size_that_was_asked_for(name, shape):
    images, labels = other_images(name, *shape)
    assert images.shape == (len(labels), *shape)
    assert images.min() >= 0 and images.max() <= 1
    assert images.std(axis=(1, 2)).min() > 0.02


def test_faces_are_those_of_scikit_image_without_crops_of_one_grey():
    from skimage.data import lfw_subset

    images, labels = other_images("faces", 25, 25)
    assert (np.count_nonzero(labels == 1), np.count_nonzero(labels == 0)) == (100, 76)
    source = lfw_subset()
    left = source[100:][source[100:].std(axis=(1, 2)) >= LEAST_DEVIATION]
    np.testing.assert_allclose(images[labels == 1], source[:100], atol=1e-12)
    np.testing.assert_allclose(images[labels == 0], left, atol=1e-12)
    assert labels[:8].tolist() == [1, 0] * 4  # the first images are of both kinds


def test_digits_keep_their_labels_and_pixels():
    images, labels = other_images("digits", 8, 8)
    digits: Any = load_digits()
    np.testing.assert_array_equal(labels, digits.target)
    np.testing.assert_allclose(images, digits.images / 16, atol=1e-12)


def test_a_frame_is_black_and_of_mnists_proportions():
    images, labels = other_images("digits-framed", 28, 28)
    inside = np.zeros((28, 28), bool)
    inside[4:24, 4:24] = True
    assert not images[:, ~inside].any()
    plain, same = other_images("digits", 20, 20)
    np.testing.assert_array_equal(images[:, 4:24, 4:24], plain)
    np.testing.assert_array_equal(labels, same)


def test_photographs_are_crops_of_shrunk_photographs():
    images, labels = other_images("photographs", 16, 16)
    assert (labels == -1).all()
    again, _ = other_images("photographs", 16, 16)
    np.testing.assert_array_equal(images, again)
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 900
    camera = module._shrunk(module.photographs()[1])
    windows = np.lib.stride_tricks.sliding_window_view(camera, (16, 16)).reshape(-1, 256)
    for crop in images[1::7][:5]:  # photographs come in turn
        assert (windows == crop.reshape(-1)).all(axis=1).any()


def test_a_photograph_is_shrunk_by_means_of_blocks():
    photograph = np.arange(9 * 8, dtype=float).reshape(9, 8)
    assert module._shrunk(photograph).tolist() == [
        [photograph[a : a + 4, b : b + 4].mean() for b in (0, 4)] for a in (0, 4)
    ]


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(DataError, match="'cars'; allowed are faces, photographs, digits"):
        other_images("cars", 8, 8)
    with pytest.raises(DataError, match="200x28 pixels are wanted; allowed are up to 75x112"):
        other_images("photographs", 200, 28)
    with pytest.raises(DataError, match="images of one pixel are wanted, which have no contrast"):
        other_images("photographs", 1, 1)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(DataError, match="scikit-image is not installed"):
        other_images("faces", 8, 8)
