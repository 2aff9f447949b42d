"""The whole Loihi 2 backend as its users call it, with a stand-in for Intel's extension.

The stand-in's "neuro-core models" run on the CPU, from docs/loihi2/*.json: what is tested is all
that lies on this side of the chip.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipvae.lava_procs.board.neuro_core_models import GROUP
from ipvae.network.io.network_file import read_network
from ipvae.network.traces.profiler_columns import COLUMNS
from ipvae.network.traces.replay import read_draws

pytestmark = pytest.mark.lava()

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = Path(__file__).parent.with_name("stand_in")
RUNS = ROOT / "docs" / "vectors" / "runs"
MODELS = {"poisson": "member_models:NcPoisson", "graded": "member_models:NcGraded"}


@pytest.fixture
def call(tmp_path):
    """Function (arguments, entry points, environment) -> finished python process."""

    def run(*arguments, entries=None, **environment):
        folder = tmp_path / "packages" / "member_stand_in-1.0.dist-info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: member-stand-in\n")
        lines = [f"{name} = {value}" for name, value in (entries or {}).items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "ping").write_text("#!/bin/sh\necho one line\n")
        (programs / "ping").chmod(0o755)
        paths = [str(ROOT), str(STAND_IN), str(folder.parent)]
        clean = {k: v for k, v in os.environ.items() if k not in ("SLURM", "PARTITION", "BOARD")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={
                **clean,
                "PYTHONPATH": os.pathsep.join(paths),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "OMP_NUM_THREADS": "1",
                "NXSDKHOST": "stand-in",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def ipvae(*arguments):
    return "-m", "ipvae.cli.main", *arguments


def test_verify_finds_emulator_and_backend_equal(call):
    net = str(RUNS / "chain.net.h5")
    words = ["--backends", "emulator,loihi2", "--samples", "1", "--steps", "2"]
    done = call(*ipvae("verify", net, *words), entries=MODELS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bit-exact: emulator = loihi2 in ")


def test_run_writes_trace_and_profile(call, tmp_path):
    net = str(RUNS / "odd.net.h5")
    words = ["--samples", "2", "--steps", "3", "--trace", "board.h5", "--profile", "log.csv"]
    done = call(*ipvae("run", net, "--backend", "loihi2", *words), entries=MODELS)
    assert (done.returncode, done.stderr) == (0, "")
    draws, _ = read_draws(tmp_path / "board.h5", read_network(net), 2, 3)
    assert draws.shape == (2, 4, 3)
    with (tmp_path / "log.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["num_steps"] == "7"  # the profiler's numbers are the stand-in's constants
    assert {row["execution_time"], row["power"], row["num_alloc_chips"]} == {"3e-06", "0.25", "1"}
    assert "vdd_power" not in row
    assert row.keys() <= COLUMNS.keys()


@pytest.mark.parametrize(
    ("chosen", "passed"),
    [
        ("reproduces and odd or there_are", 2),
        pytest.param("odd or sparse or there_are", 5, marks=pytest.mark.long),
    ],
)
def test_conformance_tests_run_on_the_target(call, chosen, passed):
    words = ["--target", "loihi2", "-q", "-k", chosen, "-p", "no:cacheprovider"]
    done = call("-m", "pytest", str(ROOT / "hw_tests"), *words, entries=MODELS)
    assert done.returncode == 0, done.stdout
    assert f"{passed} passed" in done.stdout


def test_conformance_tests_fail_with_the_line_if_a_model_is_missing(call):
    words = ["--target", "loihi2", "-q", "-k", "odd", "-p", "no:cacheprovider"]
    done = call("-m", "pytest", str(ROOT / "hw_tests"), *words)
    assert done.returncode == 1
    assert "no neuro-core model of PoissonNeuron is registered" in done.stdout
    assert "Traceback" not in done.stdout and "2 failed" in done.stdout


@pytest.mark.parametrize(
    ("entries", "environment", "status", "match"),
    [
        ({"p": "member_models:NcNarrow"}, {}, 2, "variable z has precision 16"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                ({}, {}, 2, "no neuro-core model of PoissonNeuron is registered"),
                (MODELS, {"NXSDKHOST": ""}, 2, "no board: "),
            )
        ),
    ],
)
def test_errors_are_one_line(call, entries, environment, status, match):
    net = str(RUNS / "odd.net.h5")
    words = ["--backend", "loihi2", "--samples", "1", "--steps", "2"]
    done = call(*ipvae("run", net, *words), entries=entries, **environment)
    assert done.returncode == status
    assert match in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
