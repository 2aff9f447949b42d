"""The random source `mix24`: 24-bit uniforms keyed by (seed, image, layer, neuron, step, draw).

A keyed, stateless hash: results depend only on the key. The host derives two 24-bit words per
image and two per neuron. A neuron combines them with the step counter by additions,
exclusive-ors, shifts and six multiplications modulo 2**24; Loihi 2's microcode has all of these.
Specified in docs/spec/random_source.md.
"""

from typing import NamedTuple

import numpy as np

from ipvae.errors import InputError

NAME = "mix24/2"
SEED_LIMIT = 2**48
IMAGE_LIMIT = 2**32
STEP_LIMIT = 2**19
DRAWS_PER_STEP = 32
"""Counter values reserved for each step; also the largest number of sub-draws of one count."""

_MASK24 = np.uint32(0xFFFFFF)
_MASK64 = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_NEURON_DOMAIN = 0x6E6575726F6E0000  # "neuron" in ASCII; seeds stay below 2**48
_WEYL_A, _WEYL_B = 0x9E3779, 0xD80165
_MULTIPLIERS = tuple(
    np.uint32(m) for m in (0xB5297B, 0xD35A2D, 0xC9E635, 0xF3864B, 0xD6D9AB, 0xF30E65)
)


class Key(NamedTuple):
    """Two 24-bit words."""

    a: int
    b: int


def mix64(value: int) -> int:
    """Output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), host only.

    >>> hex(mix64(1))
    '0x5692161d100b05e5'
    """
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK64
    return value ^ (value >> 31)


def _key(domain: int, index: int) -> Key:
    start = mix64((domain + _GOLDEN) & _MASK64)
    word = mix64((start + (index + 1) * _GOLDEN) & _MASK64)
    return Key(word & 0xFFFFFF, (word >> 24) & 0xFFFFFF)


def image_key(seed: int, image: int) -> Key:
    """Words of one image.

    Parameters
    ----------
    seed : int in [0, 2**48)
    image : int in [0, 2**32), index of the image in its run

    Raises
    ------
    InputError
        If either is outside its range.
    """
    if not 0 <= seed < SEED_LIMIT:
        raise InputError(f"seed: found {seed}, allowed 0 to 2**48 - 1; choose another seed")
    if not 0 <= image < IMAGE_LIMIT:
        raise InputError(f"image index: found {image}, allowed 0 to 2**32 - 1")
    return _key(seed, image)


def check_steps(n_steps: int) -> None:
    """Raise InputError unless the random keys cover the number of steps."""
    if not 1 <= n_steps < STEP_LIMIT:
        raise InputError(f"steps: found {n_steps}, allowed 1 to {STEP_LIMIT - 1}")


def neuron_keys(layer: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Words of the neurons 0..count-1 of a layer: two (count,) uint32 arrays."""
    keys = [_key(_NEURON_DOMAIN + layer, neuron) for neuron in range(count)]
    return (
        np.array([k.a for k in keys], dtype=np.uint32),
        np.array([k.b for k in keys], dtype=np.uint32),
    )


def uniforms(
    image: tuple[np.ndarray, np.ndarray],
    neuron: tuple[np.ndarray, np.ndarray],
    step: int,
    draw: int | np.ndarray = 0,
) -> np.ndarray:
    """Uniform integers of 24 bits.

    Parameters
    ----------
    image, neuron : pairs of uint32 arrays
        Words of each image and of each neuron, broadcast against each other.
    step : int in [0, 2**19)
    draw : int or int array
        Sub-draw of this step, below 32. The counter of a draw is 32 * step + draw, so larger values
        extend into the following steps; it stays below 2**24.

    Returns
    -------
    uint32 array of values in [0, 2**24)
    """
    counter = np.asarray(step * DRAWS_PER_STEP + np.asarray(draw), dtype=np.uint32)
    m0, m1, m2, m3, m4, m5 = _MULTIPLIERS
    with np.errstate(over="ignore"):  # NumPy warns of it for single numbers
        y = (image[1] + counter * np.uint32(_WEYL_B)) & _MASK24
        y = _times(y ^ (y >> np.uint32(12)), m0)
        y = y ^ (y >> np.uint32(11))
        h = (neuron[0] + image[0] + counter * np.uint32(_WEYL_A)) & _MASK24
        h = _times(h ^ (h >> np.uint32(12)), m1)
        h = _times(h ^ (h >> np.uint32(13)), m2)
        h = h ^ (h >> np.uint32(11))
        h = _times(h + (neuron[1] ^ y), m3)
        h = _times(h ^ (h >> np.uint32(14)), m4)
        h = _times(h ^ (h >> np.uint32(10)), m5)
        return h ^ (h >> np.uint32(12))


def _times(word: np.ndarray, multiplier: np.uint32) -> np.ndarray:
    """Product modulo 2**24; bits of the word above the lowest 24 do not matter."""
    return (word * multiplier) & _MASK24
