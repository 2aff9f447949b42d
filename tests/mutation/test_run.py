"""Nine of ten one-line changes of the shown and counted numbers are noticed by a test."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE, SEED = 12, 20261130
"""Mutants of each room, drawn again only when this or the sources change."""


@pytest.mark.long
@pytest.mark.timeout(0)
def test_nine_mutants_of_ten_are_killed():
    """Survivors are listed with the assertion; the reach of tests is kept in build/mutation/."""
    sys.path.insert(0, str(ROOT / "scripts"))
    mutate = importlib.import_module("mutate")
    rooms, run = mutate.rooms, mutate.run
    found = [m for names in rooms.FILES.values() for m in run.chosen(ROOT, names, SAMPLE, SEED)]
    tests = tuple(name for names in rooms.TESTS.values() for name in names)
    results = mutate.tried(found, rooms.files(ROOT, tests, "test_*.py"), jobs=2)
    survived = [mutate.shown(r) for r in results if r["outcome"] in ("survived", "no test")]
    assert mutate.killed_fraction(results) >= 0.9, "\n".join(survived)
