"""Rows of random_source.csv: keys and uniforms (docs/spec/random_source.md)."""

from itertools import product

import numpy as np

from ipvae.network.description import DRAWN
from ipvae.network.layers import MAX_NEURONS
from ipvae.network.rules import random_source

KEY = ["seed", "image", "layer", "neuron", "step", "sub_draw"]
COLUMNS = [*KEY, "ia", "ib", "na", "nb", "c", "uniform"]

SEEDS = (0, random_source.SEED_LIMIT - 1)
IMAGES = (0, random_source.IMAGE_LIMIT - 1)
NEURONS = (0, 511, MAX_NEURONS - 1)
STEPS = (0, random_source.STEP_LIMIT - 1)
SUB_DRAWS = (0, random_source.DRAWS_PER_STEP - 1)
EXAMPLES = [(7, 3, 5, 2, 0), (7, 3, 5, 2, 1)]


def rows() -> list[list[int]]:
    """Every corner case, the document's examples, and some random keys."""
    rng = np.random.default_rng(4)
    largest = (SEEDS[-1], IMAGES[-1], NEURONS[-1], STEPS[-1], SUB_DRAWS[-1])
    some = [tuple(int(rng.integers(n + 1)) for n in largest) for _ in range(12)]
    layer = DRAWN
    neuron_a, neuron_b = random_source.neuron_keys(layer, MAX_NEURONS)
    found = []
    for seed, image, neuron, step, sub_draw in [
        *product(SEEDS, IMAGES, NEURONS, STEPS, SUB_DRAWS),
        *EXAMPLES,
        *some,
    ]:
        ia, ib = random_source.image_key(seed, image)
        na, nb = neuron_a[[neuron]], neuron_b[[neuron]]
        image_words = np.array([ia], dtype=np.uint32), np.array([ib], dtype=np.uint32)
        (uniform,) = random_source.uniforms(image_words, (na, nb), step, sub_draw)
        c = random_source.DRAWS_PER_STEP * step + sub_draw
        key = [seed, image, layer, neuron, step, sub_draw]
        found.append([*key, ia, ib, int(na[0]), int(nb[0]), c, int(uniform)])
    return found
