"""Changed images: turned, shifted, inverted, noisy, fainter."""

from statistics import NormalDist

import numpy as np
import pytest

from ipvae.evaluation.changes import NAMES, Change, _uniforms, changed, noisy, salted
from ipvae.network.description import InputFormat

BYTES = InputFormat(0, 255, 1 / 255, (12, 12))
SIGNED = InputFormat(-128, 127, 1 / 24, (12, 12))
WIDE = InputFormat(0, 16, 1 / 16, (3, 5))


def some(fmt, n=4, seed=0):
    source = np.random.default_rng(seed)
    return source.integers(fmt.minimum, fmt.maximum + 1, (n, fmt.size)).astype(np.int16)


def apply(pixels, fmt, name, value=1.0, seed=0):
    return changed(pixels, fmt, Change(name, value), seed)


@pytest.mark.parametrize("fmt", [BYTES, SIGNED, WIDE])
@pytest.mark.parametrize(
    ("name", "value"),
    [("rotate", 0), ("rotate", 360), ("shift", 0), ("noise", 0), ("salt", 0), ("contrast", 1)],
)
def test_no_change_is_the_identity(fmt, name, value):
    pixels = some(fmt)
    found = apply(pixels, fmt, name, value)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("quarters", [-3, -1, 1, 2, 3, 5])
def test_quarter_turns_are_exact_and_counter_clockwise(quarters):
    pixels = some(BYTES)
    turned = apply(pixels, BYTES, "rotate", 90 * quarters).reshape(-1, 12, 12)
    expected = np.rot90(pixels.reshape(-1, 12, 12), quarters, axes=(1, 2))
    np.testing.assert_array_equal(turned, expected)


def test_rotation_is_linear_between_pixels():
    """Turned by 45 degrees, the pixel right of the centre is read half way along either axis."""
    fmt = InputFormat(0, 1000, 0.001, (3, 3))
    image = np.zeros((3, 3), np.int16)
    image[1, 2] = 1000
    turned = apply(image.reshape(1, 9), fmt, "rotate", 45).reshape(3, 3)
    half = np.sqrt(0.5)
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 2] = 1000 * half * (1 - half)
    np.testing.assert_array_equal(turned, np.rint(expected))


def test_rotation_there_and_back_keeps_smooth_images():
    rows, columns = np.mgrid[:12, :12] - 5.5
    blob = np.rint(200 * np.exp(-(rows**2 + (columns - 1) ** 2) / 4)).astype(np.int16)
    there = apply(blob.reshape(1, -1), BYTES, "rotate", 90.5)
    back = apply(there, BYTES, "rotate", -90.5)
    assert np.abs(there - blob.reshape(1, -1)).max() > 50
    assert np.abs(back - blob.reshape(1, -1)).max() <= 10


@pytest.mark.parametrize("fmt", [BYTES, SIGNED, WIDE])
@pytest.mark.parametrize("right", [1, 4, -2])
def test_shift_moves_and_fills_with_background(fmt, right):
    pixels = some(fmt)
    images = pixels.reshape(-1, *fmt.shape)
    moved = apply(pixels, fmt, "shift", right).reshape(images.shape)
    inside = moved[:, :, right:] if right > 0 else moved[:, :, :right]
    came_in = moved[:, :, :right] if right > 0 else moved[:, :, right:]
    kept = images[:, :, :-right] if right > 0 else images[:, :, -right:]
    np.testing.assert_array_equal(inside, kept)
    assert not came_in.any()


def test_inversion_of_unsigned_pixels_swaps_black_and_white_and_undoes_itself():
    pixels = some(BYTES)
    once = apply(pixels, BYTES, "invert")
    np.testing.assert_array_equal(once, 255 - pixels)
    np.testing.assert_array_equal(apply(once, BYTES, "invert"), pixels)


def test_inversion_of_signed_pixels_is_the_negative_within_the_range():
    found = apply(np.array([[-128, -1, 0, 5, 127] + [0] * 139], np.int16), SIGNED, "invert")
    assert found[0, :5].tolist() == [127, 1, 0, -5, -127]


def test_noise_has_the_deviation_that_was_asked_for():
    """Of n normal numbers the deviation is off by 1 / sqrt(2 n); six of these, and the mean's."""
    images = np.zeros((100, 28, 28))
    noise = noisy(images, 25.5, 3)
    n = noise.size
    assert abs(noise.std() / 25.5 - 1) < 6 / np.sqrt(2 * n)
    assert abs(noise.mean()) < 6 * 25.5 / np.sqrt(n)
    neighbours = (noise[:, :, 1:] * noise[:, :, :-1]).mean() / 25.5**2
    assert abs(neighbours) < 6 / np.sqrt(n * 27 / 28)


def test_noise_is_in_real_units_rounded_and_clipped():
    pixels = np.full((50, 144), 128, np.int16)
    found = apply(pixels, BYTES, "noise", 0.1)
    assert abs(found.std() - 25.5) < 6 * 25.5 / np.sqrt(2 * found.size)
    far = apply(pixels, BYTES, "noise", 3.0)
    assert (far.min(), far.max()) == (0, 255)
    of_signed = apply(np.zeros((50, 144), np.int16), SIGNED, "noise", 1.0)
    assert abs(of_signed.std() - 24) < 6 * 24 / np.sqrt(2 * of_signed.size)


def test_salt_sets_its_fraction_half_dark_half_light():
    images = np.full((100, 12, 12), 100.0)
    found = salted(images, 0.2, BYTES, 1)
    n = found.size
    for value in (0, 255):
        assert abs((found == value).mean() - 0.1) < 6 * np.sqrt(0.09 / n)
    assert set(np.unique(found)) == {0, 100, 255}
    less = salted(images, 0.1, BYTES, 1)
    assert ((less == 100) | (less == found)).all()


@pytest.mark.parametrize("name", ["noise", "salt"])
def test_noise_is_keyed_by_its_seed_and_the_images_place(name):
    pixels = np.full((6, 144), 100, np.int16)
    found = apply(pixels, BYTES, name, 0.3, seed=7)
    np.testing.assert_array_equal(apply(pixels[:2], BYTES, name, 0.3, seed=7), found[:2])
    assert (apply(pixels, BYTES, name, 0.3, seed=8) != found).any()
    assert (found[0] != found[1]).any()
    assert Change(name, 0.3).hides


def test_noise_is_the_same_on_every_machine():
    """Again from raw bits of PCG64, which NumPy keeps, through the inverse normal law."""
    found = apply(np.full((1, 144), 100, np.int16), BYTES, "noise", 0.2, seed=5)
    bits = np.random.PCG64([5, 1])
    uniforms = [((int(bits.random_raw()) >> 12) + 0.5) / 2**52 for _ in range(144)]
    noise = [51 * NormalDist().inv_cdf(uniform) for uniform in uniforms]
    assert found[0].tolist() == [min(max(round(100 + n), 0), 255) for n in noise]


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_the_rarest_random_word_gives_finite_noise(word, monkeypatch):
    """Its uniform lies inside (0, 1): 0 and 1 would be noise without end."""

    class OneWord:
        def __init__(self, _key):
            pass

        def random_raw(self, shape):
            return np.full(shape, word, np.uint64)

    monkeypatch.setattr(np.random, "PCG64", OneWord)
    found = noisy(np.zeros((1, 2, 2)), 1.0, seed=0)
    wanted = NormalDist().inv_cdf(0.5 / 2**52)
    np.testing.assert_allclose(found, wanted if word == 0 else -wanted, rtol=1e-9)


def test_contrast_multiplies_rounds_half_to_even_and_clips():
    pixels = np.array([[1, 3, 5, 200] + [0] * 140], np.int16)
    assert apply(pixels, BYTES, "contrast", 0.5)[0, :4].tolist() == [0, 2, 2, 100]
    assert apply(pixels, BYTES, "contrast", 2)[0, :4].tolist() == [2, 6, 10, 255]
    assert not apply(pixels, BYTES, "contrast", 0).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fmt", [BYTES, SIGNED, WIDE])
def test_every_change_stays_in_range_and_leaves_its_input_alone(name, fmt):
    pixels = some(fmt)
    before = pixels.copy()
    found = apply(pixels, fmt, name, 0.5 if name == "salt" else 2)
    assert found.shape == pixels.shape
    assert fmt.minimum <= found.min() and found.max() <= fmt.maximum
    np.testing.assert_array_equal(pixels, before)


def test_an_unknown_change_is_refused():
    with pytest.raises(ValueError, match="'blur'; allowed are rotate, shift"):
        apply(some(BYTES), BYTES, "blur")


def test_salt_is_the_same_on_every_machine():
    """Raw bits of another stream: below half the fraction dark, above one less half of it light."""
    found = apply(np.full((1, 144), 100, np.int16), BYTES, "salt", 0.5, seed=5)
    bits = np.random.PCG64([5, 2])
    uniforms = [((int(bits.random_raw()) >> 12) + 0.5) / 2**52 for _ in range(144)]
    assert found[0].tolist() == [0 if u < 0.25 else 255 if u > 0.75 else 100 for u in uniforms]
    assert {0, 100, 255} == set(found[0].tolist())
    all_set = apply(np.full((1, 144), 100, np.int16), BYTES, "salt", 1.0, seed=5)
    assert all_set[0].tolist() == [0 if u < 0.5 else 255 for u in uniforms]


@pytest.mark.parametrize("right", [11, 12, 13, -11, -12, -40])
def test_an_image_shifted_by_its_width_is_gone_and_by_one_less_is_not(right):
    pixels = np.full((2, 144), 7, np.int16)
    moved = apply(pixels, BYTES, "shift", right).reshape(2, 12, 12)
    wanted = np.zeros((2, 12, 12))
    if abs(right) == 11:
        wanted[:, :, -1 if right > 0 else 0] = 7
    np.testing.assert_array_equal(moved, wanted)
    assert not Change("shift", 1.0).hides and not Change("contrast", 1.0).hides


def test_uniforms_are_the_middles_of_2_to_the_52_parts():
    """One bit more, and the largest would round to 1, whose normal number is infinite."""
    found = _uniforms((2, 3), 9, 1)
    bits = np.random.PCG64([9, 1])
    wanted = [((int(bits.random_raw()) >> 12) + 0.5) / 2**52 for _ in range(6)]
    assert found.reshape(-1).tolist() == wanted
