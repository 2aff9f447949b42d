"""Atomic writing of files, and checks before long work."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipvae.files import (
    atomic_path,
    atomic_write,
    atomic_write_all,
    require_writable_file,
    require_writable_folder,
    unwritable,
)
from ipvae.outputs import GENERATOR
from ipvae.results import json_data

__all__ = [
    "atomic_path",
    "atomic_write_all",
    "json_text",
    "require_writable_file",
    "require_writable_folder",
    "unwritable",
    "write_text",
]


def json_text(command: str, data: Mapping[str, Any]) -> str:
    """Return JSON with its command as generator, so that the command may replace it later."""
    return json.dumps({GENERATOR: command, **json_data(dict(data))}, indent=2) + "\n"


def write_text(path: str | Path, text: str) -> None:
    """Write a text file; on an error an existing file is kept.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    atomic_write(path, text.encode())
