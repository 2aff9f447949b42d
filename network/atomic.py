"""Files appear whole or not at all: written to a temporary name, then renamed."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ipvae.network.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    On an error the temporary file is removed and what was there is kept.

    Raises
    ------
    InputError
        If the folder is missing or cannot be written, or a folder, a device or a pipe stands in
        the place of the file.
    """
    target = Path(path)
    with _beside(target) as temporary:
        yield temporary
        _settle(temporary)
        temporary.replace(target)


def write_together(folder: str | Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder that is there: all of them, or on an error none.

    Every file lies whole on the disk under a temporary name before the first is renamed; what
    ends the process between two renames, which takes a moment, leaves new files beside old ones.

    Parameters
    ----------
    folder : str or Path
    files : mapping of path below the folder -> contents

    Raises
    ------
    InputError
        As `replacing`.
    """
    for inner in {Path(folder, name).parent for name in files}:
        require_writable_folder(inner)
    with ExitStack() as stack:
        ready = {}
        for name, contents in files.items():
            target = Path(folder, name)
            ready[target] = stack.enter_context(_beside(target))
            ready[target].write_bytes(contents)
            _settle(ready[target])
        for target, temporary in ready.items():
            temporary.replace(target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a temporary file beside `target`; on an error it is removed."""
    _require_regular(target)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise InputError(
            f"{target}: cannot write there ({error.strerror}); choose a folder that exists "
            "and that you may write to"
        ) from error
    temporary = Path(name)
    try:
        yield temporary
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{target}: cannot write there ({error.strerror or error})") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _settle(temporary: Path) -> None:
    """Bring a temporary file to the disk, with the permissions of any new file."""
    with temporary.open("rb") as f:
        os.fsync(f.fileno())
    os.chmod(temporary, 0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def require_writable_folder(path: str | Path) -> None:
    """Create a folder and make sure that files can be written there, before long work.

    Raises
    ------
    InputError
        If it cannot be created or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write there ({error.strerror}); choose another folder"
        ) from error


def require_writable_file(path: str | Path) -> None:
    """Create a file's folder and make sure that the file can be put there, before long work.

    Raises
    ------
    InputError
        If it cannot, or a folder, a device or a pipe stands in its place.
    """
    target = Path(path)
    _require_regular(target)
    require_writable_folder(target.parent)


def _require_regular(target: Path) -> None:
    """Refuse to put a file in the place of something else."""
    if target.is_dir():
        raise InputError(f"{target}: cannot write there (it is a folder); name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(
            f"{target}: cannot write there (it is a device, a pipe or a socket); name a file"
        )
