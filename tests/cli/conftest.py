"""The command line, run in this process."""

import json

import pytest

from ipvae.cli.main import run_command


@pytest.fixture
def without_page(monkeypatch):
    """Reports whose page and figures are not drawn, which takes longest: report.json alone."""
    monkeypatch.setattr("ipvae.report.page.files", lambda *_: {"index.html": b"page"})


@pytest.fixture
def command(capsys):
    """Run a command; return status, parsed JSON or stdout, stderr."""

    def run(*words):
        status = run_command([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out.startswith("{") else out, err

    return run
