"""The command line, run in this process."""

import contextlib
import io
import json

import numpy as np
import pytest
from rich.console import Console

from ipvae.cli import output
from ipvae.cli.main import run_command
from ipvae.network.io.network_file import write_network
from ipvae.workflows.reporting import once

LOG = (
    "num_steps,avg_time_per_step,total_power,static_total_power,core_idx,syn_ops,host\n"
    "35,3,1234.5,0.3,0,700,here\n"
)


@pytest.fixture
def without_page(monkeypatch):
    """Reports whose page and figures are not drawn, which takes longest: report.json alone."""
    page = b'<meta name="generator" content="ipvae-loihi report">'
    monkeypatch.setattr("ipvae.report.html.page.files", lambda *_: {"index.html": page})


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


@pytest.fixture(scope="session")
def both_reports(tmp_path_factory, kinds, shown, run_wide):
    """JSON and text of two reports: of errors, a code and two read-outs; and beside a log."""
    home = tmp_path_factory.mktemp("both_reports")
    network = shown.with_named_readouts(kinds.networks(4)["errors + 2 read-outs"])
    write_network(home / "net.h5", network)
    (home / "log.csv").write_text(LOG)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        watch = once.this_machine
        patch.setattr(once, "this_machine", lambda _: watch("elsewhere"))
        for name, more in {"modelled": (), "measured": ("--measured", home / "log.csv")}.items():
            words = ("report", home / "net.h5", "--out", home / name, "--samples", 3, "--steps", 7)
            status, text = run_wide(*words, *more)
            assert status == 0
            found[name] = json.loads((home / name / "report.json").read_text()), text
    return found


@pytest.fixture
def cuba_net(tmp_path, plain_nets):
    """A CUBA network of a convolution and a dense layer, its file, and the folder of its images."""
    p, rng, shape = plain_nets, np.random.default_rng(1), (2, 5, 4)
    first = p.conv(rng.integers(-9, 20, (3, 2, 2, 2)), shape, p.cuba(6), padding=1)
    n = int(np.prod(first["shape"]))
    layers = [
        p.entry(shape, p.cuba(25), weight=[30.0], bias=[2.0]),
        first,
        p.flatten(n),
        p.dense(rng.integers(-9, 10, (4, n)), p.cuba(9)),
    ]
    np.save(tmp_path / "real.npy", rng.random((3, *shape)))
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2]))
    np.save(tmp_path / "whole.npy", rng.integers(0, 40, (3, *shape)))
    return layers, p.write(tmp_path / "x.net", layers), tmp_path
