"""scripts/conformance_mutants.py: its table is the one of docs/conformance.md."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "conformance.md").read_text()
ROWS = re.findall(r"^\| (\S+) \| \d+ \| \d+ \| \d+ \| [\d,]+ \|$", PAGE, re.M)


@pytest.fixture(scope="module")
def mutants(script):
    return script("conformance_mutants")


def kinds(mutants, *names):
    shown, missed = mutants.table(list(names))
    return shown, missed


def test_rows_of_quick_kinds_are_the_ones_of_the_page(mutants):
    shown, missed = kinds(mutants, "delta", "sigma", "sigma-delta")
    assert shown.splitlines() == [line for line in shown.splitlines() if line in PAGE]
    assert missed == ["delta: z: shr as toward zero", "sigma-delta: below_zero: lt as le"]


@pytest.mark.long
def test_rows_of_all_kinds_are_the_ones_of_the_page(mutants):
    shown, _ = kinds(mutants, *ROWS)
    assert len(ROWS) >= 5
    assert [line for line in shown.splitlines() if line not in PAGE] == []
