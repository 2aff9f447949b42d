"""IDX files, the format of MNIST and of data sets with its layout, gzipped or not."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ipvae.errors import DataError
from ipvae.files import open_file

MAX_BYTES = 2**31
"""Maximum size of an array."""
_UINT8 = 8
_GZIP_RATIO = 1032
"""Maximum compression ratio of deflate (RFC 1951)."""


def read_idx(path: Path, n_dims: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes.

    Parameters
    ----------
    path : Path
        Gzipped if its name ends in .gz.
    n_dims : int
        Required number of dimensions of the array.

    Returns
    -------
    array of `n_dims` dimensions, uint8

    Raises
    ------
    DataError
        If the file is missing, damaged, empty, or has another array than it declares.
    """
    with open_file(path, DataError) as file:
        stored = os.fstat(file.fileno()).st_size
        try:
            if path.suffix != ".gz":
                return _array(file, n_dims, stored)
            with gzip.open(file) as unpacked:
                return _array(unpacked, n_dims, stored * _GZIP_RATIO)  # type: ignore[arg-type]
        except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
            raise DataError(f"{path}: not readable as IDX ({error}). Fetch it again.") from error


def _array(stream: BinaryIO, n_dims: int, most: int) -> np.ndarray:
    """Read the array of a stream of at most `most` bytes; ValueError if it is incomplete."""
    zero, kind, found_dims = struct.unpack(">HBB", stream.read(4))
    if zero != 0 or kind != _UINT8 or found_dims != n_dims:
        raise ValueError(
            f"it begins with {zero}, type {kind}, {found_dims} dimensions, allowed are 0, type "
            f"{_UINT8}, {n_dims} dimensions"
        )
    shape = struct.unpack(f">{n_dims}I", stream.read(4 * n_dims))
    size = math.prod(shape)
    if size > min(most, MAX_BYTES):
        raise ValueError(f"it declares {size} bytes, shape {shape}, more than it can hold")
    contents = stream.read(size + 1)  # to the end, where gzip compares its checksum
    if len(contents) != size:
        found = "more" if len(contents) > size else len(contents)
        raise ValueError(f"its shape {shape} needs {size} bytes, it has {found}")
    return np.frombuffer(contents, dtype=np.uint8).reshape(shape)
