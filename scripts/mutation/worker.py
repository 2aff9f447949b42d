"""Worker process that runs mutants in a copy of the tree, each in a fork of itself.

It starts in the copy, reads requests and writes answers, one JSON object per line. Third-party
packages are imported once; project modules and tests are imported in every fork.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

OTHERS = (
    *("numpy", "numpy.testing", "h5py", "numba", "scipy.stats", "scipy.linalg", "torch"),
    *("matplotlib.pyplot", "sklearn.datasets", "typer.testing", "rich.console", "rich.table"),
    *("jinja2", "nir", "safetensors.numpy"),
)
OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=0")
LIMITS = (signal.SIGXCPU, signal.SIGKILL)
IDLE_S = 300.0
EXIT_NOTHING = 5  # pytest collected no test


class _First:
    """Pytest plugin that records the first failing test."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report) -> None:
        self.failed = self.failed or (report.nodeid if report.failed else "")

    def pytest_collectreport(self, report) -> None:
        self.failed = self.failed or (f"import of {report.nodeid}" if report.failed else "")


def in_fork(task: Callable[[], str], cpu_s: float, idle_s: float) -> str:
    """Result of a task in a fork; "late" if it computes or waits too long, "" if it crashes.

    On a busy machine a run takes longer by the clock; only sleep without any progress is a hang.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the worker
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 5))
            log = os.open("mutation.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
                os.dup2(file, stream)
            os.write(write, task().encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    os.close(write)
    seen, since = "", time.monotonic()
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        state, used = fields[0], " ".join(fields[11:15])  # CPU times, own and children's
        if state == "R" or used != seen:
            seen, since = used, time.monotonic()
        elif time.monotonic() - since > idle_s:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # child processes of the tests
        os.killpg(child, signal.SIGKILL)
    with os.fdopen(read) as pipe:
        late = os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) in LIMITS
        return "late" if late else pipe.read()


def trial(request: dict) -> dict:
    """Run tests with one file changed; return the outcome, and the test that failed."""
    path = Path(request["path"])
    kept = path.read_bytes(), path.stat()
    cache = tempfile.mkdtemp() if request["fresh_cache"] else None

    def tests() -> str:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        if cache:
            os.environ["NUMBA_CACHE_DIR"] = cache
            importlib.import_module("numba.core.config").reload_config()
        first = _First()
        status = pytest.main([*OPTIONS, "-x", *request["tests"]], plugins=[first])
        return json.dumps([int(status), first.failed])

    try:
        path.write_text(request["text"])
        answer = in_fork(tests, request["cpu_s"], request.get("idle_s", IDLE_S))
    finally:
        path.write_bytes(kept[0])
        os.utime(path, ns=(kept[1].st_atime_ns, kept[1].st_mtime_ns))
        if cache:
            shutil.rmtree(cache, ignore_errors=True)
    if answer in ("late", ""):
        return {"outcome": "timed out" if answer else "killed", "by": "" if answer else "a crash"}
    status, failed = json.loads(answer)
    if status == EXIT_NOTHING:
        return {"outcome": "no test", "by": ""}
    return {"outcome": "killed" if status else "survived", "by": failed}


def reach(request: dict) -> dict:
    """Lines that each test of some files reaches (`mutation.reach`)."""

    def tests() -> str:
        from mutation.reach import Reach, tree_of

        found = Reach(tree_of(Path.cwd()), tuple(request["rooms"]))
        pytest.main([*OPTIONS, *request["tests"]], plugins=[found])
        sys.settrace(None)
        Path("reach.json").write_text(json.dumps(found.tests))
        return "done"

    if in_fork(tests, request["cpu_s"], request.get("idle_s", IDLE_S)) != "done":
        raise SystemExit(Path("mutation.log").read_text())
    return json.loads(Path("reach.json").read_text())


def main() -> None:
    """Answer requests until the end of input."""
    for name in OTHERS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        result = reach(request) if request["what"] == "reach" else trial(request)
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
