"""What `ipvae.doctor` makes of packages, versions and machines."""

import importlib.metadata
import subprocess
import sys
from dataclasses import replace

import pytest

import ipvae
from ipvae.workflows.doctor import (
    BROKEN,
    MISSING,
    OK,
    Diagnosis,
    Finding,
    checks,
    children,
)
from ipvae.workflows.doctor.checks import Answers, allows

needs_metadata = pytest.mark.skipif(
    not any(importlib.metadata.distributions(name="ipvae-loihi")),
    reason="what it requires is read from its installation, which is not there",
)
WAYS = {
    "raises": "raise RuntimeError('line one\\nline two')",
    "exits": "import sys; sys.exit(3)",
    "dies": "import os; os.abort()",
    "hangs": "import time; time.sleep(600)",
    "prints": "print('{\"found\": 1}')\n__version__ = '1'",
    "lacks": "import something_that_is_not_there",
}


@needs_metadata
def test_the_answer_of_this_machine_has_names_and_advice(monkeypatch):
    """Steps are answered here, in place of child processes."""
    monkeypatch.setattr(
        checks,
        "tried",
        lambda streams: {s: {"error": "none", "missing": s[1]} for steps in streams for s in steps},
    )
    found = ipvae.doctor()
    names = [check.name for check in found.checks]
    assert set(checks.NEEDED) < set(names) and len(set(names)) == len(names)
    assert not found.ok
    assert all(check.advice for check in found.checks if check.state == MISSING)
    assert found.to_json()["checks"][1]["state"] == MISSING


def test_it_imports_pythons_own_modules_only():
    """It answers where NumPy is broken."""
    code = (
        "import sys; before = set(sys.modules); import ipvae; ipvae.doctor; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ipvae']"


def test_whatever_an_import_does_the_next_ones_are_tried(tmp_path, monkeypatch):
    for name, text in WAYS.items():
        (tmp_path / f"made_up_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(children, "SECONDS", 3.0)
    steps = [("import", f"made_up_{name}") for name in [*WAYS, "nowhere"]]
    answers = Answers(children.tried([steps, [("import", "json")]]))
    found = {s[1]: answers.finding(s, s[1], False, "get it", "repair it") for s in steps}
    assert found["made_up_prints"] == Finding("made_up_prints", OK, False, "1")
    assert found["made_up_nowhere"].state == MISSING
    assert found["made_up_nowhere"].advice == "get it"
    for name in ("raises", "exits", "dies", "hangs", "lacks"):
        assert found[f"made_up_{name}"].state == BROKEN, name
        assert found[f"made_up_{name}"].advice == "repair it"
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
    assert checks._versioned(good, "numpy", "<1").state == BROKEN
    assert "allowed is <1" in checks._versioned(good, "numpy", "<1").advice
    assert checks._versioned(good, "numpy", ">=1").state == OK


@needs_metadata
def test_the_rules_of_an_installed_toolchain_are_read():
    rules = checks.requirements()
    assert allows(rules["numpy"], "1.26.4") and not allows(rules["numpy"], "1.25")
    assert not allows(rules["numpy"], "3.0")
    assert rules["lava-nc"] == "==0.10.0"


def test_the_first_line_states_what_to_do_first():
    broken, needed = Finding("x", BROKEN, False, "no x"), Finding("y", MISSING, True, "no y", "get")
    first = Diagnosis((broken, needed)).shown()[0]
    assert first == "NOT READY: y is missing; do first: get (1 more below)"
    assert Diagnosis((broken,)).shown()[0] == "NOT READY: x is broken; do first: no x"


def test_what_is_missing_but_optional_is_no_fault():
    ok, away = Finding("a", OK, True, "1"), Finding("b", MISSING, False, "no", "get it")
    found = Diagnosis((ok, away))
    assert found.ok
    assert not Diagnosis((ok, Finding("c", MISSING, True, "no"))).ok
    assert not Diagnosis((ok, Finding("c", BROKEN, False, "no"))).ok
    assert found.shown()[0] == "ready: the core chain works here"
    assert found.shown()[2] == "missing b            no; get it"
    assert found.rows() == [("a", "ok: 1"), ("b", "missing: no; get it")]
    assert found.with_advice(str.upper).checks == (ok, replace(away, advice="GET IT"))


@pytest.mark.lava
def test_thorough_runs_lava_for_a_step():
    step = ("lava", "")
    assert children.tried([[step]])[step]["found"] == "one image and step: the emulator's bits"
