"""docs/tutorial.ipynb runs from its first cell to its last, and shows what it promises."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
PROMISED = (
    "bit-exact: emulator = lava in 76800 values",
    "stopped by r2",
    "No Loihi 2 was measured",
    "page: build/tutorial/report/index.html",
    "image/png",
)


def outputs(notebook):
    """All that cells have printed or drawn, as text."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return "\n".join(str(output) for cell in cells for output in cell.outputs)


@pytest.mark.lava
@pytest.mark.filterwarnings("ignore")  # of the notebook's client and its event loop
def test_the_tutorial_runs(tmp_path, monkeypatch):
    script = ROOT / "scripts" / "run_tutorial.py"
    spec = importlib.util.spec_from_file_location("run_tutorial", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = outputs(module.executed(tmp_path))
    for promised in PROMISED:
        assert promised in found, promised
    assert (tmp_path / "build" / "tutorial" / "report" / "index.html").is_file()


def test_the_tutorial_is_shown_with_its_outputs():
    notebook = nbformat.read(TUTORIAL, as_version=4)
    nbformat.validate(notebook)
    assert TUTORIAL.stat().st_size < 600_000
    shown = outputs(notebook)
    for promised in PROMISED:
        assert promised in shown, promised
    assert "\\x1b" not in shown
