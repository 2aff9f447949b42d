"""SIGINT and SIGTERM: a request to stop where work can go on later, else the end of a command."""

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
"""Signals after which a command ends at once, whatever is not cleaned up yet."""


_came: list[int] = []
_process: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal asked the command to stop.

    Attributes
    ----------
    number : int
        The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def listen() -> None:
    """Have the first SIGINT or SIGTERM raise `Stopped`, and the next not disturb the clean-up.

    The third ends the process at once. A signal that was ignored stays ignored.
    """
    _came.clear()
    _process[:] = [os.getpid()]
    sys.unraisablehook = partial(_again, sys.unraisablehook)
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _stop)


def _stop(number: int, _: object) -> None:
    if _process != [os.getpid()]:  # a child that has not set its own handlers yet
        os._exit(128 + number)
    _came.append(number)
    if len(_came) == 1:
        raise Stopped(number)
    if len(_came) >= MOST:
        os._exit(128 + number)


def came() -> Stopped | None:
    """Return the signal that asked the command to stop, if one came."""
    return Stopped(_came[0]) if _came else None


def _again(otherwise: Callable[[Any], object], lost: Any) -> None:
    """Send a signal once more that came where Python cannot raise, as in a callback of C code."""
    if isinstance(lost.exc_value, Stopped):
        _came.clear()
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), lost.exc_value.number)).start()
    else:
        otherwise(lost)


def ignore() -> None:
    """Have no signal disturb the end of the process, whose status is known."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@dataclass
class StopRequest:
    """Number of the signal that asks to stop, 0 for none."""

    number: int = 0

    @contextmanager
    def listening(self) -> Iterator[Callable[[], bool]]:
        """Note the first SIGINT or SIGTERM; a second one acts as it did before.

        Gives a function that tells whether one came. A signal that was ignored stays ignored.
        Outside the main thread nothing changes.
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
