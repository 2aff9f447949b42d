"""Reader for NumPy's array files, .npy and .npz, that does not trust their contents.

A header is compared with the number of bytes in the file before memory is allocated. Large .npy
files stay on disk (`numpy.memmap`), and only the part in use is read.
"""

import os
import re
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ipvae.errors import FormatError, InputError, IpvaeError
from ipvae.files import open_file
from ipvae.network.io.hdf5_child import shown

MOST_DIMENSIONS = 8
MOST_ARCHIVE_BYTES = 2**31
"""Limit for all arrays read from an archive: a small archive can expand a thousandfold."""
STAYS_ON_DISK = 2**26
"""Size in bytes from which an .npy file is mapped and not read into memory."""

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_END = struct.Struct("<4s4H2LH")
"""End of a zip archive; the fifth number is its count of members, or a mark for too many."""
_MANY = 0xFFFF
_PARTS = [
    re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]"""),
    re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)\b"""),
    re.compile(r"""['"]shape['"]\s*:\s*\(([^()]*)\)"""),
]
_LENGTH = re.compile(r"\d{1,15}")
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")


@dataclass(frozen=True)
class _Header:
    """Type and shape that an array file declares, and the offset of its numbers."""

    dtype: np.dtype
    shape: tuple[int, ...]
    by_column: bool
    start: int

    @property
    def n_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def read_npy(path: str | Path) -> np.ndarray:
    """Read an .npy file of numbers.

    Returns
    -------
    array of any shape, in the machine's byte order; a large one is on disk, as stored

    Raises
    ------
    InputError
        If the file is missing, damaged, inconsistent or contains anything but numbers.
    """
    with open_file(path, InputError) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            header = _header(file, size)
            if header.n_bytes >= STAYS_ON_DISK:
                order: Any = "F" if header.by_column else "C"
                return np.memmap(path, header.dtype, "r", header.start, header.shape, order)
            return _contents(file, header)
        except MemoryError as error:
            raise InputError(
                f"{path}: its {size} bytes do not fit into memory. Use fewer images."
            ) from error
        except ValueError as error:
            raise InputError(
                f"{path}: not an .npy file of numbers ({shown(error)}). Save an array of "
                "numbers with numpy.save."
            ) from error


def read_npz(
    path: str | Path,
    choose: Callable[[list[str]], Iterable[str]],
    error: type[IpvaeError] = FormatError,
    most: int = MOST_ARCHIVE_BYTES,
) -> dict[str, np.ndarray]:
    """Read selected arrays of an .npz file.

    Parameters
    ----------
    path : str or Path
    choose : callable
        Receives the names of all arrays and returns the names to read, or raises an error.
    error : class of the error for a file that cannot be opened
    most : int
        Largest total size in bytes.

    Raises
    ------
    IpvaeError
        Of class `error`: as `ipvae.files.open_file`.
    InputError
        If the file is damaged, inconsistent, or contains anything but numbers.
    """
    with open_file(path, error) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, file)
                names = list(choose(sorted(members)))
                total = sum(members[name].file_size for name in names)
                if total > most:
                    raise ValueError(f"its arrays have {total} bytes, allowed are up to {most}")
                return {name: _member(archive, members[name]) for name in names}
        except IpvaeError:
            raise
        except MemoryError as problem:
            raise InputError(
                f"{path}: its arrays do not fit into memory. Use fewer images."
            ) from problem
        except Exception as problem:  # zipfile and its decoders have no common error class
            raise InputError(
                f"{path}: not an .npz file of numbers ({shown(problem)}). Save arrays of "
                "numbers with numpy.savez."
            ) from problem


def _members(archive: zipfile.ZipFile, file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
    """Members by the names of their arrays; ValueError if the archive's end counts others."""
    found: dict[str, zipfile.ZipInfo] = {}
    file.seek(-_END.size - len(archive.comment), os.SEEK_END)
    counted = _END.unpack(file.read(_END.size))[4]
    if counted not in (len(archive.infolist()), _MANY):
        raise ValueError(f"its end counts {counted} arrays, {len(archive.infolist())} are listed")
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise ValueError(f"it holds two arrays of the name {name[:80]!r}")
        found[name] = info
    return found


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(info) as stream:
        try:
            array = _contents(stream, _header(stream, info.file_size))
        except ValueError as error:
            raise ValueError(f"{info.filename[:80]!r}: {error}") from error
        if stream.read(1):  # zipfile compares the checksum at the end
            raise ValueError(f"{info.filename[:80]!r} is longer than the archive declares")
    return array


def _header(stream: Any, size: int) -> _Header:
    """Read a header; ValueError unless the file has exactly the declared number of bytes."""
    start = stream.read(len(_MAGIC) + 2)
    if not start.startswith(_MAGIC) or len(start) < len(_MAGIC) + 2:
        raise ValueError("it does not begin as one")
    if start[6:] not in (b"\x01\x00", b"\x02\x00"):
        raise ValueError(f"version {'.'.join(map(str, start[6:]))}, allowed are 1.0 and 2.0")
    field = struct.Struct("<H" if start[6] == 1 else "<I")
    length = stream.read(field.size)
    length = field.unpack(length)[0] if len(length) == field.size else 0
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes, allowed are {_LONGEST_HEADER}")
    dtype, shape, by_column = _declared(stream.read(length).decode("latin-1"))
    header = _Header(dtype, shape, by_column, len(start) + field.size + length)
    stored = size - header.start
    if header.n_bytes != stored:
        raise ValueError(
            f"its header declares {header.n_bytes} bytes, {dtype} of shape {shape}, and "
            f"{stored} follow; it is cut off or damaged: copy it again"
        )
    return header


def _declared(text: str) -> tuple[np.dtype, tuple[int, ...], bool]:
    """Type, shape and order from a header's text, a dict in Python's notation."""
    found = [pattern.search(text) for pattern in _PARTS]
    if None in found:
        raise ValueError("its header is damaged, or it holds records")
    descr, by_column, sides = (match[1] for match in found if match)
    lengths = [part.strip() for part in sides.split(",") if part.strip()]
    if not all(_LENGTH.fullmatch(part) for part in lengths):
        raise ValueError(f"shape ({sides.strip()[:80]}), allowed are numbers from 0")
    if len(lengths) > MOST_DIMENSIONS:
        raise ValueError(f"{len(lengths)} dimensions, allowed are up to {MOST_DIMENSIONS}")
    if not _NUMBERS.fullmatch(descr):
        raise ValueError(f"it holds {descr[:80]!r}, allowed are numbers of up to 64 bits")
    return np.dtype(descr), tuple(int(part) for part in lengths), by_column == "True"


def _contents(stream: Any, header: _Header) -> np.ndarray:
    array = np.empty(int(np.prod(header.shape, dtype=object)), header.dtype)
    rest = array.data.cast("B") if array.size else memoryview(b"")
    while rest:
        received = stream.readinto(rest)
        if not received:
            raise ValueError(f"it ends {len(rest)} bytes too early; copy it again")
        rest = rest[received:]
    shaped = array.reshape(header.shape, order="F" if header.by_column else "C")
    return shaped.astype(header.dtype.newbyteorder("="), copy=False)
