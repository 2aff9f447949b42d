"""A command that is interrupted leaves no process and no shared memory behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipvae.network.file import write_network

pytestmark = pytest.mark.lava()


def processes_of_session(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:  # it has ended meanwhile
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def steps_are_run(parent: int) -> bool:
    """Whether some child has computed for two seconds: the neurons, in mid-run."""
    children = set(processes_of_session(parent)) - {parent}
    return any(processor_time(pid) > 2 * os.sysconf("SC_CLK_TCK") for pid in children)


def processor_time(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def shared_memory_of_session(session: int) -> set[Path]:
    """Files of shared memory that a session's processes have mapped."""
    found = set()
    for pid in processes_of_session(session):
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue
        found |= {Path(name) for name in re.findall(r"/dev/shm/\S+", maps)}
    return found


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_to_the_parent_alone_leaves_nothing_behind(tmp_path, make_network, number, status):
    write_network(tmp_path / "net.h5", make_network())
    command = [sys.executable, "-m", "ipvae.cli.main", "run", str(tmp_path / "net.h5")]
    options = ["--backend", "lava", "--samples", "5", "--steps", "200000"]
    running = subprocess.Popen(
        [*command, *options], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_for(lambda: steps_are_run(running.pid), 120)
        shared = shared_memory_of_session(running.pid)
        assert shared
        os.kill(running.pid, number)
        _, error = running.communicate(timeout=30)
        assert running.returncode == status
        assert "Traceback" not in error
        assert wait_for(lambda: processes_of_session(running.pid) == [], 5)
        assert not [path for path in shared if path.exists()]
    finally:
        for pid in processes_of_session(running.pid):
            os.kill(pid, signal.SIGKILL)
        running.wait()
