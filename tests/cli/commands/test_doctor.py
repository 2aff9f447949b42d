"""`ipvae doctor` on a machine that works, and beside packages that are broken in every way."""

import json
import os
import subprocess
import sys

import pytest

from ipvae.workflows.doctor import BROKEN, MISSING, OK
from ipvae.workflows.doctor.checks import NEEDED

ENTRY = "from ipvae.cli.entry import main; main()"

WAYS = {
    "raises": "raise RuntimeError('line one\\nline two')",
    "exits": "import sys; sys.exit(3)",
    "dies": "import os; os.abort()",
    "hangs": "import time; time.sleep(600)",
    "prints": "print('{\"found\": 1}')\n__version__ = '1'",
    "lacks": "import something_that_is_not_there",
}


@pytest.fixture
def doctor(tmp_path):
    """Run it with test modules first on the path; the status, and the checks by name."""

    def run(modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), os.getcwd()])
        done = subprocess.run(
            [sys.executable, "-c", ENTRY, "doctor", "--json", "-"],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert "Traceback" not in done.stderr
        found = json.loads(done.stdout)
        assert found["ok"] == (done.returncode == 0)
        return done.returncode, {check["name"]: check for check in found["checks"]}

    return run


@pytest.mark.parametrize(
    "absent", [("sanafe", "dask", "skimage"), pytest.param((), marks=pytest.mark.long)]
)
def test_here_the_core_chain_works(doctor, absent):
    """Packages that need not be there take a second to load; with `-m long` they are tried too."""
    status, checks = doctor(dict.fromkeys(absent, ""))
    assert status == 0
    assert all(check["state"] == OK for check in checks.values() if check["needed"])
    assert set(NEEDED) < set(checks)
    assert "compiles" in checks["numba"]["found"]
    assert "computes on the CPU" in checks["torch"]["found"]
    assert all(c["advice"] for c in checks.values() if c["state"] != OK)
    import numpy

    assert checks["numpy"]["found"] == numpy.__version__


def test_broken_packages_are_named_and_the_others_still_work(doctor):
    status, checks = doctor(
        {"nir": WAYS["raises"], "torch": WAYS["dies"], "sanafe": WAYS["exits"], "dask": ""}
    )
    assert status == 1
    states = {name: check["state"] for name, check in checks.items()}
    names = ("nir", "torch", "sanafe", "dask", "numpy", "matplotlib")
    assert [states[n] for n in names] == [BROKEN] * 3 + [MISSING] + [OK] * 2
    assert checks["nir"]["found"] == "RuntimeError: line one line two"
    assert "its process ended, status -6" in checks["torch"]["found"]
    assert checks["sanafe"]["found"] == "SystemExit: 3"


def test_it_answers_even_where_the_command_line_does_not_start(doctor, tmp_path):
    status, checks = doctor({"numpy": WAYS["raises"], "rich": WAYS["exits"]})
    assert status == 1
    assert (checks["numpy"]["state"], checks["rich"]["state"]) == (BROKEN, BROKEN)
    assert checks["Python"]["state"] == OK
    (tmp_path / "rich.py").unlink()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    for words in (["evaluate", "doctor"], ["doctor", "--json", str(tmp_path / "found.json")]):
        done = subprocess.run(
            [sys.executable, "-c", ENTRY, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("does not start" in done.stderr) == (words[0] == "evaluate")
    assert not json.loads((tmp_path / "found.json").read_text())["ok"]
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "info", "x"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "does not start (RuntimeError: line one line two); see what" in done.stderr


def test_a_signal_during_an_import_is_no_broken_package(tmp_path):
    (tmp_path / "h5py.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "info", "x.h5"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])},
        capture_output=True,
        text=True,
        check=False,
    )
    message = "ipvae: info was stopped (SIGTERM); nothing was written\n"
    assert (done.returncode, done.stdout, done.stderr) == (143, "", message)
