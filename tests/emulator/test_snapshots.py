"""Totals after several numbers of steps of one run equal separate runs, bit for bit."""

import numpy as np
import pytest

from ipvae.emulator import Emulator, totals_at
from ipvae.emulator.tile import ROWS
from ipvae.errors import InputError

STEPS, SEED = (1, 2, 4, 9), 5


def assert_same(found, expected):
    assert (found.images, found.steps, found.kept) == (expected.images, expected.steps, {})
    assert list(found.layers) == list(expected.layers)
    for name, layer in expected.layers.items():
        other = found.layers[name]
        assert other.saturations == layer.saturations
        assert other.random_words == layer.random_words
        for part in ("messages", "sizes", "u", "z"):
            np.testing.assert_array_equal(getattr(other, part), getattr(layer, part))
            assert getattr(other, part).dtype == getattr(layer, part).dtype


def test_one_run_gives_the_totals_of_many(network_kind, kinds):
    network = kinds.networks(1)[network_kind]
    images = np.resize(network.test_images, (7, network.n_pixels))
    emulator = Emulator(network, threads=2, tile=3)
    found = totals_at(emulator, images, reversed(STEPS), SEED)
    assert list(found) == list(STEPS)
    for step, totals in found.items():
        assert_same(totals, emulator.totals(images, step, SEED))


def test_counters_of_random_words_and_limits_move(make_network):
    """Or the sums above compare zeros."""
    network = make_network(
        k=9,
        m=4,
        seed=3,
        drive_exp=9,
        weight_exp=12,
        payload_bits=3,
        u_max=9000,
        u_init=np.zeros(9, np.int32),
    )
    found = totals_at(Emulator(network), network.test_images, (2, 25), 7)
    early, late = (totals.layers["1"] for totals in found.values())
    assert 0 < early.random_words < late.random_words
    assert 0 < early.saturations["u"] < late.saturations["u"]
    assert early.saturations["drive"] == late.saturations["drive"] > 0


@pytest.mark.parametrize("name", ["recurrent", "errors + 1 read-out", "lca"])
def test_steps_may_lie_on_any_side_of_a_kernels_call(kinds, name):
    network = kinds.networks(6)[name]
    emulator = Emulator(network)
    steps = (ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1)
    for step, totals in totals_at(emulator, network.test_images, steps, SEED).items():
        assert_same(totals, emulator.totals(network.test_images, step, SEED))


def test_replayed_draws_and_a_later_first_image(make_network):
    network = make_network()
    emulator = Emulator(network, tile=2)
    images = network.test_images
    draws = np.random.default_rng(0).integers(0, 4, (len(images), 10, network.n_neurons))
    for step, totals in totals_at(emulator, images, STEPS, 0, draws=draws).items():
        assert_same(totals, emulator.totals(images, step, 0, draws=draws[:, : step + 1]))
    for step, totals in totals_at(emulator, images, STEPS, SEED, 40).items():
        assert_same(totals, emulator.totals(images, step, SEED, 40))


def test_progress_counts_every_image_once(make_network):
    network, seen = make_network(), []
    totals_at(Emulator(network, tile=2), network.test_images, STEPS, 0, progress=seen.append)
    assert sum(seen) == len(network.test_images) and len(seen) > 1


@pytest.mark.parametrize("steps", [(), (0, 4)])
def test_steps_that_cannot_be_are_refused(make_network, steps):
    network = make_network()
    with pytest.raises(InputError, match="steps: found .*allowed one or more numbers of 1"):
        totals_at(Emulator(network), network.test_images, steps, 0)
