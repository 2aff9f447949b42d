"""A command that is interrupted or killed leaves no process and no shared memory behind."""

import multiprocessing.popen_fork
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ipvae.network.io.network_file import write_network

pytestmark = [
    pytest.mark.lava(),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
]

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WAYS = {
    "SIGINT to the group": (os.killpg, signal.SIGINT),
    "SIGINT to the parent": (os.kill, signal.SIGINT),
    "SIGTERM to the parent": (os.kill, signal.SIGTERM),
    "SIGTERM to the group": (os.killpg, signal.SIGTERM),
}
LONG = pytest.mark.long
FORKS = 4  # keeper of the shared memory, neuron, Dense, runtime service


@pytest.fixture
def words(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network())
    return ["run", tmp_path / "net.h5", "--backend", "lava", "--samples", 5, "--steps", 200000]


def require_quiet_end(command, number):
    status, output = command.finished(20)
    assert status == STATUS[number]
    assert "Traceback" not in output, output


def some_ways(*some):
    """All ways, of which some are tried in every run of the tests."""
    return [way if way in some else pytest.param(way, marks=LONG) for way in WAYS]


@pytest.mark.parametrize("way", some_ways("SIGINT to the group", "SIGTERM to the parent"))
def test_a_signal_in_mid_run_leaves_nothing_behind(words, started, until, way):
    send, number = WAYS[way]
    command = started(*words)
    assert until(command.session.steps_are_run, 60)
    send(command.session.pid, number)
    require_quiet_end(command, number)
    command.session.require_gone()


@pytest.mark.parametrize("way", some_ways("SIGINT to the parent", "SIGTERM to the group"))
def test_a_signal_while_models_are_built_leaves_nothing_behind(words, started, until, way):
    def slow():
        from ipvae.lava_procs.procs.poisson_neuron.models import PyPoissonNeuronFixed

        model: Any = PyPoissonNeuronFixed
        model.__init__ = lambda *_: time.sleep(1000)

    send, number = WAYS[way]
    command = started(*words, change=slow)
    assert until(lambda: len(command.session.children()) > FORKS, 60)  # and the resource tracker
    send(command.session.pid, number)
    require_quiet_end(command, number)
    command.session.require_gone()


# In every run each fork and each way once.
EACH_ONCE = dict(enumerate(WAYS))


@pytest.mark.parametrize(
    ("fork", "way"),
    [
        pytest.param(fork, way, marks=() if EACH_ONCE[fork] == way else LONG)
        for fork in range(FORKS)
        for way in WAYS
    ],
)
def test_a_signal_right_after_a_fork_leaves_nothing_behind(words, started, way, fork):
    send, number = WAYS[way]

    def interrupted():
        process: Any = multiprocessing.popen_fork.Popen
        launch, forks = process._launch, []

        def changed(*arguments):
            launch(*arguments)
            forks.append(arguments)
            if len(forks) == fork + 1:
                send(os.getpid(), number)

        process._launch = changed

    command = started(*words, change=interrupted)
    require_quiet_end(command, number)
    command.session.require_gone(early=True)


def test_nothing_outlives_a_parent_that_was_killed(words, session, until):
    """In a separate interpreter, as the one that forks here has more children."""
    command = [sys.executable, "-m", "ipvae.cli.main", *map(str, words)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as running:
        processes = session(running.pid)
        try:
            assert until(processes.steps_are_run, 120)
            running.kill()
            running.wait()
            processes.require_gone()
        finally:
            processes.kill()
