"""Handling of SIGINT and SIGTERM: they stop resumable work cleanly, or end a command."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 0.05
MOST = 3
"""Number of signals after which a command ends at once, without further clean-up."""


_came: list[int] = []
_process: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal stopped the command.

    Attributes
    ----------
    number : int
        Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def listen() -> None:
    """Install handlers by which the first SIGINT or SIGTERM raises `Stopped`.

    The second does not disturb the clean-up; the third ends the process at once. A signal that was
    ignored stays ignored.
    """
    _came.clear()
    _process[:] = [os.getpid()]
    sys.unraisablehook = partial(_again, sys.unraisablehook)
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _stop)


def _stop(number: int, _: object) -> None:
    if _process != [os.getpid()]:  # a child before it sets its own handlers
        os._exit(128 + number)
    _came.append(number)
    if len(_came) == 1:
        raise Stopped(number)
    if len(_came) >= MOST:
        os._exit(128 + number)


def came() -> Stopped | None:
    """Return the signal that stopped the command, or None."""
    return Stopped(_came[0]) if _came else None


def _again(otherwise: Callable[[Any], object], lost: Any) -> None:
    """Send a signal again if it arrived where Python cannot raise, as in a callback of C code."""
    if isinstance(lost.exc_value, Stopped):
        _came.clear()
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), lost.exc_value.number)).start()
    else:
        otherwise(lost)


def ignore() -> None:
    """Ignore further signals, once the exit status is known."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@dataclass
class StopRequest:
    """Number of the signal that requests a stop, 0 for none."""

    number: int = 0

    @contextmanager
    def listening(self) -> Iterator[Callable[[], bool]]:
        """Record the first SIGINT or SIGTERM; a second one acts as before.

        Yields a function that returns whether a signal arrived. A signal that was ignored stays
        ignored. Outside the main thread nothing changes.
        """
        before = {}

        def note(number: int, _: object) -> None:
            self.number = number
            restore()

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    before[number] = handler
            for number in before:
                signal.signal(number, note)
        try:
            yield lambda: self.number > 0
        finally:
            restore()
