"""The command line, run in this process."""

import contextlib
import io
import json

import pytest
from rich.console import Console

from ipvae.cli import output
from ipvae.cli.main import run_command


@pytest.fixture
def command(capsys):
    """Run a command; return status, parsed JSON or stdout, stderr."""

    def run(*words):
        status = run_command([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out.startswith("{") else out, err

    return run


@pytest.fixture(scope="session")
def run_wide():
    """Run a command on a terminal so wide that no cell is folded; return status and stdout."""

    def run(*words):
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
            patch.setattr(output, "Console", lambda **_: Console(width=400, highlight=False))
            status = run_command(["--quiet", *map(str, words)])
        return status, out.getvalue()

    return run
