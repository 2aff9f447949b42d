"""Compilation by numba, with a disk cache if a folder for it can be written.

A cache that cannot be written or read is not an error: the function is compiled again.
"""

import functools
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ipvae.environment import process
from ipvae.errors import BackendError

log = logging.getLogger("ipvae")

_BLAS = "scipy.linalg.cython_blas"
SET_FOLDER = "name a folder with NUMBA_CACHE_DIR"


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like `numba.njit(cache=True, **options)`.

    Raises
    ------
    BackendError
        If NUMBA_DISABLE_JIT is set: without compilation these functions cannot run.
    """
    numba = _numba()

    def decorated(function: Callable[..., Any]) -> Any:
        try:
            kernel: Any = numba.njit(cache=True, **options)(function)
            _forgive(kernel._cache)
        except RuntimeError:  # neither the source folder nor the home folder can be written
            kernel = numba.njit(**options)(function)
        compile_ = kernel.compile

        def compile_undisturbed(*arguments: Any) -> Any:
            _load_library()
            with _without_collection(), _libraries(part=False):
                return compile_(*arguments)

        kernel.compile = compile_undisturbed
        return kernel

    return decorated


def _numba() -> Any:
    """Return the package numba; raise BackendError if it does not compile."""
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise BackendError(
            "NUMBA_DISABLE_JIT is set, and this needs functions that numba compiles; unset it"
        )
    return numba


def inner(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like `numba.njit` for functions that only compiled functions call.

    Each is optimized as a part of the kernels that call it, and not by itself as well.

    Raises
    ------
    BackendError
        As for `compiled`.
    """
    numba = _numba()

    def decorated(function: Callable[..., Any]) -> Any:
        part: Any = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
        compile_ = part.compile

        def compile_part(*arguments: Any) -> Any:
            with _libraries(part=True):
                return compile_(*arguments)

        part.compile = compile_part
        return part

    return decorated


@contextmanager
def _libraries(*, part: bool) -> Iterator[None]:
    """Compile to numba's libraries; or, parts, to LLVM's intermediate code and no further."""
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    target: Any = cpu_target.target_context
    codegen = target.codegen()
    usual = type(codegen)
    if not _has_steps(usual):
        yield
        return
    with global_compiler_lock:
        before = codegen._library_class, codegen.set_env
        codegen._library_class = usual._library_class
        codegen.set_env = usual.set_env.__get__(codegen)
        if part:
            codegen._library_class = _part_of(usual._library_class)
            codegen.set_env = lambda *_: None  # Python objects of a function, which parts lack
        try:
            yield
        finally:
            codegen._library_class, codegen.set_env = before


@functools.cache
def _has_steps(codegen: Any) -> bool:
    """Return whether numba compiles in the steps that a part leaves out, as 0.59 to 0.68 do.

    Another version compiles parts by themselves as well: slower, with the same results.
    """
    library = getattr(codegen, "_library_class", None)
    steps = ("_optimize_functions", "_optimize_final_module", "_finalize_final_module")
    return hasattr(codegen, "set_env") and all(hasattr(library, step) for step in steps)


@functools.cache
def _part_of(library: Any) -> Any:
    """Class of libraries like numba's `library`, neither optimized nor translated by themselves."""

    class Part(library):
        def _optimize_functions(self, module: Any) -> None:
            module.data_layout = self._codegen._data_layout

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002
            return 0  # as for every function without a Python wrapper

    return Part


@functools.cache
def _load_library() -> None:
    """Load the functions that numba offers; in the process of a command without SciPy.

    SciPy's BLAS is for matrix products in compiled functions, which our kernels do not contain.
    The search for it takes as long as the import of numba.
    """
    from numba.core.compiler_lock import global_compiler_lock

    if not process["own"]:
        return
    with global_compiler_lock:
        if _BLAS in sys.modules:
            return
        sys.modules[_BLAS] = None  # type: ignore[assignment]  # cannot be imported
        try:
            import_module("numba.np.arraymath")
        finally:
            del sys.modules[_BLAS]


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
