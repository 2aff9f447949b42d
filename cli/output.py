"""Output of commands: text on the terminal, or JSON on request."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ipvae.cli.arguments import options_named, with_options
from ipvae.streams import discard
from ipvae.workflows.output.files import json_text, write_text
from ipvae.workflows.output.outputs import Written, json_output, require_outputs
from ipvae.workflows.output.printing import printable
from ipvae.workflows.progress import ProgressEvent, listening
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


class _Status(Console):
    """Console of rich that does not exit when the reader of the stream is gone."""

    def on_broken_pipe(self) -> None:
        """Raise the error that rich caught."""
        raise  # noqa: PLE0704


@dataclass
class Settings:
    """Verbosity, set once by the command line, and the running command."""

    quiet: bool = False
    verbose: bool = False
    command: str = ""
    written: Written = field(default_factory=Written)
    advice: dict[Path, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Reset the state of the previous command."""
        self.command, self.written, self.advice = "", Written(), {}

    def stopped(self, signal_name: str) -> str:
        """Return the message for a command stopped by a signal, with the files that are kept."""
        new = map(str, self.written.files())
        kept = f"written and kept: {found}" if (found := ", ".join(new)) else "nothing was written"
        what = self.command or "the command line"
        further = [advice for file, advice in self.advice.items() if file.exists()]
        return "; ".join([f"{what} was stopped ({signal_name})", kept, *further])


settings = Settings()
_status = _Status(stderr=True)


def emit(result: dict, json_target: str | None, text: "Table | str | list[Table | str]") -> None:
    """Show a result: text on stdout, JSON on stdout (`-`), or text and a JSON file."""
    if json_target is not None:
        write_json(result, json_target)
    if json_target == "-":
        return
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    with console.capture() as captured:  # rich would exit if stdout is closed
        for part in text if isinstance(text, list) else [text]:
            whole = isinstance(part, str)
            console.print(printable(part) if whole else part, soft_wrap=whole, markup=False)
    sys.stdout.write(captured.get())


def write_json(data: dict, target: str, generator: str = "", name: str = "--json") -> None:
    """Write JSON to stdout (`-`) or to a file; the first key is the generator."""
    if target == "-":
        sys.stdout.write(json.dumps(json_data(data), indent=2) + "\n")
        return
    generator = generator or f"ipvae {settings.command}"
    text = json_text(generator, data)
    require_outputs([json_output(target, generator, name=name)])
    write_text(target, text)


def show(result: Result, json_target: str | None, **names: str) -> None:
    """Show a library result: text on stdout, JSON on stdout (`-`), or text and a JSON file.

    `names` are the names of inputs and outputs in the result's text, mostly paths.
    """
    emit(result.to_json(), json_target, parts(result, **names))


def parts(result: Result, **names: str) -> list[Table | str]:
    """Return what a terminal shows of a library result; `names` as for `show`."""
    return [
        table(options_named(part.title), part.columns, part.rows)
        if isinstance(part, TextTable)
        else options_named(part)
        for part in result.shown(**names)
    ]


def note(message: str) -> None:
    """Print a progress message on stderr, unless --quiet."""
    if settings.quiet:
        return
    try:
        _status.print(printable(message), markup=False, highlight=False, soft_wrap=True)
    except OSError:
        discard(sys.stderr)


@contextmanager
def shown_on_terminal() -> Iterator[None]:
    """Show progress and messages of the library on stderr while the context is open.

    A terminal gets a spinner, a pipe nothing; --verbose adds the duration of each stage.
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
    """Log handler that prints messages of the library on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        note(with_options(record.getMessage()))


class _Display:
    """Display of the current stage; it accepts events from any thread."""

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
        """Stop the display."""
        self._open.close()
        self._message, self._update = "", None


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """Build a plain table; the first column is left-aligned, the others right."""
    built = Table(title=printable(title), title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        built.add_row(*map(printable, row))
    return built
