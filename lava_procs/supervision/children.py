"""Signal handling, parent death and stack queries in Lava's child processes.

Lava forks them from the host, so they would otherwise inherit its handlers and blocked signals.
All of this runs first in a child; it requires fork (Linux, macOS).
"""

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CAN_FORK = hasattr(os, "register_at_fork")

_PR_SET_PDEATHSIG = 1
_prctl: Any = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_ANSWER_SECONDS, _POLL_SECONDS = 0.5, 0.01


class _Fork(threading.local):
    """Settings of a thread for the children that it is forking."""

    starts: bool = False
    parent: int
    stacks: Any
    in_main_thread: bool


_fork = _Fork()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the end of the block, in the main thread.

    Their handlers are replaced. Blocking the signals would pass them to other threads (of NumPy, of
    Lava's ports), and Python would still handle them here.
    """
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                before[number] = handler
        for number in before:
            signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextlib.contextmanager
def starting(stacks: "Stacks") -> Iterator[None]:
    """Fork child processes that ignore SIGINT and SIGTERM, and are killed when their parent ends.

    Ctrl-C reaches a whole process group; only the parent handles it, and ends the others in order.
    If the parent is killed, Linux kills the children that its main thread has started.
    """
    with uninterrupted():
        _fork.starts, _fork.parent, _fork.stacks = True, os.getpid(), stacks.file
        # The kernel treats the end of the forking thread as the end of the parent.
        _fork.in_main_thread = threading.current_thread() is threading.main_thread()
        try:
            yield
        finally:
            _fork.starts = False


def _behave() -> None:
    """Apply the settings of `starting` in a child."""
    if not _fork.starts:
        return  # another child of the host
    _fork.starts = False
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1, file=_fork.stacks, all_threads=False)
    if _prctl is not None and _fork.in_main_thread:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != _fork.parent:  # the parent died before prctl
            os._exit(1)


if CAN_FORK:
    os.register_at_fork(after_in_child=_behave)


@dataclass(frozen=True)
class Place:
    """Innermost function of a process outside Python's own threading."""

    file: str
    line: str
    function: str

    @property
    def waits(self) -> bool:
        """True if the process waits for another: for a message, or for space to send one."""
        return os.path.basename(self.file) == "pypychannel.py"

    def __str__(self) -> str:
        return f"{self.function} ({os.path.basename(self.file)}, line {self.line})"


class Stacks:
    """File to which children write their stack on SIGUSR1, in any state."""

    def __init__(self) -> None:
        self.file: Any = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115

    def close(self) -> None:
        """Close the file here; it stays open in the children."""
        self.file.close()

    def ask(self, pid: int) -> Place | None:
        """Return the place of a process; None if it does not answer (it may be stopped)."""
        if not CAN_FORK:
            return None
        descriptor = self.file.fileno()
        start = size = os.fstat(descriptor).st_size
        os.kill(pid, signal.SIGUSR1)
        end = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
            before, size = size, os.fstat(descriptor).st_size
            if start < before == size:
                break
        return _place(os.pread(descriptor, size - start, start).decode(errors="replace"))


def _place(stack: str) -> Place | None:
    """Parse faulthandler's lines: File "threading.py", line 320 in wait."""
    for line in stack.splitlines():
        file, found, rest = line.strip().removeprefix('File "').partition('", line ')
        if found and os.path.basename(file) != "threading.py":
            number, _, function = rest.partition(" in ")
            return Place(file, number, function)
    return None
