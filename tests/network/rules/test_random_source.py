import numpy as np
import pytest

from ipvae.errors import InputError
from ipvae.network.rules import random_source


def grid(seed, images, neurons, step, draw=0):
    keys = [random_source.image_key(seed, i) for i in images]
    a, b = (np.array([k[w] for k in keys], dtype=np.uint32)[:, None] for w in (0, 1))
    return random_source.uniforms((a, b), random_source.neuron_keys(1, neurons), step, draw)


def test_worked_example_of_the_document():
    keys = random_source.neuron_keys(1, 6)
    assert random_source.image_key(7, 3) == (7216701, 2218025)
    assert (keys[0][5], keys[1][5]) == (16699498, 2492469)
    assert grid(7, [3], 6, 2, 1)[0, 5] == 13769856


def test_values_have_24_bits_and_are_uniform():
    """Chi-square of the top byte over 2^18 draws: 255 degrees, p > 1e-4 is below 349."""
    u = grid(1, range(512), 512, 3)
    assert u.dtype == np.uint32
    assert u.max() < 2**24
    counts = np.bincount(u.ravel() >> 16, minlength=256)
    expected = u.size / 256
    assert ((counts - expected) ** 2 / expected).sum() < 349


@pytest.mark.parametrize("axis", ["step", "draw", "image", "neuron", "seed"])
def test_neighbours_are_uncorrelated(axis):
    """|r| of 2^18 pairs stays below 5 standard errors, 5 / 512."""
    a = grid(5, range(512), 513, 8)[:, :512]
    b = {
        "step": grid(5, range(512), 512, 9),
        "draw": grid(5, range(512), 512, 8, 1),
        "image": grid(5, range(1, 513), 512, 8),
        "neuron": grid(5, range(512), 513, 8)[:, 1:],
        "seed": grid(6, range(512), 512, 8),
    }[axis]
    r = np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1]
    assert abs(r) < 5 / 512


def test_swapping_image_and_neuron_gives_another_stream():
    """With seed 1 and layer 1 the two key derivations must not coincide."""
    u = grid(1, range(8), 8, 0)
    assert not np.array_equal(u, u.T)


def test_no_two_streams_of_many_agree():
    streams = np.stack([grid(0, range(64), 64, t).ravel() for t in range(3)], axis=1)
    assert len(np.unique(streams, axis=0)) == 64 * 64


@pytest.mark.parametrize(("seed", "image"), [(-1, 0), (2**48, 0), (0, -1), (0, 2**32)])
def test_keys_out_of_range_are_refused(seed, image):
    with pytest.raises(InputError, match="allowed 0 to"):
        random_source.image_key(seed, image)


def test_running_sums_replace_the_products_with_the_counter():
    """docs/spec/neuron_cost.md: two words per neuron, advanced by constants."""
    image, (na, nb) = random_source.image_key(11, 4), random_source.neuron_keys(1, 3)
    mask, w1, w2 = 0xFFFFFF, 0x9E3779, 0xD80165
    h0, h1 = int(na[2]) + image.a & mask, image.b
    for step in range(300):
        for sub_draw in (0, 1, 31):
            h = h0 + sub_draw * w1 & mask
            h = (h ^ (h >> 12)) * 0xD35A2D & mask
            h = (h ^ (h >> 13)) * 0xC9E635 & mask
            y = h1 + sub_draw * w2 & mask
            y = (y ^ (y >> 12)) * 0xB5297B & mask
            h = (h ^ (h >> 11)) + (int(nb[2]) ^ y ^ (y >> 11)) & mask
            h = h * 0xF3864B & mask
            h = (h ^ (h >> 14)) * 0xD6D9AB & mask
            h = (h ^ (h >> 10)) * 0xF30E65 & mask
            assert h ^ (h >> 12) == grid(11, [4], 3, step, sub_draw)[0, 2]
        h0, h1 = h0 + 32 * w1 & mask, h1 + 32 * w2 & mask
