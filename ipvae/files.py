"""Atomic writing and safe reading of files.

Writing is atomic: data go to a temporary file in the same folder, which is then renamed. Any
error, such as a full disk, removes the temporary file and keeps the existing file. Reading accepts
only regular files of bounded size; a Git LFS pointer is reported as such.
"""

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ipvae.errors import FormatError, InputError, IpvaeError

try:
    import fcntl
except ImportError as error:
    raise ImportError(
        "ipvae locks files with fcntl, which Windows does not have: use WSL 2 (docs/install.md)"
    ) from error

MAX_BYTES = 2**34
"""Largest size of a file that is read, in bytes."""

_LFS_START = b"version https://git-lfs"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROBE_BYTES = 4096
_unfinished: set[Path] = set()
"""Temporary files of this process."""
_LONGEST_NAME = 200
"""Bytes of a file name that its temporary name repeats; file systems allow 255."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it replaces `path`.

    On an error the temporary file is removed and the existing file is kept. The temporary file is
    locked (flock), so the HDF5 library cannot open it; `ipvae.network.io.hdf5_output` can.

    Raises
    ------
    InputError
        If the file cannot be written: the folder is missing or read-only, the disk is full, the
        file grows beyond a limit, or `path` is a folder, a device or a pipe.
    """
    target = Path(path)
    with _input_errors(target), _replacing(target) as temporary:
        yield temporary


def atomic_write(path: str | Path, contents: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    InputError
        As `atomic_path`, with the OSError as its cause.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def atomic_write_all(
    folder: str | Path, files: Mapping[str, bytes], removed: Collection[Path] = ()
) -> None:
    """Write several files below an existing folder, or none of them on an error.

    All files are complete on the disk under temporary names before the first one is renamed. If
    the process ends in the short time between two renames, the folder holds new and old files.

    Parameters
    ----------
    folder : str or Path
    files : mapping of path below the folder -> contents
    removed : paths
        Files of an earlier result, removed after the new files are on the disk and before the
        new files are renamed.

    Raises
    ------
    InputError
        As `atomic_path`. Folders that were created for the files are removed again.
    """
    with ExitStack() as stack:
        stack.enter_context(_input_errors(Path(folder)))
        made = stack.enter_context(_folders({Path(folder, name).parent for name in files}))
        ready = {}
        for name, contents in files.items():
            target = Path(folder, name)
            stack.enter_context(_input_errors(target))
            ready[target] = stack.enter_context(_temporary(target))
            ready[target].write_bytes(contents)
            _flush_to_disk(ready[target])
        for path in removed:
            with _input_errors(path):
                path.unlink(missing_ok=True)
        for target, temporary in ready.items():
            with _input_errors(target):
                temporary.replace(_real(target))
        made.clear()


@contextmanager
def _folders(wanted: set[Path]) -> Iterator[list[Path]]:
    """Create folders; at the end, remove the empty ones among the yielded list."""
    made: list[Path] = []
    try:
        for folder in sorted(wanted):
            made += [f for f in (folder, *folder.parents) if not f.exists()]
            folder.mkdir(parents=True, exist_ok=True)
        yield made
    finally:
        for folder in sorted(made, reverse=True):
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _input_errors(target: Path) -> Iterator[None]:
    """Turn an OSError into an InputError that names the file, the reason and a remedy."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{target}: {unwritable(error)}") from error


def unwritable(error: OSError) -> str:
    """Return the reason why a file cannot be written, and a remedy, for a message."""
    reason = "Not a directory" if error.errno == errno.EEXIST else error.strerror or error
    remedy = "choose a folder that exists and that you may write to"
    if error.errno in _FULL:
        remedy = "make room, or choose another disk"
    elif error.errno == errno.EFBIG:
        remedy = "raise the limit on the size of files (ulimit -f), or write less"
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        remedy = "raise the limit on open files (ulimit -n)"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "choose a shorter name"
    return f"cannot write there ({reason}); {remedy}"


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    with _temporary(target) as temporary:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(_real(target))


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Yield a new, empty file in the folder of `target`, removed at the end if it still exists.

    The file is locked meanwhile. An unlocked one was left by a killed process: it is removed when
    the same file is written again.
    """
    require_file_or_nothing(target)
    target = _real(target)
    start = f".{os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])}."
    _remove_abandoned(target.parent, start)
    temporary, held = _created(target.parent, start)
    _unfinished.add(temporary)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)
        os.close(held)


def remove_unfinished() -> None:
    """Remove all temporary files of this process, which ends without further clean-up."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _created(folder: Path, start: str) -> tuple[Path, int]:
    """Create a file under a random name, with the permissions of any new file, and lock it."""
    while True:
        path = folder / f"{start}{secrets.token_hex(4)}.tmp"
        try:
            held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        if _locked(held) is not False and os.fstat(held).st_nlink:
            return path, held
        os.close(held)  # another process removed it as abandoned before it was locked


def _locked(held: int) -> bool | None:
    """Lock a file: False if another process holds it, None on a file system without locks."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_abandoned(folder: Path, start: str) -> None:
    """Remove unlocked temporary files, which killed processes left."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(start) and entry.name.endswith(".tmp")):
                continue
            with suppress(OSError):
                held = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if _locked(held):
                        os.unlink(entry.path)
                finally:
                    os.close(held)


def _flush_to_disk(temporary: Path) -> None:
    with temporary.open("rb") as file:
        os.fsync(file.fileno())


def require_writable_folder(path: str | Path) -> None:
    """Create a folder and check, before long work, that files can be written in it.

    Raises
    ------
    InputError
        If it cannot be created or written, or the disk is full; folders that were created are
        removed again.
    """
    with _input_errors(Path(path)), _probed(Path(path)) as made:
        made.clear()


def probe_folder(path: str | Path) -> None:
    """Check that files can be written in a folder that may not exist yet; leave nothing behind.

    Raises
    ------
    InputError
        As `require_writable_folder`.
    """
    with _input_errors(Path(path)), _probed(Path(path)):
        pass


@contextmanager
def _probed(folder: Path) -> Iterator[list[Path]]:
    """Create a folder, write some bytes in it, and remove the created folders in the list."""
    with _folders({folder}) as made:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            rest = bytes(_PROBE_BYTES)
            while rest:
                rest = rest[probe.write(rest) :]
        yield made


def require_writable_file(path: str | Path) -> None:
    """Create the folder of a file and check, before long work, that the file can be written.

    Raises
    ------
    InputError
        If it cannot be written, or a folder, a device or a pipe has its name.
    """
    probe_file(path)
    require_writable_folder(_real(Path(path)).parent)


def probe_file(path: str | Path, *, make: bool = True) -> None:
    """Check that a file can be written; leave nothing behind.

    Parameters
    ----------
    path : str or Path
    make : bool
        Whether a missing folder of the file will be created later.

    Raises
    ------
    InputError
        As `require_writable_file`.
    """
    target = Path(path)
    with _input_errors(target):
        require_file_or_nothing(target)
        folder = _real(target).parent
        if not make:
            folder.stat()
        with _probed(folder):
            pass


def _real(target: Path) -> Path:
    """Return the file that is written: the target of a symbolic link, which is kept."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def require_file_or_nothing(target: Path) -> None:
    """Raise InputError if the path exists and is not a regular file."""
    try:
        found = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(found):
        raise InputError(f"{target}: cannot write there (it is a folder); name a file in it")
    if not stat.S_ISREG(found):
        raise InputError(
            f"{target}: cannot write there (it is a device, a pipe or a socket); name a file"
        )


@contextmanager
def open_file(
    path: str | Path, error: type[IpvaeError] = FormatError, most: int = MAX_BYTES
) -> Iterator[BinaryIO]:
    """Open a user's file for reading from its start.

    Parameters
    ----------
    path : str or Path
    error : class of the error
    most : int, bytes
        Largest allowed size.

    Raises
    ------
    IpvaeError
        Of class `error`: if the file is missing, a folder, a device or a pipe, empty, too large,
        a Git LFS pointer, or an OSError occurs while it is open.
    """
    try:
        held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # does not wait for the writer of a pipe
    except (OSError, ValueError) as problem:  # ValueError for a null character in the path
        raise error(_unreadable(path, problem)) from problem
    try:
        found = os.fstat(held)
        if not stat.S_ISREG(found.st_mode):
            raise error(f"{path}: cannot be read (it is no regular file); check the path")
        with open(held, "rb", closefd=False) as file:
            _require_content(path, found.st_size, file.peek(), error, most)
            yield file
    except OSError as problem:
        raise error(_unreadable(path, problem)) from problem
    finally:
        os.close(held)


def _unreadable(path: str | Path, problem: OSError | ValueError) -> str:
    reason = getattr(problem, "strerror", None) or problem
    return f"{path}: cannot be read ({reason}); check the path"


def _require_content(
    path: str | Path, size: int, head: bytes, error: type[IpvaeError], most: int
) -> None:
    if size == 0:
        raise error(f"{path}: is empty (0 bytes); copy the file again, or make it again")
    if size > most:
        raise error(f"{path}: {size} bytes, allowed are up to {most}; check the path")
    if head.startswith(_LFS_START):
        raise error(f"{path}: a Git LFS pointer, not the file: fetch it with git lfs pull")


def require_file(
    path: str | Path, error: type[IpvaeError] = FormatError, most: int = MAX_BYTES
) -> int:
    """Return the size in bytes of a file that can be read to its end.

    Raises
    ------
    IpvaeError
        As `open_file`.
    """
    with open_file(path, error, most) as file:
        return os.fstat(file.fileno()).st_size


def read_file(path: str | Path, error: type[IpvaeError], most: int) -> bytes:
    """Return the contents of a file.

    Raises
    ------
    IpvaeError
        As `open_file`.
    """
    with open_file(path, error, most) as file:
        return file.read(most)
