"""Handling of standard streams that are closed, full or without a reader."""

import contextlib
import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Open /dev/null in place of closed standard streams.

    Otherwise a file opened later would get their number and receive printed text.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        with contextlib.suppress(OSError):
            os.fstat(number)
            if getattr(sys, name) is not None:
                continue
        held = os.open(os.devnull, os.O_RDWR)
        os.dup2(held, number)
        if held > number:
            os.close(held)
        mode = "r" if number == 0 else "w"
        setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def escape_unknown_characters() -> None:
    """Write characters that a terminal's encoding lacks as escapes, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]


def discard(stream: TextIO) -> None:
    """Redirect a failed stream, with its buffered and later output, to /dev/null."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        number = stream.fileno()
        held = os.open(os.devnull, os.O_WRONLY)
        os.dup2(held, number)
        os.close(held)
        stream.flush()


def write_error(line: str) -> None:
    """Print a line to stderr, if it can be written."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)
