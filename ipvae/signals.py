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

from ipvae.streams import write_error

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 0.05
GRACE_SECONDS = 3.0
"""Time that a call of C code, such as a large matrix product, has to return after a signal."""
MOST = 3
"""Number of signals after which a command ends at once, without further clean-up."""


_came: list[int] = []
_process: list[int] = []
_reached: list[int] = []
"""Signals whose Python handler ran, in this process."""
_before: list[int] = [0]
"""Number of them before the last `listen`."""
_watched: list[int] = []
"""Process whose signals the thread of `_watch_long_calls` receives."""


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
    ignored stays ignored. Python runs handlers between its own instructions only: if a call of C
    code does not return within GRACE_SECONDS, the process is ended without waiting for it.
    """
    _came.clear()
    _before[:] = [len(_reached)]
    _process[:] = [os.getpid()]
    sys.unraisablehook = partial(_again, sys.unraisablehook)
    handled = [n for n in SIGNALS if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    for number in handled:
        signal.signal(number, _stop)
    if handled:
        _watch_long_calls()


def _watch_long_calls() -> None:
    """Start a thread that receives the numbers of signals when they arrive, not when handled."""
    if _watched == [os.getpid()]:
        return
    _watched[:] = [os.getpid()]
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_end_long_calls, args=(readable,), daemon=True).start()


def _end_long_calls(readable: int) -> None:
    while arrived := os.read(readable, 1):
        if arrived[0] in SIGNALS:
            wait = threading.Timer(GRACE_SECONDS, _end_unless_reached, (arrived[0], _before[0]))
            wait.daemon = True
            wait.start()


def _end_unless_reached(number: int, before: int) -> None:
    """End the process if the handler of `listen` is set and no handler has run."""
    if len(_reached) > before or signal.getsignal(number) is not _stop:
        return
    from ipvae.files import remove_unfinished  # not on Windows

    remove_unfinished()
    write_error(f"ipvae: {_describe[0](signal.Signals(number).name)}")
    os._exit(128 + number)


def _plain(name: str) -> str:
    return f"the command line was stopped ({name}); nothing was written"


_describe: list[Callable[[str], str]] = [_plain]


def describe_stops(describe: Callable[[str], str]) -> None:
    """Set the function that turns the name of a signal into the message of a stopped command."""
    _describe[:] = [describe]


def _stop(number: int, _: object) -> None:
    _reached.append(number)
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
            _reached.append(number)
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
