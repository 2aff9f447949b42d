"""Runs in shards on a Dask cluster: the numbers of one process, also when a worker dies."""

import gc
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipvae.cli.main import run_command
from ipvae.errors import HungBackendError
from ipvae.network.io.network_file import write_network
from ipvae.workflows import cluster as scale

STEPS = 300
IMAGES = 6 * scale.IMAGES + 5

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason=f"needs Dask: {scale.INSTALL}"
)


@pytest.fixture(scope="module")
def cluster():
    with scale.local_cluster(2) as started:
        yield started


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network(n_images=IMAGES))
    return path


def kill_a_busy_worker(cluster):
    """SIGKILL one that runs a shard; its process's number."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for worker in list(cluster.scheduler.workers.values()):
            if any(task.key.startswith("_act") for task in list(worker.processing)):
                number = cluster.workers[worker.name].pid
                os.kill(number, signal.SIGKILL)
                return number
    raise AssertionError("no worker was busy")


def run_again(cluster):
    """Shards that were taken from a worker before they were done."""
    return {
        key
        for key, start, finish, *_ in list(cluster.scheduler.transition_log)
        if str(key).startswith("_act") and (start, finish) == ("processing", "released")
    }


@needs_dask
def test_a_killed_worker_changes_no_number(command, net, cluster, monkeypatch):
    killed, finished, spread = [], [], scale.spread

    def with_a_kill(function, shards, scheduler, progress):
        def on_shard(shard):
            finished.append(shard.first)
            if not killed:
                killed.append(kill_a_busy_worker(cluster))
            progress(shard)

        def slowly(shard):
            time.sleep(0.2)  # so that a worker is busy when the first result is here
            return function(shard)

        return spread(slowly, shards, scheduler, on_shard)

    monkeypatch.setattr(scale, "spread", with_a_kill)
    words = ("evaluate", net, "--steps", f"7,{STEPS}", "--sparsity", "--json", "-")
    expected = command(*words)
    assert expected[0] == 0 and not finished
    before = run_again(cluster)
    found = command(*words, "--scheduler", cluster.scheduler_address)
    assert found == expected
    assert sorted(finished) == list(range(0, IMAGES, scale.IMAGES))
    assert len(killed) == 1 and run_again(cluster) > before
    with pytest.raises(ProcessLookupError):
        os.kill(killed[0], 0)


@needs_dask
@pytest.mark.usefixtures("without_page")
def test_a_report_in_shards_counts_the_same(command, net, cluster, tmp_path):
    words = ("report", net, "--samples", IMAGES, "--steps", 9, "--json", "-", "--out", tmp_path)
    expected = command(*words)
    assert expected[0] == 0
    found = command(*words, "--scheduler", cluster.scheduler_address)
    for _, result, _ in (expected, found):  # energy of this machine is measured in one of them
        result["energy"] = [row for row in result["energy"] if row["kind"] == "modelled"]
        del result["energy_notes"]
    assert found == expected


@needs_dask
def test_images_that_stop_alone_stop_there_too(command, net, cluster):
    words = ("evaluate", net, "--steps", 200, "--stop", "free-energy", "--json", "-")
    expected = command(*words)
    assert expected[0] == 0 and len(set(expected[1]["stop"]["steps_of_each"])) > 2
    assert command(*words, "--scheduler", cluster.scheduler_address) == expected


@needs_dask
def test_a_large_run_is_spread_over_this_machine_unless_asked_otherwise(command, net, monkeypatch):
    asked, words = [], ("evaluate", net, "--steps", 4, "--json", "-")
    expected = command(*words)
    spread, local_cluster = scale.spread, scale.local_cluster
    monkeypatch.setattr(scale, "local_cluster", lambda _: local_cluster(1))
    monkeypatch.setattr(scale, "LARGE", 4 * IMAGES)
    monkeypatch.setattr(scale, "processors", lambda: 2)
    monkeypatch.setattr(scale, "spread", lambda *given: asked.append(given[2]) or spread(*given))
    assert command(*words, "--scheduler", "none") == expected and not asked
    status, found, err = command(*words)
    assert (status, found, asked) == (*expected[:2], ["local"])
    assert "--scheduler none keeps them here" in err
    command("evaluate", net, "--steps", 3, "--json", "-")
    assert asked == ["local"]


@needs_dask
def test_a_worker_with_another_version_is_named(command, net, cluster, monkeypatch):
    monkeypatch.setattr(scale, "__version__", "99.0")
    status, out, err = command("evaluate", net, "--scheduler", cluster.scheduler_address)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "worker tcp://" in err and "allowed 99.0 as here; install it there" in err


@needs_dask
def test_a_shard_that_ends_every_worker_is_given_up(cluster, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)

    def fatal(shard):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(HungBackendError, match="workers died one after another"):
        scale.spread(fatal, [1], cluster.scheduler_address)


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere"])
def test_a_wrong_address_is_one_line(command, net, monkeypatch, address):
    monkeypatch.setattr(scale, "CONNECT_SECONDS", 0.5)
    status, out, err = command("evaluate", net, "--scheduler", address)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"no Dask scheduler answers at '{address}'" in err and "tcp://host:8786" in err


@needs_dask
def test_a_scheduler_that_did_not_answer_leaves_no_client(command, net, monkeypatch):
    """A client left to the garbage collector may wait for a lock of Dask that its thread holds."""
    monkeypatch.setattr(scale, "CONNECT_SECONDS", 0.5)
    distributed = pytest.importorskip("distributed")
    gc.collect()
    gc.disable()
    try:
        for address in ("tcp://127.0.0.1:1", "nonsense"):
            assert command("evaluate", net, "--scheduler", address)[0] == 2
            left = [one for one in gc.get_objects() if type(one) is distributed.Client]
            assert left == []
    finally:
        gc.enable()


def test_a_scheduler_without_workers_is_one_line(command, net, monkeypatch):
    monkeypatch.setattr(scale, "CONNECT_SECONDS", 0.5)
    with scale.local_cluster(0) as empty:
        status, out, err = command("evaluate", net, "--scheduler", empty.scheduler_address)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "has no worker; start some with 'dask worker tcp://" in err


@pytest.fixture
def started(net, tmp_path):
    """Function that starts `evaluate` on a local cluster, as a process in a new session."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    processes = []

    def start(steps):
        words = ["evaluate", str(net), "--steps", steps, "--json", "-", "--scheduler", "local"]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "ipvae.cli.main", *words],
                env={**os.environ, "TMPDIR": str(scratch)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return processes[-1], scratch

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def of_session(leader):
    """Processes of a session that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, *numbers = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(numbers[2]) == leader and state != "Z":
            found.append(int(folder.name))
    return found


def left_of(leader):
    """Processes of a session that do not end by themselves, as multiprocessing's helper does."""
    deadline = time.monotonic() + 5
    while (found := of_session(leader)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"
)


@needs_dask
@needs_proc
def test_a_local_cluster_gives_the_same_and_leaves_nothing(command, net, started):
    process, scratch = started("8")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out) == command("evaluate", net, "--steps", "8", "--json", "-")[1]
    assert list(scratch.iterdir()) == []
    assert left_of(process.pid) == []


@needs_dask
@needs_proc
def test_ctrl_c_ends_a_local_cluster_without_a_word_of_dask(started):
    process, scratch = started("1000000")
    while len(of_session(process.pid)) < 3:  # the command, a helper of multiprocessing, a worker
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    estimate, stopped = err.splitlines()
    assert estimate.startswith("evaluating 773 images to step 1000000: roughly ")
    assert stopped == "ipvae: evaluate was stopped (SIGINT); nothing was written"
    assert list(scratch.iterdir()) == []
    assert left_of(process.pid) == []


def test_without_dask_one_line_states_how_to_install_it(command, net, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    status, out, err = command("evaluate", net, "--scheduler", "local")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'ipvae-loihi[scale]'" in err


def test_a_model_does_not_run_on_a_cluster(tmp_path, capsys):
    assert run_command(["evaluate", str(tmp_path), "--scheduler", "local"]) == 2
    assert (
        f"--scheduler: found {tmp_path}, allowed with network files (.h5) only"
        in capsys.readouterr().err
    )
