"""Recorded counts in place of the sampler's on Lava: the emulator's replay, bit for bit."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import BackendError, HungBackendError, InputError
from ipvae.lava_procs import schedule
from ipvae.lava_procs.board import loihi2
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.runner import LavaRunner, run
from ipvae.lava_procs.supervision.watchdog import names_of_actors
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drive
from ipvae.network.traces.trace import compare

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def foreign_draws(network, n_images, n_steps, rng):
    """Counts that no sampler here would give, up to the largest that can occur."""
    reach = network.layer.count_reach
    shape = (n_images, n_steps + 1, network.layer.n_neurons)
    draws = rng.poisson(0.7, shape)
    draws[rng.random(shape) < 0.01] = reach
    return np.minimum(draws, reach)


@pytest.mark.parametrize("k", [16, 1, 100])
def test_replay_equals_the_emulators_over_several_images(make_network, rng, k):
    network = make_network(k=k)
    draws = foreign_draws(network, 3, 20, rng)
    expected = recording.run(network, network.test_images[:3], 20, 0, draws=draws)
    found = run(network, network.test_images[:3], 20, 0, draws=draws)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 3 * 21 * 3 * k
    np.testing.assert_array_equal(found.stacked("1", "z"), draws)


def test_replay_of_lavas_own_draws_gives_its_own_trace(make_network):
    network = make_network()
    own = run(network, network.test_images[:2], 15, 3)
    again = run(network, network.test_images[:2], 15, 99, draws=own.stacked("1", "z"))
    assert compare(own, again).first_divergence is None


@pytest.mark.parametrize(
    "n_steps", [54, *(pytest.param(n, marks=pytest.mark.long) for n in (22, 4))]
)
def test_draws_travel_in_parts(make_network, monkeypatch, rng, n_steps):
    """Parts of 5 steps: a last one that is short, exactly one, and more than a pipe holds."""
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 3 * 4 * 16 * 5)
    network = make_network()
    assert schedule.message_rows(3 * 16, n_steps + 1) == 5
    draws = foreign_draws(network, 3, n_steps, rng)
    expected = recording.run(network, network.test_images[:3], n_steps, 1, draws=draws)
    found = run(network, network.test_images[:3], n_steps, 1, draws=draws)
    assert compare(expected, found).first_divergence is None


@pytest.mark.parametrize("part", ["PoissonNeuron", "Dense"])
def test_a_process_killed_in_a_replay_ends_the_run_by_name(make_network, monkeypatch, part):
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 3 * 4 * 16 * 5)
    network = make_network()
    draws = np.zeros((20001, 16), np.int64)
    b = drive(network, network.test_images)[0]
    runner = LavaRunner(network, 20000, replay=True)
    names = names_of_actors(runner._runtime)
    index = next(i for i, name in enumerate(names) if part in name)
    victim = runner._runtime._messaging_infrastructure.actors[index].pid
    threading.Timer(0.5, os.kill, (victim, signal.SIGKILL)).start()
    start = time.monotonic()
    with pytest.raises(HungBackendError, match=f"{part}.* died"):
        runner.run_image({"1": b}, random_source.image_key(0, 0), draws)
    assert time.monotonic() - start < 20


def test_draws_and_network_must_both_be_for_replay(make_network):
    network = make_network()
    b = drive(network, network.test_images)[0]
    with (
        LavaRunner(network, 3, replay=True) as runner,
        pytest.raises(ValueError, match="replay=True"),
    ):
        runner.run_image({"1": b}, random_source.image_key(0, 0))
    draws = np.zeros((1, 4, 16), np.int64)
    draws[0, 2, 3] = 256
    with pytest.raises(InputError, match="step 2, neuron 3: allowed 0 to 255"):
        run(network, network.test_images[:1], 3, 0, draws=draws)


def test_loihi2_checks_draws_before_it_states_what_is_missing(make_network):
    network = make_network()
    with pytest.raises(InputError, match="images, steps"):
        loihi2.run(network, network.test_images, 3, 0, draws=np.zeros((5, 3, 16), np.int64))
    with pytest.raises(BackendError, match="Intel"):
        loihi2.run(network, network.test_images, 3, 0, draws=np.zeros((5, 4, 16), np.int64))
