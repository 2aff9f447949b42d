"""Files that appear whole or not at all, and are checked before long work."""

from pathlib import Path

from ipvae.network.atomic import (
    replacing,
    require_writable_file,
    require_writable_folder,
    write_together,
)

__all__ = [
    "replacing",
    "require_writable_file",
    "require_writable_folder",
    "write_file",
    "write_together",
]


def write_file(path: str | Path, text: str) -> None:
    """Write a text file; on an error what was there is kept.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
