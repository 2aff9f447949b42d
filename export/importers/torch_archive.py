"""Read a PyTorch checkpoint as plain data. Nothing in it is run, and PyTorch is not needed.

A .pt file is a zip archive of one pickle, `data.pkl`, and one member of raw numbers for each
storage. The pickle is read by `ipvae.export.importers.torch_pickle`.
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
"""Some 9 million statistics of 14 bytes; 2.4 million were seen."""

MAX_TENSOR_BYTES = 1 << 30
"""A decoder of 16384 pixels and as many neurons in float32."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A checkpoint: `content` as `ipvae.export.importers.torch_pickle.unpickled` has it."""

    path: Path
    root: str
    content: Any

    def array(self, tensor: Tensor, name: str) -> np.ndarray:
        """Return a tensor's numbers; those of bfloat16 as float32.

        Raises
        ------
        InputError
            If they are no floating-point numbers, or not all there.
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
        """Read no more of a storage than a tensor of `size` numbers needs."""
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
    """Read a checkpoint that `torch.save` wrote.

    Raises
    ------
    FormatError
        If it is missing, a folder, a device or a pipe.
    InputError
        If it is no such file, is damaged, or its pickle asks for anything but tensors, ordered
        dicts and NumPy scalars, or for more than a checkpoint needs.
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
    """A zip archive whose members are stored as they are, so that none can blow up."""

    def __init__(self, path: Path) -> None:
        require_file(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
            # RuntimeError: zipfile's word for an archive of a kind that it cannot read.
            raise InputError(
                f"{path}: not a checkpoint of PyTorch 1.6 or newer ({error}). "
                "Pass a .pt file that torch.save wrote."
            ) from error

    def __enter__(self) -> zipfile.ZipFile:
        return self.archive

    def __exit__(self, *_: object) -> None:
        self.archive.close()


def _member_size(archive: zipfile.ZipFile, name: str) -> int:
    """Bytes of a member, which are as many in the file."""
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
    """Return the first `most` bytes of a member; unless it is huge, compare its checksum."""
    size = _member_size(archive, name)
    try:
        with archive.open(name) as file:
            contents = file.read(most)
            while size <= MAX_TENSOR_BYTES and file.read(_BLOCK_BYTES):
                pass  # zipfile compares at the end
            return contents
    except Exception as error:  # zipfile and what it reads have no common class
        raise _unreadable(archive, name, error) from error


def _unreadable(archive: zipfile.ZipFile, name: str, error: Exception) -> InputError:
    return InputError(
        f"{archive.filename}: {name[-80:]!r} cannot be read ({shown(str(error))}). "
        "Copy the file again."
    )
