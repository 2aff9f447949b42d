"""Compilation by numba, with a disk cache if a folder for it can be written.

A cache that cannot be written or read is not an error: the function is compiled again.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ipvae.errors import BackendError

log = logging.getLogger("ipvae")

SET_FOLDER = "name a folder with NUMBA_CACHE_DIR"


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like `numba.njit(cache=True, **options)`.

    Raises
    ------
    BackendError
        If NUMBA_DISABLE_JIT is set: without compilation these functions cannot run.
    """
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise BackendError(
            "NUMBA_DISABLE_JIT is set, and this needs functions that numba compiles; unset it"
        )

    def decorated(function: Callable[..., Any]) -> Any:
        try:
            kernel: Any = numba.njit(cache=True, **options)(function)
            _forgive(kernel._cache)
        except RuntimeError:  # neither the source folder nor the home folder can be written
            kernel = numba.njit(**options)(function)
        compile_ = kernel.compile

        def compile_undisturbed(*arguments: Any) -> Any:
            with _without_collection():
                return compile_(*arguments)

        kernel.compile = compile_undisturbed
        return kernel

    return decorated


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the cyclic garbage collector.

    The compiler makes millions of objects that live until it ends; scanning them takes a seventh
    of its time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def is_kept(kernel: Any) -> bool:
    """Return whether a compiled function has a cache folder."""
    return kernel.stats.cache_path is not None


def _forgive(cache: Any) -> None:
    """Treat an unreadable cache as empty, and do not write to an unwritable one."""
    load, save = cache.load_overload, cache.save_overload

    def load_overload(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # written by another user, or damaged: numba unpickles it
            return None

    def save_overload(*arguments: Any) -> None:
        try:
            save(*arguments)
        except OSError as error:
            _report_once(f"{cache.cache_path}: {error.strerror or error}")
        except Exception as error:  # damaged index, which numba reads before it writes
            _report_once(f"{cache.cache_path}: {type(error).__name__}")

    cache.load_overload, cache.save_overload = load_overload, save_overload


_reported: list[str] = []


def _report_once(reason: str) -> None:
    if not _reported:
        _reported.append(reason)
        log.warning(
            f"numba's cache cannot be written ({reason}): functions are compiled at every start; "
            f"{SET_FOLDER}"
        )
