"""A user's own images as a data set: which integer pixels represent them, what is held out."""

import logging

import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.float_models.config import images_config
from ipvae.workflows.training.data_set import own_data_set, pixel_reading

N, SIDE = 40, 4


def ramp(low, high, dtype):
    """Images (N, SIDE, SIDE) with evenly spaced values from low to high."""
    return np.linspace(low, high, N * SIDE * SIDE).reshape(N, SIDE, SIDE).astype(dtype)


def levels(low, high, dtype):
    return np.resize(np.arange(low, high + 1), (N, SIDE, SIDE)).astype(dtype)


@pytest.mark.parametrize(
    ("images", "low", "high", "scale", "unit"),
    [
        (levels(0, 16, np.uint8), 0, 16, None, 1.0),
        (levels(0, 250, np.uint8), 0, 255, None, 1.0),
        (levels(0, 300, np.int64), 0, 300, None, 1.0),
        (levels(0, 1, bool), 0, 1, None, 1.0),
        (levels(-24, 24, np.int16), -24, 24, 1 / 16, 1.0),  # deviation 14
        (levels(0, 16, np.float64), 0, 16, 1.0, 16.0),
        (levels(0, 255, np.float32), 0, 255, 1.0, 256.0),
        (levels(0, 255, np.float32) / 255, 0, 255, None, 1.0),
        (levels(0, 1, np.float32), 0, 255, None, 1.0),
        (levels(0, 100, np.float64) / 255, 0, 100, 1 / 255, 0.5),
        (ramp(0, 1, np.float32), 0, 4095, 2**-11, 1.0),
        (ramp(0, 100, np.float64), 0, 4095, 2**-5, 128.0),
        (ramp(-3, 3, np.float64), -4096, 4095, 2**-10, 2.0),  # deviation 1.7
        (ramp(-300, 100, np.float64), -4096, 4095, 2**-3, 128.0),  # root mean square 153
        (ramp(0, 1e-6, np.float64), 0, 4095, 2**-31, 2**-19),
    ],
)
def test_the_range_decides_on_the_integer_pixels(images, low, high, scale, unit):
    found = own_data_set(images, None, None, 0)
    assert (found.pixel_min, found.pixel_max) == (low, high)
    assert (found.pixel_scale, found.unit) == (scale, unit)
    pixels = np.concatenate([found.train_pixels, found.test_pixels])
    assert low <= pixels.min() and pixels.max() <= high
    step = found.info.scale if images.dtype.kind == "f" else 1
    order = np.lexsort((pixels * step).T)
    flat = images.reshape(N, -1).astype(float)
    want = flat[np.lexsort(flat.T)]
    np.testing.assert_allclose((pixels * step)[order], want, atol=0.51 * step, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((N, 16), (4, 4)),
        ((N, 12), (1, 12)),
        ((N, 3, 4), (3, 4)),
        ((N, 1, 3, 4), (3, 4)),
        ((N, 3, 4, 1), (3, 4)),
    ],
)
def test_shapes(shape, sides, rng):
    images = rng.integers(0, 9, shape)
    found = own_data_set(images, None, None, 0)
    assert found.shape == sides
    flat = {tuple(row) for row in images.reshape(N, -1)}
    assert {tuple(row) for row in (*found.train_pixels, *found.test_pixels)} == flat
    assert own_data_set(images.reshape(N, -1), None, sides, 0).shape == sides


def test_one_of_ten_is_held_out_by_the_seed_and_no_more_than_500(rng):
    images = np.arange(6000)[:, None] % 251 + np.zeros((1, 4), int)
    found = {seed: own_data_set(images, None, None, seed) for seed in (0, 1)}
    assert [len(found[0].train_pixels), len(found[0].test_pixels)] == [5500, 500]
    assert not np.array_equal(found[0].test_pixels, found[1].test_pixels)
    again = own_data_set(images, None, None, 0)
    np.testing.assert_array_equal(again.test_pixels, found[0].test_pixels)
    assert len(own_data_set(images[:3], None, None, 0).test_pixels) == 1
    test = rng.integers(0, 200, (7, 4))
    given = own_data_set(images, test, None, 0)
    np.testing.assert_array_equal(given.test_pixels, test)
    np.testing.assert_array_equal(given.train_pixels, images)


def test_what_was_found_is_logged(caplog):
    caplog.set_level(logging.INFO, "ipvae")
    own_data_set(levels(0, 16, np.float64), None, None, 0)
    own_data_set(levels(0, 200, np.uint8), None, None, 0)
    assert caplog.messages[-2:] == [
        "images: 40 of 4 x 4 pixels, real values from 0 to 16, as integer pixels 0..16, 1 a step; "
        "4 are held out (chosen by the seed)",
        "images: 40 of 4 x 4 pixels, levels from 0 to 200, as integer pixels 0..255; "
        "4 are held out (chosen by the seed)",
    ]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 9)), "found only pixels of 0"),
        (np.ones((1, 9)), "found 1, allowed 2 and above, one to hold out"),
        (np.ones(9), r"found shape \(9,\), allowed \(n, pixels\)"),
        (np.ones((0, 9)), r"found shape \(0, 9\)"),
        (np.ones((5, 3, 8, 8)), r"found shape \(5, 3, 8, 8\)"),
        (np.full((4, 9), np.nan), "not finite"),
        (np.full((4, 9), 70_000), r"found integers 70000..70000, allowed -32768..32767"),
        (np.full((4, 9), 1e12), r"found real values up to 1e\+12, allowed 1e-09 to 1e\+09"),
        (np.ones((4, 9), complex), "found dtype .* allowed real numbers"),
        (np.array([["a"]]), "found dtype .* allowed real numbers"),
    ],
)
def test_images_that_cannot_be_trained_on(images, message):
    with pytest.raises(InputError, match=f"images: .*{message}"):
        own_data_set(images, None, None, 0)


def test_held_out_images_must_be_of_the_same_size_and_kind():
    images = np.ones((4, 9))
    for test in (np.ones((4, 16)), np.ones((4, 9), int)):
        with pytest.raises(InputError, match="test_images: found .*allowed 3 x 3 of the same"):
            own_data_set(images, test, None, 0)


def test_both_sets_share_one_range():
    images = levels(0, 16, np.uint8)
    assert pixel_reading([images, levels(0, 20, np.uint8)]).maximum == 20


def test_settings_follow_the_nearest_preset_and_the_number_of_images():
    digits = images_config(1437, 64, False)
    assert (digits.preset, digits.latents, digits.steps, digits.epochs) == ("arrays", 64, 16, 400)
    large = images_config(60_000, 784, False)
    assert (large.latents, large.batch_size, large.epochs, large.beta) == (512, 200, 20, 8.0)
    signed = images_config(20_000, 256, True)
    assert (signed.latents, signed.steps, signed.step_size) == (256, 64, 0.1)
    assert images_config(5, 64, False).epochs == 1000
    assert images_config(1437, 64, False, latents=500).learning_rate == large.learning_rate


def test_beta_goes_with_the_updates_and_is_small_where_training_is_short():
    whole = images_config(1437, 64, False)
    assert images_config(1437, 64, False, steps=32).beta == 2 * whole.beta
    assert images_config(1437, 64, False, epochs=40).beta == pytest.approx(whole.beta / 10)
    assert images_config(1437, 64, False, epochs=4000).beta == whole.beta
    assert images_config(1437, 64, False, epochs=40, beta=3.0).beta == 3.0
    assert images_config(1437, 64, False, model="pvae-mlp").beta == 1.0


def test_labels_go_with_their_images(tmp_path):
    images = np.arange(1, 41, dtype=np.uint8)[:, None] * np.ones((1, 4), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(1, 41))
    found = own_data_set(tmp_path / "x.npz", None, None, 0)
    for pixels, labels in (
        (found.train_pixels, found.train_labels),
        (found.test_pixels, found.test_labels),
    ):
        assert np.array_equal(pixels[:, 0], labels)
    given = own_data_set(tmp_path / "x.npz", tmp_path / "x.npz", None, 0)
    assert given.test_labels.tolist() == list(range(1, 41))


def test_flat_images_of_no_square_are_reported_as_they_are_taken(caplog):
    caplog.set_level(logging.INFO, "ipvae")
    own_data_set(np.ones((4, 12)) * [[1], [2], [3], [4]], None, None, 0)
    assert "12 pixels each, which is no square: taken as one row" in caplog.text
    assert "image_shape=" in caplog.text


def test_arrays_in_colour_are_refused_with_the_way_to_grey():
    with pytest.raises(InputError, match=r"in colour.*@ \[0.299, 0.587, 0.114\]"):
        own_data_set(np.ones((4, 5, 6, 3)), None, None, 0)
