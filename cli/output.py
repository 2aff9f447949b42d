"""What a command shows: text on the terminal, JSON where it is asked for."""

import json
import math
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ipvae.network.atomic import replacing
from ipvae.network.errors import InputError

JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is stdout."),
]


@dataclass
class Settings:
    """Verbosity, set once by the command line."""

    quiet: bool = False
    verbose: bool = False


settings = Settings()
_status = Console(stderr=True)


def emit(result: dict, json_target: str | None, text: "Table | str | list[Table | str]") -> None:
    """Show a result: its text on stdout, or JSON in its place (`-`), or both (a file)."""
    result = json_data(result)
    if json_target == "-":
        json.dump(result, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    if json_target is not None:
        _require_no_input(json_target, "--json")
        with replacing(Path(json_target)) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n")
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for part in text if isinstance(text, list) else [text]:
        console.print(part, soft_wrap=isinstance(part, str), markup=False)


def require_json_target(target: str | None, option: str = "--json") -> None:
    """Make sure that JSON can be written, before long work; nothing is created.

    Raises
    ------
    InputError
        If its folder is missing or cannot be written, if it is a folder itself, or a file there is
        no JSON, or a model's: an input given by mistake.
    """
    if target is None or target == "-":
        return
    _require_no_input(target, option)
    try:
        if Path(target).is_dir():
            raise InputError(f"{option}: {target or '.'} is a folder; give a file in it, or -")
        with tempfile.TemporaryFile(dir=Path(target).parent):
            pass
    except OSError as error:
        raise InputError(
            f"{option}: cannot write {target} ({error.strerror}); choose a folder that exists and "
            "that you may write to, or -"
        ) from error


def _require_no_input(target: str, option: str) -> None:
    if _is_input(Path(target)):
        raise InputError(
            f"{option}: {target} is there and is not a result of ours; give another path, or "
            "remove it first"
        )


def _is_input(path: Path) -> bool:
    """Tell whether a file is a model's description, or holds anything but JSON."""
    if not path.is_file():
        return False
    if path.name == "model.json" and path.with_name("model.safetensors").exists():
        return True
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip()[:1] not in (b"", b"{", b"[")
    except OSError:
        return False  # what is wrong with it is said when it is written


def json_data(value: Any) -> Any:
    """Give JSON data without NaN and infinity, which JSON cannot say: null in their place."""
    if isinstance(value, dict):
        return {key: json_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_data(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(message: str) -> None:
    """Say on stderr what is being done, unless --quiet."""
    if not settings.quiet:
        _status.print(message, markup=False, highlight=False, soft_wrap=True)


Progress = Callable[[int], None]
"""Takes how much more is done, from any thread."""


@contextmanager
def working(message: str, total: int = 0) -> Iterator[Progress]:
    """Show that something is under way: a spinner on a terminal, nothing in a pipe.

    Gives a callable that takes how much more of `total` is done, which is then shown too. With
    --verbose, say afterwards how long it took.
    """
    start = time.perf_counter()
    if settings.quiet or not _status.is_terminal:
        yield lambda _: None
    else:
        with _status.status(message) as status:
            yield _Counter(message, total, status.update)
    if settings.verbose:
        note(f"{message}: {time.perf_counter() - start:.2f} s")


class _Counter:
    """Adds up what is done and shows it behind a message."""

    def __init__(self, message: str, total: int, show: Callable[[str], None]) -> None:
        self._message, self._total, self._show = message, total, show
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self, more: int) -> None:
        with self._lock:
            self._done += more
            self._show(f"{self._message}: {self._done:,} of {self._total:,}")


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """Build a plain table; the first column is left-aligned, the others right."""
    built = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        built.add_row(*row)
    return built
