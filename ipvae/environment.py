"""Packages and limits of this process, in the words of messages.

A package can fail to import in any way: absent, built for other libraries, or cut short by a limit
of memory. What a user reads is one line with the reason.
"""

import errno
import importlib
from collections.abc import Iterator

from ipvae.errors import BackendError, IpvaeError

LONGEST = 300
"""Characters of a reason that comes from another package."""


def require_package(
    module: str, purpose: str, remedy: str, error: type[IpvaeError] = BackendError
) -> None:
    """Import a package, or raise an error that says what needs it and why it fails.

    Parameters
    ----------
    module : str
    purpose : str
        Begin of the message, such as "training needs PyTorch".
    remedy : str
        Whole sentence.
    error : class of the error

    Raises
    ------
    IpvaeError
        Of class `error`, whatever the import raises, SystemExit included.
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
    r"""Return why something failed, on one line, with the limit of this process that may be why.

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
    """Return whether an error, or a cause of it, is that no more files can be opened."""
    return any(getattr(e, "errno", None) in (errno.EMFILE, errno.ENFILE) for e in _causes(problem))


def memory_limit() -> int | None:
    """Return the largest size of this process's memory in bytes (ulimit -v), None without one."""
    import resource

    found = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if found == resource.RLIM_INFINITY else found


def _limits(problem: BaseException) -> list[str]:
    """Limits that explain an error, with what raises them."""
    import resource

    found, memory = [], memory_limit()
    if memory is not None and not isinstance(problem, ModuleNotFoundError):
        found.append(f"this process may use {memory >> 20} MiB of memory: raise ulimit -v")
    if open_files_exhausted(problem):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        found.append(f"this process may open {most} files: raise ulimit -n")
    return found


def _causes(problem: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = problem
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
