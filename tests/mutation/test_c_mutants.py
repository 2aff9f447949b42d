"""scripts/mutation/c_runner.py: its table is the one of docs/conformance.md."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+\.c)` \| (\d+) \| \d+ \| \d+ \|$", PAGE, re.M))


@pytest.fixture(scope="module")
def c_runner():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        yield importlib.import_module("mutation.c_runner")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_each_row_counts_the_mutants_of_its_file(c_runner):
    assert len(ROWS) >= 3
    for file, number in ROWS.items():
        found = list(c_runner.mutants(file))
        assert len(found) == int(number), file
        original = (c_runner.FOLDER / file).read_text()
        assert all(mutant.text != original for mutant in found)


@pytest.mark.skipif(sys.platform == "win32", reason="no C compiler")
def test_a_mutant_is_found_and_an_equivalent_one_is_not(c_runner, tmp_path):
    if not Path(c_runner.COMPILER).exists():
        pytest.skip("no C compiler: cc, gcc or clang")
    suite = c_runner.Suite(tmp_path)
    every = {(m.before, m.after, m.line): m for m in c_runner.mutants("weights.c")}
    (line,) = {m.line for m in every.values() if "(*weight, z[" in m.text.splitlines()[m.line - 1]}
    assert suite.finds(next(m for m in every.values() if m.line == line))
    (line,) = {
        m.line for m in every.values() if "if (w->weight[i] >" in m.text.splitlines()[m.line - 1]
    }
    assert not suite.finds(every[">", ">=", line])
