"""The Lava backend against the emulator: every variable, every step."""

import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import HungBackendError, InputError, UnprovedOverflowError
from ipvae.lava_procs import schedule
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.runner import LavaRunner, run
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drive
from ipvae.network.traces.trace import VARIABLES, compare

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


@pytest.mark.parametrize(
    ("k", "seed", "parts"),
    [
        (16, 0, {}),
        (1, 1, {}),
        (7, 2, {"weight_exp": -3}),
        (100, 3, {"weight_exp": 2, "drive_exp": -6}),
        (512, 7, {"u_init": np.full(512, -8000, np.int32), "weight_exp": 6}),
        (4, 4, {"weight_rec": np.full((4, 4), -128, np.int8)}),
        (4, 5, {"weight_rec": np.zeros((4, 4), np.int8)}),
        (4, 6, {"weight_rec": np.full((4, 4), 127, np.int8)}),
    ],
)
def test_lava_equals_the_emulator_over_several_images(make_network, k, seed, parts):
    network = make_network(k=k, seed=seed, **parts)
    expected = recording.run(network, network.test_images, 20, seed)
    found = run(network, network.test_images, 20, seed)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 5 * 21 * 3 * k
    assert expected.stacked("1", "z").max() > 1


def test_images_do_not_depend_on_what_ran_before(make_network):
    network = make_network()
    b = drive(network, network.test_images)
    keys = [random_source.image_key(9, i) for i in range(3)]
    with LavaRunner(network, 12) as runner:

        def image(i):
            found = runner.run_image({"1": b[i]}, keys[i])["1"]
            return np.stack([found[v] for v in VARIABLES])

        forward = [image(i) for i in (0, 1, 2)]
        backward = [image(i) for i in (2, 1, 0)]
    np.testing.assert_array_equal(forward, backward[::-1])


def test_a_drive_out_of_its_range_is_refused(make_network):
    network = make_network()
    key = random_source.image_key(0, 0)
    with LavaRunner(network, 3) as runner:
        for wrong in (np.full(16, 2**21), np.zeros(15, np.int32)):
            with pytest.raises(InputError, match="within \\+-2097151"):
                runner.run_image({"1": wrong}, key)
        with pytest.raises(InputError, match="of the layers 2, allowed 1, all"):
            runner.run_image({"2": np.zeros(16, np.int32)}, key)
        found = runner.run_image({"1": np.zeros(16, np.int32)}, key)
        assert {v: values.shape for v, values in found["1"].items()} == dict.fromkeys(
            VARIABLES, (4, 16)
        )


def test_long_traces_arrive_in_parts(make_network, monkeypatch):
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 3 * 4 * 16 * 5)
    network = make_network()
    assert schedule.message_rows(3 * 16, 23) == 5
    expected = recording.run(network, network.test_images[:2], 22, 1)
    found = run(network, network.test_images[:2], 22, 1)
    assert compare(expected, found).first_divergence is None


def test_a_network_that_may_overflow_is_not_built(make_network):
    network = make_network(k=80, weight_rec=np.full((80, 80), 127, np.int8), payload_bits=20)
    with pytest.raises(UnprovedOverflowError):
        LavaRunner(network, 5)


def test_a_bare_dense_would_floor_odd_weights(make_network, monkeypatch):
    """Without the repair (2 W at half the scale) Lava multiplies by even numbers only."""
    from lava.proc.dense.process import Dense
    from lava.utils.weightutils import SignMode

    from ipvae.lava_procs.procs.layer_block import process

    def bare(weight, payload_bits):
        return Dense(
            weights=weight, num_weight_bits=8, sign_mode=SignMode.MIXED, num_message_bits=8
        )

    weight = np.array([[1, 0], [0, -3]], dtype=np.int8)
    network = make_network(k=2, weight_rec=weight)
    monkeypatch.setattr(process, "exact_dense", bare)
    record = run(network, network.test_images[:1], 10, 0).samples[0]["1"]
    z, a_in = record["z"][:-1], record["a_in"][1:]
    np.testing.assert_array_equal(a_in, z * np.array([0, -4]))
    assert (z > 0).any(axis=0).all()


def test_a_synapse_without_message_bits_would_lose_counts(make_network, monkeypatch):
    """Without the payload width Lava's Dense turns a count of 7 into 1."""
    from ipvae.lava_procs.procs.layer_block import process

    exact = process.exact_dense
    monkeypatch.setattr(process, "exact_dense", lambda weight, _: exact(weight, 0))
    network = make_network(k=2, weight_rec=np.array([[1, 0], [0, 1]], np.int8))
    record = run(network, network.test_images[:1], 10, 0).samples[0]["1"]
    np.testing.assert_array_equal(record["a_in"][1:], record["z"][:-1] > 0)
    assert record["z"].max() > 1


def test_unknown_arguments_are_errors():
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    with pytest.raises(TypeError, match="repaly"):
        PoissonNeuron(shape=(3,), repaly=True)  # type: ignore[call-arg]


def children():
    return multiprocessing.active_children()


def test_runs_leave_no_process_memory_or_descriptor_behind(make_network, shared_memory):
    network = make_network()
    run(network, network.test_images[:1], 3, 0)  # what Lava keeps from a first run
    before = len(children()), shared_memory(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run(network, network.test_images[:1], 3, 0)
    after = len(children()), shared_memory(), len(os.listdir("/proc/self/fd"))
    assert after[:2] == before[:2]
    assert after[2] <= before[2] + 2


def test_builds_add_no_log_handlers(make_network):
    before = list(logging.root.handlers)
    run(make_network(), make_network().test_images[:1], 3, 0)
    assert logging.root.handlers == before


def test_a_process_that_dies_after_the_last_image_does_not_hang_the_end(
    make_network, shared_memory
):
    network = make_network()
    before = shared_memory()
    with LavaRunner(network, 5) as runner:
        runner.run_image(
            {"1": drive(network, network.test_images)[0]}, random_source.image_key(0, 0)
        )
        os.kill(actor_named(runner, "Dense").pid, signal.SIGKILL)
    assert shared_memory() == before


def test_a_model_that_cannot_be_built_leaves_nothing_behind(
    make_network, shared_memory, monkeypatch
):
    from ipvae.lava_procs.procs.poisson_neuron import models

    def broken(self, params):
        raise ZeroDivisionError("while building")

    monkeypatch.setattr(models.PyPoissonNeuronFixed, "__init__", broken)
    network = make_network()
    before = shared_memory()
    with pytest.raises(
        HungBackendError,
        match="PoissonNeuron.* died while the network was built: ZeroD.*while building",
    ):
        LavaRunner(network, 5)
    assert shared_memory() == before
    assert multiprocessing.active_children() == []


def actor_named(runner, part):
    from ipvae.lava_procs.supervision.watchdog import names_of_actors

    runtime = runner._process.runtime
    names = names_of_actors(runtime)
    index = next(i for i, name in enumerate(names) if part in name)
    return runtime._messaging_infrastructure.actors[index]


@pytest.mark.parametrize("part", ["PoissonNeuron", "Dense", "runtime service"])
def test_a_killed_process_ends_the_run_by_name(make_network, shared_memory, part):
    network = make_network()
    before = shared_memory()
    b = drive(network, network.test_images)[0]
    runner = LavaRunner(network, 5000)
    victim = actor_named(runner, part).pid
    threading.Timer(0.5, os.kill, (victim, signal.SIGKILL)).start()
    start = time.monotonic()
    with pytest.raises(HungBackendError, match=f"{part}.* died"):
        runner.run_image({"1": b}, random_source.image_key(0, 0))
    assert time.monotonic() - start < 20
    assert not Path(f"/proc/{victim}").exists()
    assert shared_memory() == before
    with pytest.raises(HungBackendError, match="was stopped"):
        runner.run_image({"1": b}, random_source.image_key(0, 0))


def test_a_stopped_process_ends_the_run_in_time(make_network):
    network = make_network()
    b = drive(network, network.test_images)[0]
    runner = LavaRunner(network, 5000, timeout=1.5)
    os.kill(actor_named(runner, "Dense").pid, signal.SIGSTOP)
    with pytest.raises(HungBackendError, match="Dense.* gave no heartbeat for 1.5 s.*stopped"):
        runner.run_image({"1": b}, random_source.image_key(0, 0))


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_never_ends_or_ends_at_once_is_refused(make_network, timeout):
    with pytest.raises(InputError, match="timeout: found .* s, allowed above 0"):
        LavaRunner(make_network(), 5, timeout=timeout)


@pytest.mark.parametrize(
    ("n_steps", "hold", "message"),
    [
        (0, None, "steps: found 0, allowed 1 to 524287"),
        (2**19, None, "steps: found 524288, allowed 1 to 524287"),
        (5, 0, "frame_steps: found 0, allowed 1 and above"),
        (5, -1, "frame_steps: found -1, allowed 1 and above"),
    ],
)
def test_steps_and_frames_that_cannot_be_are_refused(make_network, n_steps, hold, message):
    with pytest.raises(InputError, match=message):
        LavaRunner(make_network(), n_steps, hold=hold)


def test_a_drive_that_is_no_integer_is_refused(make_network):
    network = make_network()
    b = drive(network, network.test_images)[0]
    with LavaRunner(network, 2) as runner:
        for wrong in (b.astype(float), b * np.nan):
            with pytest.raises(InputError, match="of float64, allowed .* of integers"):
                runner.run_image({"1": wrong}, random_source.image_key(0, 0))
        assert runner.run_image({"1": b}, random_source.image_key(0, 0))["1"]["z"].shape[0] == 3


def test_a_network_that_nobody_closes_ends_with_its_last_reference(make_network, shared_memory):
    before = shared_memory()
    runner = LavaRunner(make_network(), 5)
    assert shared_memory() > before
    assert children()
    del runner
    gc.collect()
    assert shared_memory() == before
    assert children() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_shared_memory_is_freed_though_its_keeper_is_gone(make_network, shared_memory, number):
    before = shared_memory()
    with LavaRunner(make_network(), 5) as runner:
        keeper = runner._runtime._messaging_infrastructure.smm._manager._process
        os.kill(keeper.pid, number)
        time.sleep(0.1)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert shared_memory() == before
    assert children() == []


def test_a_network_in_another_thread_outlives_it(make_network):
    """The kernel takes the end of a thread for the parent's; ours must not."""
    network, made = make_network(), []
    thread = threading.Thread(target=lambda: made.append(LavaRunner(network, 5)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with made[0] as runner:
        b = drive(network, network.test_images)[0]
        assert runner.run_image({"1": b}, random_source.image_key(0, 0))


def test_an_error_in_the_last_step_after_the_trace_is_reported(make_network, monkeypatch):
    from ipvae.lava_procs.models.event_driven import PyDenseEventDriven

    model: Any = PyDenseEventDriven
    run_spk, steps = model.run_spk, []

    def at_the_end(self):
        run_spk(self)
        steps.append(len(steps))
        if steps[-1] == 10:
            time.sleep(0.3)
            raise ZeroDivisionError("at the end")

    monkeypatch.setattr(model, "run_spk", at_the_end)
    network = make_network()
    with pytest.raises(HungBackendError, match="Dense 'synapse' of layer 1 died.*at the end"):
        run(network, network.test_images[:1], 10, 0)


def test_an_exception_in_a_model_is_reported(make_network, monkeypatch):
    from ipvae.lava_procs.procs.poisson_neuron import models

    def broken(self, t, a_in):
        raise ZeroDivisionError("in mid-run")

    monkeypatch.setattr(models.PyPoissonNeuronFixed, "_update", broken)
    network = make_network()
    with pytest.raises(HungBackendError, match=r"PoissonNeuron.*died.*in mid-run"):
        run(network, network.test_images[:1], 10, 0)


def test_one_altered_weight_in_lava_is_found_by_comparison(make_network):
    network = make_network()
    weight = network.layer.weight_rec.copy()
    weight[3, 5] ^= 1
    altered = replace(network, layer=replace(network.layer, weight_rec=weight))
    expected = recording.run(network, network.test_images, 20, 0)
    found = compare(expected, run(altered, network.test_images, 20, 0)).first_divergence
    assert found is not None
    assert (found["backend"], found["variable"], found["index"]) == ("lava", "a_in", 3)
