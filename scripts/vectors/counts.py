"""Rows of counts.csv: complete counts, with uniforms and limit (docs/spec/counts.md)."""

import numpy as np

from ipvae.network.description import DRAWN
from ipvae.network.rules import poisson, random_source

KEY = ["seed", "image", "layer", "neuron", "step"]
COLUMNS = [*KEY, "u", "message_bits", "count"]

LOG_RATES = (-49152, -20000, -4097, 0, 4096, 12288, 12289, 16000, 20000, 24000, 28000, 32768)
MESSAGE_BITS = (1, 3, 4, 7, 10, 23)

DIRECTED = {
    2**24 - 1: (15, 0, 15, 168722),
    2**24 - 4096: (15, 0, 92, 166716),
    2**24 - 4097: (15, 0, 41, 132175),
    0: (15, 0, 1, 85145),
}
"""Keys, found by search, whose first uniform is at an end of the sampler's range.

At the lowest log-rate, only the 4096 largest uniforms give a nonzero count.
"""
ENDS = (-49152, -49151, 12288, 12289, 32768)


def count(key: tuple[int, int, int, int], u: int, message_bits: int) -> int:
    """Message of a neuron at one step."""
    seed, image, neuron, step = key
    ia, ib = random_source.image_key(seed, image)
    image_words = np.array([ia], dtype=np.uint32), np.array([ib], dtype=np.uint32)
    na, nb = random_source.neuron_keys(DRAWN, neuron + 1)
    neuron_words = na[[neuron]], nb[[neuron]]

    def uniform(_: np.ndarray, sub_draw: np.ndarray) -> np.ndarray:
        return random_source.uniforms(image_words, neuron_words, step, sub_draw)

    return min(int(poisson.draw(np.array([u]), uniform)[0]), 2**message_bits - 1)


def rows() -> list[list[int]]:
    """Every log-rate at every width with random keys, then the ends of the sampler's range."""
    rng = np.random.default_rng(6)
    found = []
    for u in LOG_RATES:
        for message_bits in MESSAGE_BITS:
            largest = (2**48 - 1, 2**32 - 1, 999, 2**19 - 1)
            seed, image, neuron, step = (int(rng.integers(n + 1)) for n in largest)
            drawn = count((seed, image, neuron, step), u, message_bits)
            found.append([seed, image, DRAWN, neuron, step, u, message_bits, drawn])
    for key in DIRECTED.values():
        seed, image, neuron, step = key
        found += [[seed, image, DRAWN, neuron, step, u, 10, count(key, u, 10)] for u in ENDS]
    return found
