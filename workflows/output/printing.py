"""Safe printing of file names and other text of a user on a terminal."""

from collections.abc import Iterable
from pathlib import Path

_names: dict[str, str] = {}
"""Parts of paths with unprintable characters, each with its escaped form."""


def note_names(values: Iterable[object]) -> None:
    """Record the paths of a command, in which even a line break is part of a name."""
    _names.clear()
    for value in values:
        if isinstance(value, (list, tuple)):
            paths = [one for one in value if isinstance(one, (str, Path))]
        else:
            paths = [value] if isinstance(value, (str, Path)) else []
        parts = {part for path in paths for part in str(path).split("/")}
        _names.update({part: escaped(part) for part in parts if not part.isprintable()})


def escaped(text: str) -> str:
    """Return text with unprintable characters escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def printable(message: object) -> str:
    """Return a message without unprintable characters except its line breaks."""
    text = str(message)
    if text.isprintable():
        return text
    for name, safe in _names.items():
        text = text.replace(name, safe)
    return "\n".join(escaped(line) for line in text.split("\n"))
