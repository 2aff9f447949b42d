"""Processes that die or hang in mid-run end the command, by name, and leave nothing behind."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ipvae.network.io.network_file import write_network

pytestmark = [
    pytest.mark.lava(),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
]

STEPS, TIMEOUT = 20, 2
AT = STEPS + 1 + 7  # calls until step 7 of image 1, one a row


def at_call(number, function, then):
    """Return a function that calls another; before one of its calls it does something else."""
    calls = 0

    def changed(*arguments):
        nonlocal calls
        if calls == number:
            then()
        calls += 1
        return function(*arguments)

    return changed


def in_the_neuron(then):
    def change():
        from ipvae.lava_procs.procs.poisson_neuron import models

        models.draw_counts = at_call(AT, models.draw_counts, then)

    return change


def in_the_dense(then):
    def change():
        from ipvae.lava_procs.models.event_driven import PyDenseEventDriven

        model: Any = PyDenseEventDriven
        model.run_spk = at_call(AT, model.run_spk, then)

    return change


def in_the_service(then):
    def change():
        from lava.magma.runtime.runtime_services.runtime_service import LoihiPyRuntimeService

        service: Any = LoihiPyRuntimeService
        service._send_pm_cmd = at_call(AT, service._send_pm_cmd, then)

    return change


def fail():
    raise ZeroDivisionError("in mid-run")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def sleep():
    time.sleep(1000)


def spin():
    while True:
        pass


def while_built(then):
    def change():
        from ipvae.lava_procs.procs.poisson_neuron.models import PyPoissonNeuronFixed

        model: Any = PyPoissonNeuronFixed
        model.__init__ = at_call(0, model.__init__, then)

    return change


NEURON = r"PoissonNeuron 'neuron' of layer 1"
DENSE = r"Dense 'synapse' of layer 1"
PLACE = r"in step 7 of image 1, phase 'drawing'"
BUILT = "while the network was built"
SILENT = f"gave no heartbeat for {TIMEOUT} s"
NEAR = rf"while {NEURON} was in step [5-7] of image 1, phase '[a-z ]+'"
CASES = {
    "neuron raises": (
        in_the_neuron(fail),
        rf"{NEURON} died {PLACE}: ZeroDivisionError: in mid-run;",
    ),
    "neuron is killed": (in_the_neuron(die), rf"{NEURON} died {PLACE} \(exit code -9\);"),
    "neuron sleeps": (in_the_neuron(sleep), rf"{NEURON} {SILENT} {PLACE}, at sleep \(test_watch"),
    "neuron spins": (in_the_neuron(spin), rf"{NEURON} {SILENT} {PLACE}, at spin \(test_watch"),
    "neuron is stopped": (in_the_neuron(stop), rf"{NEURON} {SILENT} {PLACE}, answers no signal"),
    "dense raises": (in_the_dense(fail), rf"{DENSE} died {NEAR}: ZeroDivisionError: in mid-run;"),
    "dense is killed": (in_the_dense(die), rf"{DENSE} died {NEAR} \(exit code -9\);"),
    "dense sleeps": (in_the_dense(sleep), rf"{DENSE} {SILENT}, at sleep \(test_watch.* {NEAR};"),
    "neuron raises early": (
        while_built(fail),
        rf"{NEURON} died {BUILT}: ZeroDivisionError: in mid",
    ),
    "neuron is killed early": (while_built(die), rf"{NEURON} died {BUILT} \(exit code -9\);"),
    "neuron sleeps early": (while_built(sleep), rf"{NEURON} {SILENT} {BUILT}, at sleep \(test_"),
    "service is killed": (in_the_service(die), rf"runtime service died {NEAR} \(exit code -9\);"),
    "service sleeps": (in_the_service(sleep), rf"runtime service {SILENT}, at sleep .* {NEAR};"),
}


# One of each sort: raised, killed, silent, stopped; of each process; at the start and in mid-run.
OFTEN = (
    *("neuron raises", "neuron sleeps", "neuron is stopped", "dense is killed"),
    *("neuron raises early", "service is killed"),
)


@pytest.mark.parametrize(
    "case", [c if c in OFTEN else pytest.param(c, marks=pytest.mark.long) for c in CASES]
)
def test_whoever_dies_or_hangs_is_named_and_nothing_is_left(tmp_path, make_network, started, case):
    change, expected = CASES[case]
    write_network(tmp_path / "net.h5", make_network())
    timeout = TIMEOUT if SILENT in expected else 60  # a machine may be busy
    words = ["--backend", "lava", "--samples", 3, "--steps", STEPS, "--timeout", timeout]
    command = started("run", tmp_path / "net.h5", *words, change=change)
    status, output = command.finished(20)
    assert status == 1, output
    lines = [line for line in output.splitlines() if line.startswith("ipvae: ")]
    assert len(lines) == 1
    assert re.search(rf"ipvae: backend 'lava': {expected}", lines[0]), lines[0]
    assert "Traceback" not in output
    command.session.require_gone()
