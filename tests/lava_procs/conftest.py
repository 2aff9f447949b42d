"""Commands in separate sessions, so that whatever they leave behind is seen."""

import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from ipvae.lava_procs.importing import import_lava
from ipvae.network.io.lava_dl_file import read_plain


@pytest.fixture(autouse=True)
def shared_memory(monkeypatch):
    """Function that returns the files of shared memory that this process has made.

    They bear its number, as other tests may run on the same machine.
    """
    prefix = f"p{os.getpid()}_"
    monkeypatch.setattr("multiprocessing.shared_memory._SHM_NAME_PREFIX", f"/{prefix}")
    return lambda: set(Path("/dev/shm").glob(f"{prefix}*"))


class Session:
    """A session of processes that a command has started.

    Attributes
    ----------
    pid : of its first process, the command's, and of the session
    shared : files of shared memory seen mapped by its processes so far
    """

    def __init__(self, pid):
        self.pid, self.shared = pid, set()

    def processes(self):
        """Numbers of its living processes; notes their shared memory."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = path.read_text().rsplit(")", 1)[1].split()[:4]
                if int(session) == self.pid and state != "Z":
                    maps = path.with_name("maps").read_text()
                    self.shared |= {Path(name) for name in re.findall(r"/dev/shm/\S+", maps)}
                    found.append(int(path.parent.name))
            except OSError:  # it has ended meanwhile
                continue
        return found

    def children(self):
        return sorted(set(self.processes()) - {self.pid})

    def steps_are_run(self):
        """Whether some child has computed for half a second: the neurons, in mid-run."""
        return any(processor_seconds(pid) > 0.5 for pid in self.children())

    def require_gone(self, early=False):
        """Assert that no process and no shared memory is left; `early` if perhaps none was."""
        assert wait_for(lambda: self.processes() == [], 5), self.processes()
        assert self.shared or early, "no shared memory was seen"
        assert not [path for path in self.shared if path.exists()]

    def kill(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def processor_seconds(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, seconds):
    """Wait until a condition holds; False if it does not in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


class Command:
    """`ipvae ...` in a fork of this process, which has imported Lava already."""

    def __init__(self, words, change):
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self._run, args=(words, change))
        self.process.start()
        assert self.process.pid is not None
        self.session = Session(self.process.pid)

    def _run(self, words, change):
        os.setsid()
        os.dup2(self.output.fileno(), 1)
        os.dup2(self.output.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        resource_tracker._resource_tracker = tracker = resource_tracker.ResourceTracker()
        for name in ("ensure_running", "register", "unregister"):
            setattr(resource_tracker, name, getattr(tracker, name))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["ipvae", *map(str, words)]
        change()
        from ipvae.cli.main import main

        main()

    def finished(self, seconds):
        """Wait for its end; return its exit status and what it wrote."""
        end = time.monotonic() + seconds
        while self.process.is_alive() and time.monotonic() < end:
            self.session.processes()
            self.process.join(0.05)
        assert self.process.exitcode is not None, f"still running after {seconds} s"
        self.output.seek(0)
        return self.process.exitcode, self.output.read()


@pytest.fixture
def started():
    """Function that starts a command after some change of the program; all end with the test."""
    import_lava()
    commands = []

    def start(*words, change=lambda: None):
        commands.append(Command(words, change))
        return commands[-1]

    yield start
    for command in commands:
        command.session.kill()
        command.process.join()
        command.output.close()


@pytest.fixture
def session():
    """Class that follows the processes of a session."""
    return Session


@pytest.fixture
def until():
    """Wait until a condition holds; False if it does not in time."""
    return wait_for


@pytest.fixture
def make_plain(tmp_path, plain_nets):
    """Function of layers -> network, by its file."""

    def make(layers):
        return read_plain(plain_nets.write(tmp_path / "x.net", layers))

    return make
