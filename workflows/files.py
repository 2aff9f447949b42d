"""Files that appear whole or not at all, and are checked before long work."""

from pathlib import Path

from ipvae.files import (
    atomic_path,
    atomic_write,
    atomic_write_all,
    require_writable_file,
    require_writable_folder,
)

__all__ = [
    "atomic_path",
    "atomic_write_all",
    "require_writable_file",
    "require_writable_folder",
    "write_text",
]


def write_text(path: str | Path, text: str) -> None:
    """Write a text file; on an error what was there is kept.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    atomic_write(path, text.encode())
