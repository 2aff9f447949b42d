"""Run docs/tutorial.ipynb and keep what it shows: python scripts/run_tutorial.py."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

TUTORIAL = Path(__file__).resolve().parent.parent / "docs" / "tutorial.ipynb"


def executed(folder: Path) -> NotebookNode:
    """Return the notebook with new outputs, run in a folder; a cell that fails raises."""
    notebook = nbformat.read(TUTORIAL, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=where, coalesce_streams=True
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata = NotebookNode()  # when each cell ran
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(TUTORIAL.parent), TUTORIAL)
