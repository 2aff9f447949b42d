import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.network.description import InputFormat
from ipvae.network.pixels import load_array, to_pixels, to_real

FORMAT = InputFormat(0, 255, 1 / 255, (2, 3))


def test_float_images_are_divided_by_the_scale_and_rounded():
    pixels = to_pixels(np.array([[0, 0.5, 1, 0.2, 0.001, 0.003]]), FORMAT)
    assert pixels.tolist() == [[0, 128, 255, 51, 0, 1]]


def test_integer_images_are_taken_as_they_are():
    pixels = to_pixels(np.array([[0, 1, 255]], dtype=np.uint8), FORMAT)
    assert pixels.dtype == np.int16
    assert to_real(pixels, FORMAT).tolist() == [[0.0, 1 / 255, 1.0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.full((1, 6), 1.5), "declares 0..255"),
        (np.full((1, 6), np.nan), "not finite"),
        (np.full((1, 6), -1), "declares 0..255"),
    ],
)
def test_images_that_do_not_fit_are_refused(content, message):
    with pytest.raises(InputError, match=message):
        to_pixels(content, FORMAT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(6), "no array of images"),
        (np.ones((1, 6), bool), "no array of images"),
        (np.array([["a"] * 6]), "holds '<U1', allowed are numbers"),
    ],
)
def test_files_of_other_things_are_refused(tmp_path, content, message):
    np.save(tmp_path / "x.npy", content)
    with pytest.raises(InputError, match=message):
        load_array(tmp_path / "x.npy", "iuf", "(n, 6)")


def test_what_is_no_array_is_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"text")
    with pytest.raises(InputError, match="not an .npy file"):
        load_array(tmp_path / "x.npy", "iuf", "(n, 6)")
