"""Write the random source's words to stdout, 3 bytes each, for a public test battery.

The order names the fastest index: neighbours in the stream differ only in it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator

import numpy as np

from ipvae.network.rules import random_source

ORDERS = ("neuron", "step", "sub-draw", "image", "seed")
NEURONS, STEPS = 512, 1024
KEYS = 2**16
"""Number of images, or seeds, that alternate if they are the fastest index."""
BLOCK = 2**16


def words(
    order: str,
    seed: int,
    steps: int = STEPS,
    uniforms: Callable[..., np.ndarray] = random_source.uniforms,
) -> Iterator[np.ndarray]:
    """Yield the words of an order, in blocks, until the keys are exhausted.

    Parameters
    ----------
    order : one of ORDERS
    seed : int in [0, 2**48); the first one if the seed is the fastest index
    steps : int
        Steps of a neuron before the next neuron or image.
    uniforms : callable
        Random source; a replacement gives the stream of a control.

    Yields
    ------
    (n,) uint32
    """
    layout = _keys_fastest if order in ("image", "seed") else _keys_slowest
    for image, neuron, counter in layout(order, seed, steps):
        shape = np.broadcast_shapes(image[0].shape, neuron[0].shape, counter.shape)
        rows = max(BLOCK // shape[1], 1)
        for first in range(0, shape[0], rows):
            part = slice(first, first + rows)
            image_part, neuron_part = (
                tuple(np.broadcast_to(w, (shape[0], w.shape[1]))[part] for w in pair)
                for pair in (image, neuron)
            )
            counter_part = np.broadcast_to(counter, (shape[0], counter.shape[1]))[part]
            drawn = uniforms(image_part, neuron_part, 0, counter_part)
            yield np.broadcast_to(drawn, (len(drawn), shape[1])).reshape(-1)


def _keys_slowest(order: str, seed: int, steps: int) -> Iterator[tuple]:
    """Image words, neuron words and counters, one image after another, as (rows, columns)."""
    neuron = random_source.neuron_keys(1, NEURONS)
    per_step = random_source.DRAWS_PER_STEP
    if order == "sub-draw":
        counter = np.arange(steps * per_step, dtype=np.int64)
    else:
        counter = np.arange(steps, dtype=np.int64) * per_step
    by_neuron = order == "neuron"
    neuron = tuple(w[None, :] if by_neuron else w[:, None] for w in neuron)
    counter = counter[:, None] if by_neuron else counter[None, :]
    for image in range(random_source.IMAGE_LIMIT):
        key = random_source.image_key(seed, image)
        yield tuple(np.full((1, 1), w, dtype=np.uint32) for w in key), neuron, counter


def _keys_fastest(order: str, seed: int, steps: int) -> Iterator[tuple]:
    """As `_keys_slowest`, with images or seeds as columns, neurons and then steps as rows."""
    neuron = tuple(np.tile(w, steps)[:, None] for w in random_source.neuron_keys(1, NEURONS))
    counter = np.repeat(np.arange(steps, dtype=np.int64) * random_source.DRAWS_PER_STEP, NEURONS)
    for first in range(0, random_source.IMAGE_LIMIT, KEYS):
        keys = [
            random_source.image_key(seed, i)
            if order == "image"
            else random_source.image_key(seed + i, 0)
            for i in range(first, first + KEYS)
        ]
        yield tuple(np.array(keys, dtype=np.uint32).T[:, None, :]), neuron, counter[:, None]


def packed(word: np.ndarray) -> bytes:
    """Low three bytes of each word, least significant first."""
    a, b, c, d = np.pad(word, (0, -word.size % 4)).reshape(-1, 4).T
    out = np.empty((a.size, 3), dtype="<u4")
    out[:, 0] = a | b << np.uint32(24)
    out[:, 1] = b >> np.uint32(8) | c << np.uint32(16)
    out[:, 2] = c >> np.uint32(16) | d << np.uint32(8)
    return out.tobytes()[: 3 * word.size]


def main() -> None:
    """Write until `--draws` are written or the reader closes the pipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("order", choices=ORDERS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--draws", type=int, default=2**62)
    chosen = parser.parse_args()
    left = chosen.draws
    try:
        for block in words(chosen.order, chosen.seed, chosen.steps):
            sys.stdout.buffer.write(packed(block[:left]))
            left -= block.size
            if left <= 0:
                break
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
