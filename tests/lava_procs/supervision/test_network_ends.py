"""Networks of any kinds on Lava: a run ends by name and leaves nothing behind."""

import contextlib
import gc
import multiprocessing
import os
import re
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from ipvae.errors import HungBackendError
from ipvae.lava_procs import network_run
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.network_run import run_network

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def shared_memory():
    """Files of shared memory that this process has mapped."""
    return set(re.findall(r"/dev/shm/[^ \n]+", Path("/proc/self/maps").read_text()))


def assert_gone(files):
    assert files
    assert not [name for name in files if Path(name).exists()]
    assert multiprocessing.active_children() == []


def test_runs_leave_nothing_behind_even_if_the_caller_stops_early(make_plain, plain_nets, rng):
    network = make_plain(plain_nets.random_layers(rng, "CUBA"))
    samples = rng.integers(0, 2, (3, 4, network.input.size)).astype(np.int32)
    list(run_network(network, samples, 4, 3))  # what Lava keeps from a first run
    before = len(os.listdir("/proc/self/fd"))
    for stop_early in (False, True, True):
        running = run_network(network, samples, 4, 3)
        next(running)
        files = shared_memory()
        if stop_early:
            running.close()
        else:
            list(running)
        assert_gone(files)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def actor_named(stream, part):
    from ipvae.lava_procs.supervision.watchdog import names_of_actors

    runtime = stream._process.runtime
    index = next(i for i, name in enumerate(names_of_actors(runtime)) if part in name)
    return runtime._messaging_infrastructure.actors[index]


@pytest.fixture
def long_stream(make_plain, plain_nets, rng):
    """A network about to run one silent sample of many steps, and that sample."""
    network, n_steps = make_plain(plain_nets.random_layers(rng, "CUBA")), 20000
    with contextlib.closing(network_run._Stream(network, n_steps, 1, timeout=3)) as stream:
        yield stream, iter([np.zeros((n_steps, network.input.size), np.int32)])


@pytest.mark.parametrize(
    "part",
    [
        *("Conv", "runtime service"),
        *(pytest.param(name, marks=pytest.mark.long) for name in ("LIFReset", "Dense")),
    ],
)
def test_a_killed_process_ends_the_run_by_name(long_stream, part):
    stream, samples = long_stream
    files = shared_memory()
    threading.Timer(1.0, os.kill, (actor_named(stream, part).pid, signal.SIGKILL)).start()
    with pytest.raises(HungBackendError, match=f"{part}.* died"):
        next(stream.run(samples))
    stream.close()
    assert_gone(files)


def test_a_stopped_process_ends_the_run_in_time(long_stream):
    stream, samples = long_stream
    files = shared_memory()
    threading.Timer(1.0, os.kill, (actor_named(stream, "Conv").pid, signal.SIGSTOP)).start()
    with pytest.raises(HungBackendError, match="for 3 s"):
        next(stream.run(samples))
    stream.close()
    assert_gone(files)


def test_a_hang_ends_run_network_with_all_its_processes(make_plain, plain_nets, monkeypatch, rng):
    from lava.proc.lif import models

    def broken(self):
        raise ZeroDivisionError("in mid-run")

    monkeypatch.setattr(models.PyLifResetModelBitAcc, "scale_threshold", broken)
    network = make_plain(plain_nets.random_layers(rng, "CUBA"))
    with pytest.raises(HungBackendError, match="LIFReset.* of layer . died: .*in mid-run"):
        list(run_network(network, np.zeros((1, 4, network.input.size), np.int32), 4, 1))
    assert multiprocessing.active_children() == []


def test_an_error_in_the_samples_ends_the_network(make_plain, plain_nets, rng):
    network = make_plain(plain_nets.random_layers(rng, "CUBA"))

    def samples():
        yield np.zeros((4, network.input.size), np.int32)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run_network(network, samples(), 4, 2))
    assert multiprocessing.active_children() == []


def test_a_model_that_cannot_be_built_leaves_nothing_behind(
    make_plain, plain_nets, monkeypatch, rng
):
    from lava.proc.lif import models

    def broken(self, params):
        raise ZeroDivisionError("while building")

    monkeypatch.setattr(models.PyLifResetModelBitAcc, "__init__", broken)
    network = make_plain(plain_nets.random_layers(rng, "CUBA"))
    with pytest.raises(
        HungBackendError, match="layer . died while the network was built.*while building"
    ):
        next(run_network(network, np.zeros((1, 4, network.input.size), np.int32), 4, 1))
    assert multiprocessing.active_children() == []
