"""`ipvae doctor` on a machine that works, and beside packages that are broken in every way."""

import json
import os
import subprocess
import sys

import pytest

from ipvae.cli import doctor_checks
from ipvae.cli.doctor_checks import BROKEN, MISSING, OK, Answers, Finding, allows, lines, works

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
    """Run it with modules of ours first on the path; the status, and the checks by name."""

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
    assert set(doctor_checks.NEEDED) < set(checks)
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


def test_whatever_an_import_does_the_next_ones_are_tried(tmp_path, monkeypatch):
    for name, text in WAYS.items():
        (tmp_path / f"made_up_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor_checks, "SECONDS", 3.0)
    steps = [("import", f"made_up_{name}") for name in [*WAYS, "nowhere"]]
    answers = Answers(doctor_checks._tried([steps, [("import", "json")]]))
    found = {s[1]: answers.finding(s, s[1], False, "get it", "mend it") for s in steps}
    assert found["made_up_prints"] == Finding("made_up_prints", OK, False, "1")
    assert found["made_up_nowhere"].state == MISSING
    assert found["made_up_nowhere"].advice == "get it"
    for name in ("raises", "exits", "dies", "hangs", "lacks"):
        assert found[f"made_up_{name}"].state == BROKEN, name
        assert found[f"made_up_{name}"].advice == "mend it"
    assert found["made_up_hangs"].found == "did not answer in 3 s"
    assert "something_that_is_not_there" in found["made_up_lacks"].found
    assert answers.of["import", "json"]["found"]


@pytest.mark.parametrize(
    ("rule", "version", "held"),
    [
        ("<3,>=1.26", "1.26.4", True),
        ("<3,>=1.26", "3.0.0", False),
        ("<3,>=1.26", "1.9", False),
        (">=2.3", "2.3.1+cpu", True),
        ("==0.10.0", "0.10", True),
        ("!=1.0", "1.0.0", False),
        ("", "anything", True),
    ],
)
def test_versions_are_compared_as_numbers(rule, version, held):
    assert allows(rule, version) is held


def test_a_version_that_is_not_allowed_is_broken():
    import numpy

    good = Finding("numpy", OK, True, numpy.__version__)
    assert doctor_checks._versioned(good, "numpy", "<1").state == BROKEN
    assert "allowed is <1" in doctor_checks._versioned(good, "numpy", "<1").advice
    assert doctor_checks._versioned(good, "numpy", ">=1").state == OK


def test_the_rules_of_an_installed_toolchain_are_read():
    rules = doctor_checks.requirements()
    assert allows(rules["numpy"], "1.26.4") and not allows(rules["numpy"], "1.25")
    assert not allows(rules["numpy"], "3.0")
    assert rules["lava-nc"] == "==0.10.0"


def test_what_is_missing_but_optional_is_no_fault():
    ok, away = Finding("a", OK, True, "1"), Finding("b", MISSING, False, "no", "get it")
    assert works([ok, away])
    assert not works([ok, Finding("c", MISSING, True, "no")])
    assert not works([ok, Finding("c", BROKEN, False, "no")])
    assert lines([ok, away])[1] == "missing b            no; get it"


@pytest.mark.lava
def test_thorough_runs_lava_for_a_step():
    step = ("lava", "")
    assert (
        doctor_checks._tried([[step]])[step]["found"] == "one image and step: the emulator's bits"
    )
