"""Read a PyTorch checkpoint as plain data, without executing its code and without PyTorch.

A .pt file is a zip archive of one pickle, `data.pkl`, and one member of raw numbers for each
storage. `ipvae.export.importers.torch_pickle` reads the pickle.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.export.importers.torch_pickle import BFLOAT16, Tensor, unpickled
from ipvae.files import require_file
from ipvae.network.io.hdf5_child import shown

MAX_PICKLE_BYTES = 1 << 27
"""Limit for about 9 million statistics of 14 bytes; the largest known file has 2.4 million."""

MAX_TENSOR_BYTES = 1 << 30
"""Limit for a decoder of 16384 pixels and 16384 neurons in float32."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Archive:
    """Checkpoint; `content` is the result of `ipvae.export.importers.torch_pickle.unpickled`."""

    path: Path
    root: str
    content: Any

    def array(self, tensor: Tensor, name: str) -> np.ndarray:
        """Return the values of a tensor, bfloat16 as float32.

        Raises
        ------
        InputError
            If they are not floating-point numbers, or are incomplete.
        """
        where = f"{self.path}: {name}"
        if tensor.dtype not in ("<f2", "<f4", "<f8", BFLOAT16):
            raise InputError(
                f"{where} holds {tensor.dtype} numbers; allowed are floats of 16, 32 or 64 bits. "
                "Save the model as float32."
            )
        size, wanted = int(np.prod(tensor.shape, dtype=object)), 1
        for length, step in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
            if length != 1 and step != wanted:
                raise InputError(f"{where} is not stored row by row. Save it with .contiguous().")
            wanted *= length
        return self._numbers(tensor, size, where).reshape(tensor.shape)

    def _numbers(self, tensor: Tensor, size: int, where: str) -> np.ndarray:
        """Read only the part of a storage that a tensor of `size` numbers needs."""
        dtype = "<u2" if tensor.dtype == BFLOAT16 else tensor.dtype
        item, end = int(dtype[-1]), tensor.offset + size
        name = f"{self.root}data/{tensor.storage}"
        with _opened(self.path) as archive:
            stored = _member_size(archive, name) // item
            if tensor.offset < 0 or end > stored:
                raise InputError(
                    f"{where} asks for numbers {tensor.offset}..{end} of "
                    f"{stored} that are stored. Copy the file again."
                )
            if end * item > MAX_TENSOR_BYTES:
                raise InputError(
                    f"{where} ends at byte {end * item} of its storage, allowed are "
                    f"{MAX_TENSOR_BYTES}. Save a smaller model, each tensor with .clone()."
                )
            raw = _member(archive, name, end * item)
        numbers = np.frombuffer(raw, dtype, size, tensor.offset * item)
        if tensor.dtype == BFLOAT16:  # the upper half of a float32
            return (numbers.astype("<u4") << 16).view("<f4")
        return numbers


def read_archive(path: str | Path) -> Archive:
    """Read a checkpoint written by `torch.save`.

    Raises
    ------
    FormatError
        If it is missing, or is a folder, a device or a pipe.
    InputError
        If the file has another format or is damaged. Also if its pickle requests objects other than
        tensors, ordered dicts and NumPy scalars, or more than a checkpoint needs.
    """
    path = Path(path)
    with _opened(path) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise InputError(
                f"{path}: holds {len(names)} data.pkl, a checkpoint of PyTorch 1.6 or newer has "
                "one. Load it with PyTorch and save it again."
            )
        root = names[0].removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist():
            order = _member(archive, f"{root}byteorder", len(b"little"))
            if order != b"little":
                raise InputError(f"{path}: byte order {order!r}, allowed is little endian")
        if (size := _member_size(archive, names[0])) > MAX_PICKLE_BYTES:
            raise InputError(
                f"{path}: data.pkl has {size} bytes, allowed are {MAX_PICKLE_BYTES}. "
                "Save the model without its statistics."
            )
        data = _member(archive, names[0], size)
    try:
        return Archive(path, root, unpickled(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path}: its pickle is damaged ({shown(str(error)) or type(error).__name__}). "
            "Copy the file again."
        ) from error


class _opened:  # noqa: N801
    """Zip archive with uncompressed members only, as protection against zip bombs."""

    def __init__(self, path: Path) -> None:
        require_file(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
            # zipfile raises RuntimeError for unsupported archives.
            raise InputError(
                f"{path}: not a checkpoint of PyTorch 1.6 or newer ({error}). "
                "Pass a .pt file that torch.save wrote."
            ) from error

    def __enter__(self) -> zipfile.ZipFile:
        return self.archive

    def __exit__(self, *_: object) -> None:
        self.archive.close()


def _member_size(archive: zipfile.ZipFile, name: str) -> int:
    """Size of a member in bytes, equal to its size in the archive."""
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise _unreadable(archive, name, error) from error
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise InputError(
            f"{archive.filename}: {name[-80:]!r} is compressed, allowed are members stored as is. "
            "Pass a .pt file that torch.save wrote."
        )
    return info.file_size


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return the first `most` bytes of a member; check its checksum unless it is huge."""
    size = _member_size(archive, name)
    try:
        with archive.open(name) as file:
            contents = file.read(most)
            while size <= MAX_TENSOR_BYTES and file.read(_BLOCK_BYTES):
                pass  # zipfile checks at the end
            return contents
    except Exception as error:  # zipfile's exceptions have no common base class
        raise _unreadable(archive, name, error) from error


def _unreadable(archive: zipfile.ZipFile, name: str, error: Exception) -> InputError:
    return InputError(
        f"{archive.filename}: {name[-80:]!r} cannot be read ({shown(str(error))}). "
        "Copy the file again."
    )
