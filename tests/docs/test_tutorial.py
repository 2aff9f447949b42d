"""docs/tutorial.ipynb runs from its first cell to its last, and shows what it promises."""

import os
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
NOTEBOOK = nbformat.read(TUTORIAL, as_version=4)
CELLS = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
COMPARED = "bit-exact: emulator = lava in {} values"
NEURONS = 512
PROMISED = (
    COMPARED.format(150 * NEURONS),
    "stopped by r2",
    "No Loihi 2 was measured",
    "page: build/tutorial/report/index.html",
)
PICTURE = "image/png"

pytestmark = pytest.mark.xdist_group("documents")


def outputs(notebook):
    """All that cells have printed or drawn, as text."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "\n".join(str(output) for cell in cells for output in cell.outputs)


class Reader:
    """Runs the cells in this process, on a small model in place of the one that ships.

    Lines of Bash are commands of ipvae: tests/support/documents.py runs them.
    """

    def __init__(self, shop):
        self.shop, self.place = shop, shop.place("docs/tutorial.ipynb")
        self.variables, self.printed = {"__name__": "tutorial"}, ""
        self.done = 0

    def read(self, n):
        """Run the first n cells, but for those that were run before."""
        while self.done < n:
            self.run(CELLS[self.done].source)
            self.done += 1

    def run(self, source):
        if not source.startswith("%%bash\n"):
            exec(compile(source, "cell", "exec"), self.variables)
            return
        for line in source.splitlines()[1:]:
            program, *words = shlex.split(line)
            assert program == "ipvae", line
            status, text = self.shop.ipvae(*words)
            assert status == 0, (line, text)
            self.printed += text


@pytest.fixture(scope="module")
def reader(shop):
    plt.close("all")
    yield Reader(shop)
    plt.close("all")


@pytest.fixture
def _in_its_place(reader, monkeypatch):
    monkeypatch.chdir(reader.place)
    for name in ("PATH", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.lava
@pytest.mark.usefixtures("_in_its_place")
@pytest.mark.parametrize("n", range(len(CELLS)))
def test_a_cell_runs(reader, n):
    reader.read(n + 1)


@pytest.mark.lava
@pytest.mark.usefixtures("_in_its_place")
def test_the_cells_give_what_is_promised(reader, documents):
    reader.read(len(CELLS))
    for line in (COMPARED.format(150 * documents.SMALL), *PROMISED[1:]):
        assert line in reader.printed, line
    assert len(plt.get_fignums()) == 2
    assert (reader.place / "build" / "tutorial" / "report" / "index.html").is_file()


@pytest.mark.lava
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of the notebook's client and its event loop
def test_the_tutorial_runs_as_a_notebook(tmp_path, monkeypatch, script):
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = outputs(script("run_tutorial").executed(tmp_path))
    for promised in (*PROMISED, PICTURE):
        assert promised in found, promised
    assert (tmp_path / "build" / "tutorial" / "report" / "index.html").is_file()


def test_the_tutorial_is_shown_with_its_outputs():
    nbformat.validate(NOTEBOOK)
    assert TUTORIAL.stat().st_size < 600_000
    shown = outputs(NOTEBOOK)
    for promised in (*PROMISED, PICTURE):
        assert promised in shown, promised
    assert "\\x1b" not in shown


def test_the_tutorial_that_is_kept_has_no_times_of_a_run_and_is_left_alone():
    """`make tutorial` writes below build/, which git ignores; only --keep changes docs/."""
    assert "'name': 'stderr'" not in outputs(NOTEBOOK)
    script = (ROOT / "scripts" / "run_tutorial.py").read_text()
    made = [line for line in (ROOT / "Makefile").read_text().splitlines() if "run_tutorial" in line]
    assert made == ["\t$(BIN)/python scripts/run_tutorial.py"]
    assert 'OUT = ROOT / "build" / "tutorial.ipynb"' in script
    assert "build/" in (ROOT / ".gitignore").read_text().split()
