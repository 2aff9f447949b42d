"""Entry point: one line and an exit status for whatever a user can meet, never a traceback.

0 done and true; 1 a check failed; 2 bad usage, bad input or a backend that is not here.
"""

import gc
import os
import signal
import sys
from typing import Any

import typer

from ipvae import __version__
from ipvae.cli.arguments import with_options
from ipvae.cli.command_groups import Commands, Group
from ipvae.cli.entry import TERMINATED
from ipvae.cli.options.plan import completed
from ipvae.cli.output import settings, shown_on_terminal
from ipvae.errors import IpvaeError

ClickException: Any = typer.BadParameter.__mro__[2]
"""Of click, or of what newer releases of typer have in its place."""

COLLECTED = (20_000, 20, 20)
"""Thresholds of the garbage collector: imports make many objects that stay."""

app = typer.Typer(
    name="ipvae",
    help="Train Poisson VAEs, turn them into integers, run them on Lava or Loihi 2, bit for bit.",
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
GLOBAL_FLAGS = ("--quiet", "--verbose")
COMPLETION = "_IPVAE_COMPLETE"
"""Variable by which a shell asks for completions; see `ipvae --show-completion`."""


def _version(value: bool) -> None:
    if value:
        print(f"ipvae {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    quiet: bool = typer.Option(False, "--quiet", help="Print results and errors only."),
    verbose: bool = typer.Option(False, "--verbose", help="Say how long each part took."),
) -> None:
    """Options of every command, given before its name."""
    del version
    settings.quiet, settings.verbose = quiet, verbose


def fail(message: object, status: int) -> int:
    """Print an error on one line of stderr."""
    print(f"ipvae: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    flags = [word for word in given if word in GLOBAL_FLAGS]  # allowed after the command too
    words = flags + completed([word for word in given if word not in GLOBAL_FLAGS])
    try:
        command: Any = typer.main.get_command(app)
        command.commands = Commands()
        if not given and COMPLETION not in os.environ:
            command.main(["--help"], prog_name="ipvae", standalone_mode=False)
            return 2
        with shown_on_terminal():
            return command.main(words, prog_name="ipvae", standalone_mode=False) or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ClickException, IpvaeError, MemoryError, KeyboardInterrupt, typer.Abort) as error:
        return fail(*describe(error))


def describe(error: BaseException) -> tuple[object, int]:
    """Message and exit status of an error that a user can meet."""
    if isinstance(error, IpvaeError):
        return with_options(str(error)), error.exit_status
    if isinstance(error, ClickException):
        message = error.format_message()  # pyright: ignore[reportAttributeAccessIssue]
        return f"{message} See 'ipvae --help'.", 2
    if isinstance(error, MemoryError):
        return "out of memory; use fewer --samples or --steps", 2
    return "interrupted", 130


def main() -> None:
    """Console script."""
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(*COLLECTED)
    status = run_command()
    gc.freeze()  # or all that numba and matplotlib made is looked through once more at the end
    sys.exit(status)


def _terminate(*_: object) -> None:
    """Leave as on an error, so that whatever runs is ended and cleaned up."""
    raise SystemExit(TERMINATED)


if __name__ == "__main__":
    main()
