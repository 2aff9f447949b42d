"""Packages and limits of this process, as text for messages.

A package can fail to import in many ways: it is missing, built for other libraries, or stopped by
a memory limit. The user gets one line with the reason.
"""

import errno
import importlib
import sys
from collections.abc import Iterator

from ipvae.errors import BackendError, IpvaeError

if sys.platform != "win32":
    import resource  # at once: a process that may open no further file cannot import it

LONGEST = 300
"""Maximum number of characters of a reason from another package."""

process = {"own": False}
"""`own`: this process runs a command, so no user compiles functions in it."""


def require_package(
    module: str, purpose: str, remedy: str, error: type[IpvaeError] = BackendError
) -> None:
    """Import a package, or raise an error with its purpose and the reason of the failure.

    Parameters
    ----------
    module : str
    purpose : str
        Beginning of the message, such as "training needs PyTorch".
    remedy : str
        Advice, a whole sentence.
    error : class of the error

    Raises
    ------
    IpvaeError
        Of class `error`, for any exception of the import, including SystemExit.
    """
    try:
        importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise error(
            f"{purpose}, which cannot be imported ({reason(problem)}). {remedy}"
        ) from problem


def reason(problem: BaseException) -> str:
    r"""Return the reason of a failure on one line, with the process limit that may explain it.

    >>> reason(ImportError("libx.so: cannot open"))
    'libx.so: cannot open'
    >>> reason(ValueError("one line\nand another"))
    'ValueError: one line and another'
    """
    text = " ".join(str(problem).split())[:LONGEST]
    if not isinstance(problem, ImportError):
        text = f"{type(problem).__name__}: {text}" if text else type(problem).__name__
    return "; ".join([text, *_limits(problem)])


def open_files_exhausted(problem: BaseException) -> bool:
    """Return whether an error, or one of its causes, is the limit of open files."""
    return any(getattr(e, "errno", None) in (errno.EMFILE, errno.ENFILE) for e in _causes(problem))


def memory_limit() -> int | None:
    """Return the memory limit of this process in bytes (ulimit -v), or None."""
    if sys.platform == "win32":
        return None
    found = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if found == resource.RLIM_INFINITY else found


def _limits(problem: BaseException) -> list[str]:
    """Process limits that explain an error, with the commands that raise them."""
    found, memory = [], memory_limit()
    if memory is not None and not isinstance(problem, ModuleNotFoundError):
        found.append(f"this process may use {memory >> 20} MiB of memory: raise ulimit -v")
    if sys.platform != "win32" and open_files_exhausted(problem):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        found.append(f"this process may open {most} files: raise ulimit -n")
    return found


def _causes(problem: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = problem
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
