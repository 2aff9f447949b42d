"""A run's bits do not depend on threads or on the order in which images are processed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run

STEPS, SEED = 9, 5


@pytest.fixture
def network(make_network):
    return make_network(k=24, n_images=6)


def image_alone(emulator, image):
    """All steps of one image, at its own index in the run: (variables, steps, neurons)."""
    images = emulator.network.test_images[image : image + 1]
    steps = list(emulator.steps(images, STEPS, SEED, first_image=image))
    return np.array([[getattr(s, name)[0] for s in steps] for name in ("a_in", "u", "z")])


@pytest.fixture
def expected(network):
    samples = run(network, network.test_images, STEPS, SEED).samples
    return [np.array([s["1"][name] for name in ("a_in", "u", "z")]) for s in samples]


def test_images_in_reversed_order_get_the_same_bits(network, expected):
    emulator = Emulator(network)
    for image in reversed(range(6)):
        np.testing.assert_array_equal(image_alone(emulator, image), expected[image])


@pytest.mark.parametrize("shared", [True, False], ids=["one emulator", "an emulator each"])
def test_threads_at_once_get_the_same_bits(network, expected, shared):
    one = Emulator(network)
    tasks = [i for i in range(6) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda i: image_alone(one if shared else Emulator(network), i), tasks)
        for image, steps in zip(tasks, found, strict=True):
            np.testing.assert_array_equal(steps, expected[image])


def test_images_interleaved_step_by_step_get_the_same_bits(network, expected):
    emulator = Emulator(network)
    runs = {
        i: emulator.steps(network.test_images[i : i + 1], STEPS, SEED, first_image=i)
        for i in reversed(range(6))
    }
    for t in range(STEPS + 1):
        for image, steps in runs.items():
            np.testing.assert_array_equal(next(steps).u[0], expected[image][1, t])
