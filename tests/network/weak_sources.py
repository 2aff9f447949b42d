"""Control generators: two good ones, and weak ones that the tests must catch."""

import numba
import numpy as np

MASK = np.uint32(0xFFFFFF)
BLOCK = 2**16
MULTIPLIERS = (0xD35A2D, 0xC9E635, 0xF3864B, 0xD6D9AB, 0xF30E65)
SHIFTS = (12, 13, 11, 14, 10, 12)


def good(bit_generator):
    """Blocks of 24-bit words of one of NumPy's generators."""
    rng = np.random.Generator(bit_generator)
    while True:
        yield rng.integers(0, 2**24, BLOCK, dtype=np.uint32)


@numba.njit
def _congruential(state, multiplier, increment, modulus, shift, out):
    for i in range(out.size):
        state = (state * multiplier + increment) % modulus
        out[i] = state >> shift
    return state


def congruential(multiplier, increment, modulus, shift):
    """Blocks of a linear congruential generator, `shift` low bits dropped."""
    state = 1
    while True:
        out = np.empty(BLOCK, dtype=np.uint32)
        state = _congruential(state, multiplier, increment, modulus, shift, out)
        yield out


def mix24(without=(), second_factor=0xD80165):
    """The source's rule written independently, with parts left out.

    `without` holds names: "m1".."m5" a multiplication, "s1".."s6" an exclusive or with
    the shifted word, "counter b" the counter's second entry, "mixed b" its mixing.
    """

    def uniforms(image, neuron, step, draw=0):
        c = (step * 32 + np.asarray(draw)).astype(np.uint32)
        h = (neuron[0] + image[0] + c * np.uint32(0x9E3779)) & MASK
        second = image[1] + (0 if "counter b" in without else c * np.uint32(second_factor)) & MASK
        if "mixed b" not in without:
            second = (second ^ (second >> np.uint32(12))) * np.uint32(0xB5297B) & MASK
            second = second ^ (second >> np.uint32(11))
        for i, shift in enumerate(SHIFTS):
            if f"s{i + 1}" not in without:
                h = h ^ (h >> np.uint32(shift))
            if i == 2:
                h = (h + (neuron[1] ^ second)) & MASK
            if i < 5 and f"m{i + 1}" not in without:
                h = (h * np.uint32(MULTIPLIERS[i])) & MASK
        return h

    return uniforms


def ignoring(part):
    """The source with the words of the image, or of the neurons, taken as 0."""
    whole = mix24()

    def uniforms(image, neuron, step, draw=0):
        silent = tuple(np.zeros_like(w) for w in (image if part == "image" else neuron))
        pair = (silent, neuron) if part == "image" else (image, silent)
        return whole(*pair, step, draw)

    return uniforms
