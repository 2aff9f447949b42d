"""Measurements stored as JSON files, so that an interrupted script can resume."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipvae.files import atomic_write
from ipvae.workflows.results import Result


def kept(file: Path, measure: Callable[[], Result]) -> dict[str, Any]:
    """Return the JSON data of a result: read from a file, or measured and written to it."""
    if not file.exists():
        write(file, measure().to_json())
    return json.loads(file.read_text(encoding="utf-8"))


def write(file: Path, found: Any) -> None:
    """Write JSON data atomically."""
    atomic_write(file, (json.dumps(found, indent=2) + "\n").encode())
