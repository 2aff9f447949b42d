"""Measurements that are kept as JSON files, so that a script which was stopped goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipvae.files import atomic_write
from ipvae.workflows.results import Result


def kept(file: Path, measure: Callable[[], Result]) -> dict[str, Any]:
    """Return the JSON data of a result: read from a file, or measured now and written there."""
    if not file.exists():
        write(file, measure().to_json())
    return json.loads(file.read_text(encoding="utf-8"))


def write(file: Path, found: Any) -> None:
    """Write JSON data, whole or not at all."""
    atomic_write(file, (json.dumps(found, indent=2) + "\n").encode())
