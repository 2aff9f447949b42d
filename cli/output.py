"""What a command shows: text on the terminal, JSON where it is asked for."""

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ipvae.cli.arguments import options_named, with_options
from ipvae.errors import InputError
from ipvae.workflows.files import write_text
from ipvae.workflows.progress import Advance, ProgressEvent, listening, stage
from ipvae.workflows.results import Result, json_data
from ipvae.workflows.results import Table as TextTable

JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE|-",
        help="Write the result as JSON; - is stdout.",
        show_default="none",
    ),
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
    if json_target is not None:
        _require_no_input(json_target, "--json")
        write_json(result, json_target)
    if json_target == "-":
        return
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for part in text if isinstance(text, list) else [text]:
        console.print(part, soft_wrap=isinstance(part, str), markup=False)


def write_json(data: dict, target: str) -> None:
    """Write JSON to a file, or to stdout (`-`)."""
    text = json.dumps(json_data(data), indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        write_text(target, text)


def show(result: Result, json_target: str | None, **names: str) -> None:
    """Show a result of the library: its text on stdout, or JSON (`-`), or both (a file).

    `names` are what the result's text calls its inputs and outputs, mostly paths.
    """
    parts = [
        table(options_named(part.title), part.columns, part.rows)
        if isinstance(part, TextTable)
        else options_named(part)
        for part in result.shown(**names)
    ]
    emit(result.to_json(), json_target, parts)


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


def note(message: str) -> None:
    """Say on stderr what is being done, unless --quiet."""
    if not settings.quiet:
        _status.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def shown_on_terminal() -> Iterator[None]:
    """Show the progress of what is done within, and the library's messages, on stderr.

    A spinner on a terminal, nothing in a pipe; with --verbose how long each stage took.
    """
    display, handler = _Display(), _Notes(logging.INFO)
    logger = logging.getLogger("ipvae")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with listening(display):
            yield
    finally:
        display.close()
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Notes(logging.Handler):
    """Messages of the library as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        note(with_options(record.getMessage()))


class _Display:
    """Shows the stage that is under way; takes events from any thread."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._update: Callable[[str], None] | None = None
        self._message = ""

    def __call__(self, event: ProgressEvent) -> None:
        if event.seconds is not None:
            self.close()
            if settings.verbose:
                note(f"{event.message}: {event.seconds:.2f} s")
        elif settings.quiet or not _status.is_terminal:
            return
        elif event.message != self._message:
            self.close()
            self._message = event.message
            self._update = self._open.enter_context(_status.status(event.message)).update
        elif self._update is not None:
            self._update(event.text)

    def close(self) -> None:
        """End what is shown."""
        self._open.close()
        self._message, self._update = "", None


Progress = Advance
working = stage
"""Report a stage of work; see `ipvae.workflows.progress.stage`."""


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """Build a plain table; the first column is left-aligned, the others right."""
    built = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        built.add_row(*row)
    return built
