"""Networks of every kind on Lava against the emulator: every layer, variable and step."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import HungBackendError, InputError
from ipvae.lava_procs import schedule
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.runner import LavaRunner, run
from ipvae.lava_procs.supervision.watchdog import names_of_actors
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.traces.trace import compare

pytestmark = pytest.mark.lava()

STEPS = 20


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def values(network, n_steps):
    neurons = sum(layer.n_neurons for layer in network.layers.values())
    return len(network.test_images) * (n_steps + 1) * 3 * neurons


def assert_same(network, n_steps, found, draws=None):
    expected = recording.run(network, network.test_images, n_steps, found.seed, draws=draws)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == values(network, n_steps)


def test_lava_equals_the_emulator(kinds, built_kind):
    network = kinds.networks(1)[built_kind]
    assert_same(network, STEPS, run(network, network.test_images, STEPS, 5))


@pytest.mark.parametrize("n_steps", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["errors + 2 read-outs", "loop of three", "two hidden"])
def test_few_steps_suffice(kinds, name, n_steps):
    network = kinds.networks(2)[name]
    assert_same(network, n_steps, run(network, network.test_images, n_steps, 6))


@pytest.mark.parametrize(
    "name",
    [
        *("recurrent, 16 bits", "loop of three"),
        *(pytest.param(n, marks=pytest.mark.long) for n in ("errors + 1 read-out", "two hidden")),
    ],
)
def test_draws_of_the_code_are_replayed_in_parts(kinds, monkeypatch, rng, name):
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 3 * 4 * 7 * 4)
    network = kinds.networks(3)[name]
    draws = rng.integers(0, 12, (3, STEPS + 1, 7))
    found = run(network, network.test_images, STEPS, 0, draws=draws)
    np.testing.assert_array_equal(found.stacked(network.code, "z"), draws)
    assert_same(network, STEPS, found, draws=draws)


@pytest.mark.parametrize(
    "name",
    [
        "loop of three + 2 read-outs",
        pytest.param("errors + 2 read-outs", marks=pytest.mark.long),
        pytest.param("two hidden + 2 read-outs", marks=pytest.mark.long),
    ],
)
def test_traces_arrive_in_parts_of_different_length(kinds, monkeypatch, name):
    """Layers of 3 to 8 neurons fill a message in 7 to 2 rows: more than a pipe holds."""
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 3 * 4 * 21)
    assert schedule.message_rows(3 * 3, 61) == 7
    assert schedule.message_rows(3 * 8, 61) == 2
    network = kinds.networks(4)[name]
    assert_same(network, 60, run(network, network.test_images, 60, 7))


def test_images_do_not_depend_on_what_ran_before(kinds):
    network = kinds.networks(5)["loop of three + 2 read-outs"]
    b = drives(network, network.test_images)
    keys = [random_source.image_key(9, i) for i in range(3)]
    with LavaRunner(network, 9) as runner:

        def image(i):
            return runner.run_image({name: d[i] for name, d in b.items()}, keys[i])

        forward = [image(i) for i in (0, 1, 2)]
        backward = [image(i) for i in (2, 1, 0)][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert one.keys() == other.keys() == network.layers.keys()
        for name, variables in one.items():
            for variable, values in variables.items():
                np.testing.assert_array_equal(values, other[name][variable], variable)


def test_a_signed_message_needs_its_bits(kinds, monkeypatch):
    """Without them Lava takes errors for true or false."""
    from ipvae.lava_procs.procs.layer_block import process

    exact = process.exact_dense
    monkeypatch.setattr(process, "exact_dense", lambda weight, _: exact(weight, 0))
    network = kinds.networks(1)["errors"]
    expected = recording.run(network, network.test_images, 5, 0)
    found = compare(expected, run(network, network.test_images, 5, 0)).first_divergence
    assert found is not None
    assert found["variable"] == "a_in"


def test_width_of_messages(kinds):
    from ipvae.lava_procs.procs.layer_block.process import message_bits
    from ipvae.network.layers import GradedLayer

    def graded(low, high):
        return message_bits(
            GradedLayer(
                bias=np.zeros(1, np.int32),
                weight=np.zeros((1, 1), np.int16),
                source=0,
                z_min=low,
                z_max=high,
            )
        )

    assert [graded(0, 1), graded(0, 255), graded(0, 256)] == [1, 8, 9]
    assert [graded(-1, 0), graded(-128, 127), graded(-129, 0), graded(-1, 128)] == [1, 8, 9, 9]
    assert graded(-(2**23) + 1, 2**23 - 1) == 24
    assert graded(0, 0) == 1
    assert message_bits(kinds.networks(0)["recurrent"].layer) == 4


def test_a_graded_code_has_no_draws_to_replay(kinds):
    network = kinds.networks(0)["lca"]
    with pytest.raises(InputError, match="draws nothing"):
        run(network, network.test_images, 3, 0, draws=np.zeros((3, 4, 7), np.int64))


def test_drives_of_all_layers_are_asked_for(kinds):
    network = kinds.networks(0)["errors"]
    b = {name: d[0] for name, d in drives(network, network.test_images).items()}
    key = random_source.image_key(0, 0)
    with LavaRunner(network, 3) as runner:
        with pytest.raises(InputError, match="of the layers 2, allowed 1, 2, all"):
            runner.run_image({"2": b["2"]}, key)
        with pytest.raises(InputError, match="drive of layer 1.*allowed \\(6,\\)"):
            runner.run_image({"1": b["2"], "2": b["2"]}, key)
        assert runner.run_image(b, key)["1"]["u"].shape == (4, 6)


@pytest.mark.parametrize(
    "part",
    [
        "GradedNeuron",
        pytest.param("PoissonNeuron", marks=pytest.mark.long),
        pytest.param("Dense", marks=pytest.mark.long),
    ],
)
def test_a_killed_process_ends_the_run_by_name(kinds, shared_memory, part):
    network = kinds.networks(0)["errors + 2 read-outs"]
    before = shared_memory()
    b = {name: d[0] for name, d in drives(network, network.test_images).items()}
    runner = LavaRunner(network, 20000)
    names = names_of_actors(runner._runtime)
    index = max(i for i, name in enumerate(names) if part in name)
    victim = runner._runtime._messaging_infrastructure.actors[index].pid
    threading.Timer(0.5, os.kill, (victim, signal.SIGKILL)).start()
    start = time.monotonic()
    with pytest.raises(HungBackendError, match=f"{part}.* died"):
        runner.run_image(b, random_source.image_key(0, 0))
    assert time.monotonic() - start < 20
    assert shared_memory() == before
    assert multiprocessing.active_children() == []


def test_an_exception_in_a_graded_neuron_is_reported(kinds, monkeypatch):
    from ipvae.lava_procs.procs.graded_neuron import models

    def broken(self, t, a_in):
        raise ZeroDivisionError("in mid-run")

    monkeypatch.setattr(models.PyGradedNeuronFixed, "_update", broken)
    network = kinds.networks(0)["two hidden"]
    with pytest.raises(HungBackendError, match=r"GradedNeuron.*died.*in mid-run"):
        run(network, network.test_images[:1], 10, 0)
