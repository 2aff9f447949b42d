"""Machines that lack something: one line with the reason and what to do, never a traceback."""

import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.environment import memory_limit, open_files_exhausted, reason, require_package
from ipvae.errors import BackendError
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat
from ipvae.network.io.network_file import write_network

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "from ipvae.cli.entry import main; main()"
FILES, MEMORY = 20, 300 << 20
needs_lava = pytest.mark.skipif(
    importlib.util.find_spec("lava") is None, reason="needs lava-nc, which is not installed"
)


@pytest.fixture(scope="module")
def net(kinds, tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.h5"
    write_network(path, kinds.networks(4)["recurrent"])
    return path


def limited(what, most):
    """Function that sets a limit of the child."""
    return lambda: resource.setrlimit(what, (most, most))


def started(*words, limit=None, cwd=ROOT, **environment):
    """Run the console script in a separate process; status, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        cwd=cwd,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def refused(found, *texts):
    """Assert one line with these texts and exit status 2."""
    status, out, err = found
    assert (status, out, err.count("\n")) == (2, "", 1), err
    for text in texts:
        assert text in err


BROKEN = {
    "absent": ("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')", "No module"),
    "library": ("raise OSError('libcudart.so: cannot open shared object')", "OSError: libcudart"),
    "symbol": ("raise ImportError('undefined symbol: iJIT_NotifyEvent')", "(undefined symbol"),
    "attribute": ("import json; json.nothing", "AttributeError: module 'json'"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "lines": ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_training_names_what_is_wrong_with_torch(command, tmp_path, monkeypatch, way):
    for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    text, cause = BROKEN[way]
    (tmp_path / "torch.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    status, _, err = command("train", "--preset", "digits", "--out", tmp_path / "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "training needs PyTorch, which cannot be imported" in err and cause in err
    assert "pip install torch" in err and not (tmp_path / "run").exists()


def test_limits_of_a_process_are_part_of_a_reason(monkeypatch):
    assert reason(ImportError("libx.so")) == "libx.so"
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64 << 20, unlimited))
    assert memory_limit() == 64 << 20
    assert reason(ImportError("libx.so")).endswith("may use 64 MiB of memory: raise ulimit -v")
    assert "ulimit" not in reason(ModuleNotFoundError("no module named x"))
    error = OSError(24, "Too many open files")
    assert open_files_exhausted(error) and not open_files_exhausted(OSError(2, "none"))
    assert "raise ulimit -n" in reason(error)
    with pytest.raises(BackendError, match="^x needs y, which cannot be imported"):
        require_package("nothing_of_this_name", "x needs y", "Get it.")


def test_functions_that_need_compiling_state_which_variable_forbids_it(net):
    found = started("run", net, "--samples", 1, "--steps", 1, NUMBA_DISABLE_JIT="1")
    refused(found, "NUMBA_DISABLE_JIT is set", "unset it")


@pytest.mark.parametrize("words", [("report",), ("compare", "--samples", "1", "--steps", "1")])
def test_an_unknown_backend_of_matplotlib_is_named_before_the_work(net, tmp_path, words):
    out = tmp_path / "out"
    found = started(words[0], net, "--out", out, *words[1:], MPLBACKEND="none-such")
    refused(found, "MPLBACKEND is 'none-such', which it does not know", "unset MPLBACKEND")
    assert not out.exists()


@needs_lava
def test_warnings_as_errors_do_not_stop_lava(net):
    words = ("run", net, "--backend", "lava", "--samples", 1, "--steps", 1)
    status, out, err = started(*words, PYTHONWARNINGS="error")
    assert (status, err) == (0, "") and "saturations" in out


@needs_lava
def test_lava_states_how_many_files_it_needs(net):
    words = ("run", net, "--backend", "lava", "--samples", 1, "--steps", 1)
    found = started(*words, limit=limited(resource.RLIMIT_NOFILE, FILES))
    refused(found, "backend 'lava': Lava opens up to", f"may open {FILES}, of which", "ulimit -n")


def test_a_limit_of_memory_is_reported(net):
    found = started(
        "run", net, "--samples", 1, "--steps", 1, limit=limited(resource.RLIMIT_AS, MEMORY)
    )
    refused(found, "this process may use 300 MiB of memory: raise ulimit -v")


def test_doctor_answers_where_it_may_start_nothing(tmp_path):
    limit = limited(resource.RLIMIT_NOFILE, 10)
    status, out, err = started("doctor", "--json", "-", limit=limit)
    assert (status, err) == (1, "")
    found = {check["name"]: check["found"] for check in json.loads(out)["checks"]}
    assert "may open 10 files: raise ulimit -n" in str(found)


def test_a_working_directory_that_is_gone_is_one_line(net, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    found = started("check", net, cwd=gone, limit=lambda: os.rmdir(gone))
    refused(found, "the working directory is gone: change to one that exists")


def in_namespace(mount, *words):
    """Run the console script with separate file systems; None where that is not allowed."""
    line = f'{mount} && exec "$@"'
    program = ["unshare", "-m", "sh", "-c", line, "sh", sys.executable, "-c", ENTRY]
    try:
        allowed = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if allowed.returncode:
        return None
    done = subprocess.run(
        [*program, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@needs_lava
@pytest.mark.parametrize(
    ("mount", "texts"),
    [
        ("mount -t tmpfs -o size=16k none /dev/shm", ("No space left", "shm-size")),
        # Room for the semaphores, not for the channels: a write would kill the process.
        ("mount -t tmpfs -o size=120k none /dev/shm", ("No space left", "shm-size")),
        ("mount -t tmpfs -o ro none /dev/shm", ("Read-only file system", "/dev/shm")),
    ],
)
def test_too_little_shared_memory_is_one_line(net, mount, texts):
    words = ("run", net, "--backend", "lava", "--samples", 1, "--steps", 1)
    found = in_namespace(mount, *words)
    if found is None:
        pytest.skip("no mount namespaces here: they need root, or a kernel that allows them")
    refused(found, "backend 'lava': the network could not be started", *texts)


def test_a_network_without_a_spike_is_reported_without_a_warning(command, tmp_path):
    trained = FloatNetwork(
        phi=np.full((4, 3), 1e-3),
        sigma=np.ones(4),
        step_size=0.01,
        bias=np.ones(3),
        u0=np.full(3, -50.0),
    )
    images = Images(np.full((2, 4), 9, np.int16), np.full(2, -1, np.int16))
    silent = quantize(trained, InputFormat(0, 15, 1 / 15, (2, 2)), images, 8)
    write_network(tmp_path / "net.h5", silent)
    for words in (("--samples", 1, "--steps", 1), ("--steps", 5)):
        status, found, err = command(
            "report", tmp_path / "net.h5", "--out", tmp_path / "out", *words, "--json", "-"
        )
        assert (status, err, found["counts"]["spikes"]) == (0, "", 0)
