"""Run docs/tutorial.ipynb into build/tutorial.ipynb: python scripts/run_tutorial.py [--keep].

With --keep, the notebook in docs/ itself gets the new outputs. Values differ slightly between
processors (float calibration), so use it only after changes of the tutorial.
"""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
OUT = ROOT / "build" / "tutorial.ipynb"


def executed(folder: Path) -> NotebookNode:
    """Return the notebook with new outputs, run in a folder; a failing cell raises."""
    notebook = nbformat.read(TUTORIAL, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=where, coalesce_streams=True
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata = NotebookNode()  # time stamps of the execution
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if not _is_progress(one)]
    return notebook


def _is_progress(output: NotebookNode) -> bool:
    """Return True for output to stderr, which contains durations and differs between runs."""
    return output.output_type == "stream" and output.name == "stderr"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write docs/tutorial.ipynb itself")
    place = TUTORIAL if parser.parse_args().keep else OUT
    found = executed(TUTORIAL.parent)
    place.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(found, place)
    print(f"wrote {place.relative_to(ROOT)}")
