"""Keys with which a neuron draws a uniform of one's choice: the random source, backwards.

docs/spec/random_source.md maps the word `na` of a neuron to a uniform, all other words given,
by steps that can each be undone. So every draw can be put at an edge of the sampler, through each
implementation's own random source.
"""

import numpy as np

M24 = 2**24 - 1
M1, M2, M3, M4, M5 = 0xD35A2D, 0xC9E635, 0xF3864B, 0xD6D9AB, 0xF30E65


def neuron_word(uniform, image, nb, counter) -> np.ndarray:
    """Words `na` with which the draws of a counter are `uniform`: arrays or numbers, uint32.

    Parameters
    ----------
    uniform : (n,) int in [0, 2**24)
    image : pair of int
        Words `ia`, `ib`.
    nb : (n,) int
        The neurons' other words.
    counter : (n,) int
        32 times the step, plus the sub-draw.
    """
    ia, ib = (np.int64(word) for word in image)
    c = np.asarray(counter, np.int64)
    y = _times((ib + c * 0xD80165) & M24, 12, 0xB5297B)
    y = y ^ (y >> 11)
    h = _undone(_undone(uniform, 12), 10, M5)
    h = _undone(h, 14, M4)
    h = (h * _inverse(M3) & M24) - (np.asarray(nb, np.int64) ^ y)
    h = _undone(h & M24, 11)
    h = _undone(_undone(h, 13, M2), 12, M1)
    return np.asarray((h - ia - c * 0x9E3779) & M24).astype(np.uint32)


def _times(word, shift, multiplier):
    return (word ^ (word >> shift)) * multiplier & M24


def _undone(word, shift, multiplier=1):
    """H of word = (h ^ (h >> shift)) * multiplier; exact for shifts of 8 or more."""
    word = np.asarray(word, np.int64) * _inverse(multiplier) & M24
    return word ^ (word >> shift) ^ (word >> 2 * shift)


def _inverse(multiplier):
    return pow(multiplier, -1, 2**24)
