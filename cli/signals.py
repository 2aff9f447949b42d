"""SIGINT and SIGTERM as a request to stop, granted where work can be interrupted."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    before[number] = handler
            for number in before:
                signal.signal(number, note)
        try:
            yield lambda: self.number > 0
        finally:
            restore()
