"""HDF5 output that survives a full disk.

HDF5's C library crashes the process if a write fails while it closes a file. It therefore writes
through `Output`, which reports no failure to the library. The first failure is stored and raised
where Python can handle it, and later bytes stay in memory. The file has the same bytes as one
that the library writes itself.
"""

import os
from pathlib import Path
from typing import Any


class Output:
    """File object for `h5py.File(output, "w")`; as a context it raises the first failure.

    Parameters
    ----------
    path : Path
        Created, or its contents are replaced.

    Raises
    ------
    OSError
        At the end of the context and from `require_written`, for example if the disk is full.

    Examples
    --------
    with atomic_path(path) as temporary, Output(temporary) as output:
        with h5py.File(output, "w") as file:
            file["x"] = 1
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._position = self._size = 0
        self._failure: BaseException | None = None
        self._unwritten: list[tuple[int, bytes]] = []

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self.require_written()

    def require_written(self) -> None:
        """Raise the first failure, if any. Call it after each large part."""
        if self._failure is not None:
            raise self._failure

    def write(self, contents: Any) -> int:
        """Write at the current position."""
        try:
            rest, place = memoryview(contents), self._position
            while rest and self._failure is None:
                done = os.pwrite(self._file, rest, place)
                rest, place = rest[done:], place + done
        except BaseException as failure:  # interrupts too: HDF5 must not receive them
            self._failure = failure
        if self._failure is not None:
            self._unwritten.append((self._position, bytes(contents)))
        self._position += len(contents)
        self._size = max(self._size, self._position)
        return len(contents)

    def readinto(self, buffer: Any) -> int:
        """Read the bytes written, including those that failed; zeros beyond."""
        target, start = memoryview(buffer).cast("B"), self._position
        target[:] = bytes(len(target))
        try:
            os.preadv(self._file, [target], start)
        except BaseException as failure:
            self._failure = self._failure or failure
        for place, contents in self._unwritten:
            low, high = max(start, place), min(start + len(target), place + len(contents))
            if low < high:
                target[low - start : high - start] = contents[low - place : high - place]
        self._position += len(target)
        return len(target)

    def read(self, size: int) -> bytes:
        """Read as `readinto`, for h5py 3.10."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        self._position = offset + (self._size if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def truncate(self, size: int) -> int:
        """Set the size."""
        try:
            if self._failure is None:
                os.ftruncate(self._file, size)
        except BaseException as failure:
            self._failure = failure
        self._size = size
        return size

    def flush(self) -> None:
        """Do nothing: no write is buffered."""
