"""SIGINT and SIGTERM as a wish to stop, granted where work can be interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Wish:
    """Number of the signal that came, 0 for none."""

    number: int = 0


@contextmanager
def signals_as_wish() -> Iterator[Wish]:
    """Note the first SIGINT or SIGTERM; a second one acts as it did before.

    A signal that was ignored stays ignored. Outside the main thread nothing changes.
    """
    wish, before = Wish(), {}

    def note(number: int, _: object) -> None:
        wish.number = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                before[number] = handler
        for number in before:
            signal.signal(number, note)
    try:
        yield wish
    finally:
        restore()
