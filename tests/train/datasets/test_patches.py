import sys

import numpy as np
import pytest

from ipvae.errors import DataError
from ipvae.train.datasets import patches as module
from ipvae.train.datasets.films import films
from ipvae.train.datasets.images import load_images
from ipvae.train.datasets.patches import STEPS_PER_DEVIATION, cut, whiten

pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def images():
    return load_images("patches")


def test_pixels_are_signed_integers_of_a_stated_scale(images):
    assert images.train_pixels.dtype == images.test_pixels.dtype == np.int16
    assert (images.train_pixels.min(), images.train_pixels.max()) == (-128, 127)
    assert images.info.scale == 1 / STEPS_PER_DEVIATION
    np.testing.assert_array_equal(
        images.train, images.train_pixels * np.float32(1 / STEPS_PER_DEVIATION)
    )
    assert np.mean(np.abs(images.train_pixels) >= 127) < 1e-3
    # Rounded to 1/24 and cut above 5.3 deviations: the sharpest patches lose most.
    for part in (images.train, images.test):
        assert np.abs(part.mean(axis=1)).max() < 0.05
        assert np.quantile(part.std(axis=1), 0.1) > 0.98 and part.std(axis=1).max() < 1.01


def test_images_without_contrast_end_no_search():
    flat, sharp = np.zeros((20, 20)), np.random.default_rng(0).normal(size=(20, 20))
    assert cut([flat, sharp], 5, 1).std(axis=1).min() > 0.5


def test_patches_are_the_same_every_time(images):
    again = load_images("patches")
    np.testing.assert_array_equal(images.train_pixels, again.train_pixels)
    np.testing.assert_array_equal(images.test_pixels, again.test_pixels)


def test_the_first_patches_are_the_first_of_all(images):
    train, test = module.patches(300, 7)
    np.testing.assert_array_equal(train, images.train_pixels[:300])
    np.testing.assert_array_equal(test, images.test_pixels[:7])
    few = load_images("patches", first=(300, 7))
    assert (len(few.train_pixels), len(few.test_pixels)) == (300, 7)


@pytest.mark.parametrize(("package", "named"), [("skimage", "image"), ("sklearn", "learn")])
def test_a_package_whose_photographs_are_missing_is_named(monkeypatch, package, named):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match=f"scikit-{named} is not installed"):
        module.photographs()


def test_training_and_test_patches_come_from_different_places(images, monkeypatch):
    """Each photograph's columns are numbered; a patch tells where it was cut."""
    columns = np.tile(np.arange(400.0), (50, 1))
    monkeypatch.setattr(module, "photographs", lambda: [columns])
    monkeypatch.setattr(module, "whiten", lambda image: image)
    seen = []
    monkeypatch.setattr(module, "cut", lambda *given: seen.append(cut(*given)) or seen[-1])
    module.patches()
    train, test = (set(np.unique(part).tolist()) for part in seen)
    assert not train & test
    assert train | test <= set(range(400))
    assert len(test) > 70


def test_whitening_flattens_the_spectrum_of_a_photograph():
    """Power of 1/f**2 becomes level: between 1/16 and 1/4 cycles it stays within a factor of 4."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    frequency[0, 0] = 1.0
    pink = np.fft.ifft2(np.fft.fft2(rng.normal(size=(256, 256))) / frequency).real
    power = np.abs(np.fft.fft2(whiten(pink))) ** 2
    rings = [
        power[(frequency > low) & (frequency <= 2 * low)].mean() for low in (1 / 32, 1 / 16, 1 / 8)
    ]
    assert max(rings) / min(rings) < 4
    raw = np.abs(np.fft.fft2(pink)) ** 2
    assert raw[(frequency <= 1 / 16)].mean() / raw[(frequency > 1 / 4)].mean() > 40


def test_every_place_of_an_image_can_be_cut():
    image = np.arange(17 * 18.0).reshape(17, 18)
    corners = {tuple(patch[[0, -1]].tolist()) for patch in cut([image], 200, 1)}
    assert len(corners) == 2 * 3


def test_a_package_that_an_import_hook_refuses_is_one_line(monkeypatch):
    def refused(name):
        raise ImportError(f"{name} is refused")

    monkeypatch.setattr(module, "find_spec", refused)
    with pytest.raises(DataError, match="is not installed, whose photographs it takes"):
        module.photographs()


def test_windows_of_moving_crops_are_of_disjoint_strips_and_each_frame_has_one_contrast():
    moving = load_images("photographs-jitter", first=(60, 20))
    assert moving.windows is not None
    train, test = moving.windows
    assert (train.shape, test.shape) == ((60, 32, 32), (20, 32, 32))
    centre = train[:, 8:24, 8:24].reshape(60, -1).astype(np.float64)
    np.testing.assert_array_equal(moving.train_pixels, module.to_pixels(centre))
    assert centre.std(axis=1).min() >= 0.5
    made = films(moving, np.arange(20), "jitter", 6, 3)
    assert made.shape == (20, 6, 256) and made.dtype == np.float32
    contrast = made.std(axis=2)  # of sharp patches the largest values are clipped
    assert contrast.max() < 1.02 and np.median(contrast) > 0.98
    assert (made[:, 0] == moving.train[:20]).all()
    assert (np.abs(np.diff(made, axis=1)).max(axis=(1, 2)) > 0).all()
    shown = films(moving, np.arange(20), "jitter", 2, 3, held_out=True)
    assert (shown[:, 0] == moving.test).all()
