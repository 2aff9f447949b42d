"""scripts/mutation/: what is changed and how; a planted mutant is found, a harmless one is not."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]

TOY = '''"""A toy."""

LIMIT = 1e6


def clipped(x, low=0, high=9):
    """Within 0 and 9."""
    if x < low:
        return low
    return min(x, high)


def speed(x):
    """The same by two ways."""
    if x > 5:
        return 2 * x
    return x + x
'''

TOY_TESTS = """
import toy


def test_clipped():
    assert [toy.clipped(x) for x in (-2, -1, 0, 5, 9, 10)] == [0, 0, 0, 5, 9, 9]


def test_speed():
    assert [toy.speed(x) for x in (1, 7)] == [2, 14]
"""


@pytest.fixture(scope="module")
def tool():
    """scripts/mutation/ as a package."""
    sys.path.insert(0, str(ROOT / "scripts"))
    names = ("mutants", "reach", "rooms", "run", "survivors", "worker")
    return SimpleNamespace(**{n: importlib.import_module(f"mutation.{n}") for n in names})


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        ("compare", "if a < b:", "if a <= b:"),
        ("compare", "x = a == b", "x = a != b"),
        ("compare", "x = a is None", "x = a is not None"),
        ("arithmetic", "x = a + b", "x = (a - b)"),
        ("arithmetic", "x = a * b", "x = (a // b)"),
        ("arithmetic", "x = a << b", "x = (a >> b)"),
        ("arithmetic", "x += b", "x -= b"),
        ("number", "x = a >> 12", "x = a >> 13"),
        ("number", "x = 1e6 * a", "x = 1000.0 * a"),
        ("number", "x = 1e-3 * a", "x = 1.0 * a"),
        ("number", "x = .5 * a", "x = 1.5 * a"),
        ("number", "x = 19.5e12 * a", "x = 19500000000.0 * a"),
        ("number", "x = a / 1_000_000", "x = a / 1000"),
        ("number", "x = a // 1024", "x = a // 1025"),
        ("number", "x = a[2:b]", "x = a[3:b]"),
        ("number", 'x = f"{1e6 * a:.3g} uJ"', "x = f'{1000.0 * a:.3g} uJ'"),
        ("slice", "x = a[b:]", "x = a[(b + 1):]"),
        ("slice", "x = a[:b]", "x = a[:(b - 1)]"),
        ("minmax", "x = min(a, b)", "x = max(a, b)"),
        ("minmax", "x = a.max()", "x = a.min()"),
        ("minmax", "x = np.minimum(a, b)", "x = np.maximum(a, b)"),
        ("unbounded", "x = np.clip(a, 0, b)", "x = a"),
        ("unbounded", "x = a.clip(0, b)", "x = a"),
        ("unbounded", "x = saturated(a, b)", "x = a"),
        ("unbounded", "x = min(a, b)", "x = a"),
        ("logic", "x = a and b", "x = (a or b)"),
        ("negate", "if a:", "if (not a):"),
        ("negate", "if a < b:", "if (not a < b):"),
        ("negate", "x = [a for a in b if a]", "x = [a for a in b if (not a)]"),
        ("return", "return a", "return None"),
    ],
)
def test_an_operator_makes_its_change(tool, operator, before, after):
    source = f"def f(a, b, x):\n    {before}\n" + ("        x = 1\n" if before[-1] == ":" else "")
    found = [m for m in tool.mutants.mutants("f.py", source) if m.operator == operator]
    assert after in [m.after for m in found]
    for mutant in found:
        compile(mutant.text, "f.py", "exec")
        changed = zip(source.splitlines(), mutant.text.splitlines(), strict=True)
        assert [a.strip() for a, b in changed if a != b] == [mutant.before]


@pytest.mark.parametrize(
    "text",
    [
        'raise InputError(f"{a + 1} of {b}")',
        "assert a < b",
        'on_message(f"{a + 1} images")',
        'logger.info("%d", a + 1)',
        "x: Literal[1] | None",
        "return None",
        'x = "a" + b',
        "x = int | None",
        "axes.text(1, 2, b)",
        "plot(a, linewidth=2)",
    ],
)
def test_messages_and_annotations_are_left_out(tool, text):
    assert tool.mutants.mutants("f.py", f'def f(a, b):\n    """1 + 1."""\n    {text}\n') == []
    assert tool.mutants.mutants("f.py", '"""1 + 1."""\n__all__ = ["a" "b"][0:1]\n') == []


def test_ids_are_distinct_and_stable(tool):
    for path in (
        "energy/counting/cores.py",
        "workflows/reporting/costs.py",
        "network/rules/poisson.py",
    ):
        source = (ROOT / path).read_text()
        found = tool.mutants.mutants(path, source)
        ids = [mutant.id for mutant in found]
        assert len(set(ids)) == len(ids) > 10
        below = tool.mutants.mutants(path, source + "\n\nNEW = 1 + 1\n")
        assert [mutant.id for mutant in below][: len(ids)] == ids


def test_a_sample_is_by_seed(tool):
    def sample(seed):
        return [m.id for m in tool.run.chosen(ROOT, ("energy",), 20, seed)]

    assert sample(1) == sample(1) != sample(2)
    assert len(sample(1)) == 20


def test_every_file_and_test_of_a_room_is_there(tool):
    rooms = tool.rooms
    named = [*rooms.FILES.values(), *rooms.TESTS.values(), rooms.ALL, rooms.COMPILED]
    named += rooms.UNSEEN.values()
    assert [n for names in named for n in names if not (ROOT / n).exists()] == []


def test_a_survivor_is_known_when_lines_moved(tool, tmp_path):
    mutant = tool.mutants.mutants("toy.py", TOY)[3]
    moved = tool.mutants.mutants("toy.py", "\n\n" + TOY)[3]
    file = tmp_path / "survivors.md"
    file.write_text("# Title\n\n" + tool.survivors.written(mutant, "It cannot be met.") + "\n")
    assert tool.survivors.justified(file) == {tool.survivors.key(moved): "It cannot be met."}
    assert mutant.id != moved.id


def test_every_justified_survivor_is_a_mutant_of_today(tool):
    """A line that was changed takes its justification with it."""
    known = tool.survivors.justified(ROOT / "tests" / "mutation" / "survivors.md")
    for path in {key[0] for key in known}:
        today = tool.mutants.mutants(path, (ROOT / path).read_text())
        keys = {tool.survivors.key(mutant) for mutant in today}
        assert {key for key in known if key[0] == path} <= keys


def test_kernels_hold_no_constant_of_another_module(tool):
    """So that a mutant of another module needs no new cache of numba's."""
    own = {Path(name).stem for name in tool.rooms.COMPILED}
    for name in tool.rooms.COMPILED:
        lines = (ROOT / name).read_text().splitlines()
        for line in (line for line in lines if "ipvae." in line and "import" in line):
            module, _, names = line.removeprefix("from ").partition(" import ")
            if module == "ipvae.compiled":  # a decorator, no constant
                continue
            taken = (
                names.split(", ") if module == "ipvae.emulator.simd" else [module.split(".")[-1]]
            )
            assert module.startswith("ipvae.emulator") and set(taken) <= own, (name, line)


def test_a_planted_mutant_is_killed_and_one_that_changes_nothing_survives(
    tool, tmp_path, monkeypatch
):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TOY_TESTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(tool.worker, "OPTIONS", ("-q", "-p", "no:cacheprovider"))
    found = {m.id: m for m in tool.mutants.mutants("toy.py", TOY)}

    def outcome(name, tests=("test_toy.py",), **limits):
        mutant = found.get(name)
        text = mutant.text if mutant else name
        asked = {"path": "toy.py", "text": text, "tests": tests, "fresh_cache": False}
        return tool.worker.trial({**asked, "cpu_s": 60, **limits})

    killed = {"outcome": "killed", "by": "test_toy.py::test_clipped"}
    assert outcome("toy.py:10:minmax:1") == killed
    assert outcome("toy.py:15:compare:1")["outcome"] == "survived"
    assert outcome("x = y\n")["outcome"] == "killed"
    assert outcome("while True: pass\n", cpu_s=1)["outcome"] == "timed out"
    assert outcome("import time; time.sleep(99)\n", idle_s=1)["outcome"] == "timed out"
    assert (tmp_path / "toy.py").read_text() == TOY
    assert json.loads(json.dumps(killed)) == killed


def test_only_tests_that_reach_a_line_are_asked_own_and_quick_ones_first(tool):
    mutant = next(m for m in tool.mutants.mutants("energy/toy.py", TOY) if m.line == 15)

    def test(seconds, lines, passed=True):
        return {"passed": passed, "seconds": seconds, "lines": {"energy/toy.py": lines}}

    reach = {
        "tests/a.py::quick": test(1.0, [15]),
        "tests/a.py::quicker": test(0.5, [14, 15, 16]),
        "tests/energy/test_toy.py::own": test(2.0, [15]),
        "tests/a.py::elsewhere": test(0.1, [8]),
        "tests/a.py::fails": test(0.1, [15], passed=False),
        "tests/a.py::slow": test(tool.reach.SLOW_S + 1, [15]),
    }
    own_first = ["tests/energy/test_toy.py::own", "tests/a.py::quicker", "tests/a.py::quick"]
    assert tool.run.tests_of(mutant, reach) == own_first
    constant = next(m for m in tool.mutants.mutants("energy/toy.py", TOY) if m.line == 3)
    assert "tests/a.py::elsewhere" in tool.run.tests_of(constant, reach)
