"""Progress of long work as events; a callback decides how to show them."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ProgressEvent:
    """State of one stage of a workflow.

    Attributes
    ----------
    message : str
        Text on the current work.
    done, total : int
        Units of work (mostly images); `total` is 0 if it is not known.
    seconds : float, optional
        Wall time of the stage; only in its last event.
    detail : str
        Current figures, such as the loss of a training; usually empty.
    """

    message: str
    done: int
    total: int
    seconds: float | None = None
    detail: str = ""

    @property
    def text(self) -> str:
        """State in one line."""
        parts = [self.message]
        if self.total and self.done:
            parts.append(f"{self.done:,} of {self.total:,}")
        return ": ".join(parts) + (f"; {self.detail}" if self.detail else "")


Listener = Callable[[ProgressEvent], None]
"""Callback for events, possibly from several threads."""

Advance = Callable[[int], None]
"""Callback for the amount of work done since the last call, from any thread."""


class AdvanceWithDetail(Protocol):
    """An `Advance` that also takes current figures as text."""

    def __call__(self, more: int, detail: str = "") -> None:
        """Report further work of a stage."""
        ...


_listener: ContextVar[Listener | None] = ContextVar("ipvae_progress", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send events of all stages in this context to `listener`; None keeps the current one."""
    if listener is None:
        yield
        return
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(message: str, total: int = 0) -> Iterator[AdvanceWithDetail]:
    """Report a stage of work: its beginning, progress by `advance`, and its end with the time."""
    listener = _listener.get() or _default_listener()
    start, done, lock = time.perf_counter(), 0, threading.Lock()

    def advance(more: int, detail: str = "") -> None:
        nonlocal done
        with lock:
            done += more
            listener(ProgressEvent(message, done, total, detail=detail))

    listener(ProgressEvent(message, 0, total))
    yield advance
    listener(ProgressEvent(message, done, total, time.perf_counter() - start))


def _default_listener() -> Listener:
    """Callback that rewrites one line on a terminal or in a notebook; silent elsewhere."""
    return _show if _is_interactive() else lambda _: None


def _is_interactive() -> bool:
    shell = sys.modules.get("IPython")
    kernel = shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"
    return kernel or (sys.stderr is not None and sys.stderr.isatty())


def _show(event: ProgressEvent) -> None:
    end = "" if event.seconds is None else f" ({event.seconds:.1f} s)\n"
    sys.stderr.write(f"\r{event.text:<78}{end}")
    sys.stderr.flush()
