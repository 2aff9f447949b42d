"""What Lava's processes do when a signal comes, when their parent dies, and when they are asked.

Lava forks them from the host, whose handlers and blocked signals they would otherwise keep.
Everything here is done in the child before anything else; it needs fork (Linux, macOS).
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
    """What a thread has set up for the children that it forks now."""

    starts: bool = False
    parent: int
    stacks: Any
    in_main_thread: bool


_fork = _Fork()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Have SIGINT and SIGTERM wait until the block is done, if this is the main thread.

    Their handlers are exchanged: blocking them would leave them to other threads (of NumPy, of
    Lava's ports), and Python would act on them here all the same.
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
    """Fork children that are deaf to SIGINT and SIGTERM, and are killed when their parent ends.

    Ctrl-C reaches a whole group: the parent alone answers, and ends the others in order. That
    they are killed when it cannot holds on Linux, if its main thread has started them.
    """
    with uninterrupted():
        _fork.starts, _fork.parent, _fork.stacks = True, os.getpid(), stacks.file
        # The kernel takes the end of the thread that forked for the end of the parent.
        _fork.in_main_thread = threading.current_thread() is threading.main_thread()
        try:
            yield
        finally:
            _fork.starts = False


def _behave() -> None:
    """Do in a child what `starting` promises."""
    if not _fork.starts:
        return  # something else of the host's
    _fork.starts = False
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1, file=_fork.stacks, all_threads=False)
    if _prctl is not None and _fork.in_main_thread:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != _fork.parent:  # it died before the kernel knew
            os._exit(1)


if CAN_FORK:
    os.register_at_fork(after_in_child=_behave)


@dataclass(frozen=True)
class Place:
    """Innermost function of a process that is not Python's own threading."""

    file: str
    line: str
    function: str

    @property
    def waits(self) -> bool:
        """Whether it waits for another process: for a message, or for room to send one."""
        return os.path.basename(self.file) == "pypychannel.py"

    def __str__(self) -> str:
        return f"{self.function} ({os.path.basename(self.file)}, line {self.line})"


class Stacks:
    """Where children write their stack when they get SIGUSR1, whatever they are doing."""

    def __init__(self) -> None:
        self.file: Any = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115

    def close(self) -> None:
        """Close the file; the children have it still."""
        self.file.close()

    def ask(self, pid: int) -> Place | None:
        """Return where a process stands; None if it does not answer (it may be stopped)."""
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
    """Read faulthandler's lines: File "threading.py", line 320 in wait."""
    for line in stack.splitlines():
        file, found, rest = line.strip().removeprefix('File "').partition('", line ')
        if found and os.path.basename(file) != "threading.py":
            number, _, function = rest.partition(" in ")
            return Place(file, number, function)
    return None
