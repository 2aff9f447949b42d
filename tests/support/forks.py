"""Programs in forks of a process that has imported the toolchain and PyTorch, and run nothing.

A fork starts in a tenth of a second where an interpreter takes three, and unlike a fork of the
tests' own process it inherits no threads and no state of earlier tests. Loaded by conftest.py.
"""

import itertools
import multiprocessing
import os
import runpy
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

PRELOADED = [
    *("ipvae.cli.main", "ipvae.cli.commands.train", "ipvae.workflows.train"),
    *("ipvae.train.run.fit", "sklearn.datasets"),
]
COMMAND = "from ipvae.cli.main import main; main()"
NUMBERS = itertools.count()


class Fork:
    """A program in a separate session, with the methods of `subprocess.Popen`.

    Parameters
    ----------
    folder : Path
        For what it writes to stdout and stderr.
    words : tuple
        Its arguments.
    code : str
        What it runs.
    env : dict of str to str
        Variables to set before.
    """

    def __init__(self, folder, *words, code=COMMAND, env=None):
        number = next(NUMBERS)
        self.files = [Path(folder) / f"{number}.{name}" for name in ("out", "err")]
        given = {"words": [str(word) for word in words], "code": code, "env": env or {}}
        given["files"] = [str(path) for path in self.files]
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        _start_server()
        options = {"init_globals": {"GIVEN": given}, "run_name": "fork"}
        self.process = context.Process(target=runpy.run_path, args=(__file__,), kwargs=options)
        self.process.start()
        self.pid = self.process.pid

    @property
    def returncode(self):
        return self.process.exitcode

    def poll(self):
        return self.process.exitcode

    def kill(self):
        self.process.kill()

    def send_signal(self, number):
        os.kill(self.pid, number)

    def communicate(self, timeout=None):
        """Wait for its end; return what it wrote to stdout and stderr."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"still running after {timeout} s"
        return tuple(path.read_text() if path.exists() else "" for path in self.files)


def _start_server():
    """Start the process that forks, if it does not run, as a user's shell would start it."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        forkserver.ensure_running()
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def _become(words, code, env, files):
    """Turn a fork into the program."""
    os.setsid()
    for number, path in enumerate(files, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(env)
    sys.argv = ["ipvae", *words]
    try:
        exec(code, {"__name__": "__main__"})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "fork":
    _become(**globals()["GIVEN"])
