"""Entry point: every expected error gives one line and an exit status, no traceback.

Exit status: 0 success; 1 a check failed; 2 bad usage, bad input, a backend that is not available,
or standard output that cannot be written; 130 and 143 stopped by SIGINT and SIGTERM; 141 stdout
was closed by its reader.
"""

import errno
import gc
import os
import signal
import sys
from typing import Any

import typer

from ipvae import __version__
from ipvae.cli.arguments import with_options
from ipvae.cli.command_groups import Commands, Group
from ipvae.cli.options.plan import completed
from ipvae.cli.output import settings, shown_on_terminal
from ipvae.environment import process, reason
from ipvae.errors import IpvaeError
from ipvae.signals import Stopped, came, describe_stops, ignore, listen
from ipvae.streams import discard, open_closed_streams, write_error
from ipvae.workflows.output.files import unwritable
from ipvae.workflows.output.printing import printable

ClickException: Any = typer.BadParameter.__mro__[2]
"""ClickException of click, or of the copy of click inside newer releases of typer."""

MET = (ClickException, IpvaeError, MemoryError, OSError, KeyboardInterrupt, typer.Abort)
"""Errors that are reported in one line."""

UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""OSError numbers of a stream that cannot be written."""

COLLECTED = (20_000, 20, 20)
"""Thresholds of the garbage collector: imports make many objects that live until exit."""

app = typer.Typer(
    name="ipvae",
    help="Train Poisson VAEs, turn them into integers, run them on Lava or Loihi 2, bit for bit.",
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
LONGEST_LINE = 1000
"""Characters of an error, in which a user's value may be of any length."""
GLOBAL_FLAGS = ("--quiet", "--verbose")
COMPLETION = "_IPVAE_COMPLETE"
"""Environment variable by which a shell requests completions (`ipvae --show-completion`)."""


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
    """Global options, given before the name of the command."""
    del version
    settings.quiet, settings.verbose = quiet, verbose


def fail(message: object, status: int) -> int:
    """Print an error on one line of stderr; a very long one without its middle."""
    line = " ".join(printable(message).split())
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"
    write_error(f"ipvae: {line}")
    return status


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    flags = [word for word in given if word in GLOBAL_FLAGS]  # also allowed after the command
    words = flags + completed([word for word in given if word not in GLOBAL_FLAGS])
    settings.begin()
    try:
        with shown_on_terminal():
            status = _invoked(words or ["--help"])
        sys.stdout.flush()
        return status if given or COMPLETION in os.environ else 2
    except BrokenPipeError:
        discard(sys.stdout)
        return 128 + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        if came() is None and not isinstance(error, MET):
            raise
        return fail(*describe(came() or error))  # libraries may turn a signal into any error


def _invoked(words: list[str]) -> int:
    """Run a command and return its exit status.

    typer's own runner exits without a message after a signal or when stdout is closed.
    """
    command: Any = typer.main.get_command(app)
    command.commands = Commands()
    if COMPLETION in os.environ:
        return command.main(words, prog_name="ipvae", standalone_mode=False) or 0
    try:
        with command.make_context("ipvae", words) as context:
            return command.invoke(context) or 0
    except typer.Exit as ended:
        return ended.exit_code


def describe(error: BaseException) -> tuple[object, int]:
    """Message and exit status of an error."""
    if isinstance(error, IpvaeError):
        return with_options(str(error)), error.exit_status
    if isinstance(error, ClickException):
        message = error.format_message()  # pyright: ignore[reportAttributeAccessIssue]
        return f"{message.rstrip('.')}. See 'ipvae --help'.", 2
    if isinstance(error, MemoryError):
        return "out of memory; use fewer --samples or --steps", 2
    if isinstance(error, OSError):
        return _describe_system(error), 2
    number = error.number if isinstance(error, Stopped) else signal.SIGINT
    return settings.stopped(signal.Signals(number).name), 128 + number


def _describe_system(error: OSError) -> str:
    if error.filename is None and error.errno in UNWRITTEN:
        discard(sys.stdout)
        return f"standard output: {unwritable(error)}"
    if error.errno is None:  # of a package, such as a library that cannot be loaded
        return reason(error)
    return f"{error.filename or 'the system'}: {error.strerror}"


def main() -> None:
    """Console script."""
    open_closed_streams()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # not yet set by ipvae.cli.entry
        listen()
    describe_stops(settings.stopped)
    gc.set_threshold(*COLLECTED)
    process["own"] = True
    status = run_command()
    ignore()
    gc.freeze()  # the last collection skips objects of numba and matplotlib
    sys.exit(status)


if __name__ == "__main__":
    main()
