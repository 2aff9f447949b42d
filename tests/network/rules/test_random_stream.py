import subprocess
import sys

import numpy as np
import pytest

from ipvae.network.rules import random_source

ORDERS = ("neuron", "step", "sub-draw", "image", "seed")


def word(order, seed, position, stream_script):
    """The word at a position of an order, from its indices."""
    n, keys = stream_script.NEURONS, stream_script.KEYS
    image = step = neuron = sub_draw = 0
    if order == "neuron":
        rest, neuron = divmod(position, n)
        image, step = divmod(rest, 4)
    elif order == "step":
        rest, step = divmod(position, 4)
        image, neuron = divmod(rest, n)
    elif order == "sub-draw":
        rest, counter = divmod(position, 4 * 32)
        image, neuron = divmod(rest, n)
        step, sub_draw = divmod(counter, 32)
    else:
        rest, index = divmod(position, keys)
        step, neuron = divmod(rest, n)
        seed, image = (seed, index) if order == "image" else (seed + index, 0)
    a, b = (np.array([w], dtype=np.uint32) for w in random_source.image_key(seed, image))
    words = random_source.neuron_keys(1, neuron + 1)
    return random_source.uniforms((a, b), words, step, sub_draw)[neuron]


@pytest.mark.parametrize("order", ORDERS)
def test_stream_holds_the_uniforms_in_its_order(stream_script, order):
    blocks = stream_script.words(order, 9, steps=4)
    stream = next(blocks)
    while stream.size < 2**17:
        stream = np.concatenate([stream, next(blocks)])
    rng = np.random.default_rng(3)
    for position in [0, 1, 511, 512, 65535, 65536, *rng.integers(0, stream.size, 20).tolist()]:
        assert stream[position] == word(order, 9, position, stream_script)


@pytest.mark.parametrize("draws", [6, 70001])
def test_program_writes_three_bytes_a_draw(stream_script, draws):
    command = [sys.executable, stream_script.__file__, "image", "--seed", "5"]
    command += ["--draws", str(draws)]
    out = subprocess.run(command, check=True, capture_output=True).stdout
    found = np.frombuffer(out, dtype=np.uint8).reshape(-1, 3) @ np.array([1, 256, 65536])
    blocks = stream_script.words("image", 5)
    expected = np.concatenate([next(blocks), next(blocks)])[:draws]
    np.testing.assert_array_equal(found, expected)


def test_program_ends_quietly_when_its_reader_does(stream_script):
    command = [sys.executable, stream_script.__file__, "neuron"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None and program.stderr is not None
        assert len(program.stdout.read(300)) == 300
        program.stdout.close()
        assert program.stderr.read() == b""
