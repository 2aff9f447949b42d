"""Datasets of the suite's network files, changed one rule at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import ipvae
from ipvae.network.io.network_file import write_fields
from ipvae.network.io.seal import write_seal

VECTORS = Path(ipvae.__file__).parent / "vectors"
Fields = dict[str, np.ndarray]
Edit = Callable[[Any], None]
"""Change of an open HDF5 file, whose seal is then renewed."""


def find(name: str) -> Path:
    """Return the network file of a name: of one layer or several, or of connections."""
    path = VECTORS / "runs" / f"{name}.net.h5"
    return path if path.exists() else VECTORS / "networks" / f"{name}.net.h5"


def version(path: Path) -> int:
    """Return the format version of a file of the suite."""
    with h5py.File(path, "r") as file:
        attributes: Any = file["ipvae"].attrs
        return int(attributes["format_version"])


def read(path: Path) -> Fields:
    """Return all datasets of a file of the suite, which is trusted."""
    found: Fields = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()], dtype=item.dtype)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def changed(base: Fields, changes: Mapping[str, Any]) -> Fields:
    """Return datasets with others in place of some.

    Parameters
    ----------
    base : dict of path -> array
    changes : dict of path -> value
        None removes a dataset. An array replaces or adds it. Another value is a new dataset, or
        takes dtype and place of the first element of the dataset.
    """
    found = dict(base)
    for path, value in changes.items():
        if value is None:
            del found[path]
        elif isinstance(value, np.ndarray) or path not in base:
            found[path] = np.asarray(value)
        else:
            array = base[path].copy()
            array[(0,) * array.ndim] = value
            found[path] = array
    return found


def write(path: Path, fields: Fields, number: int, edit: Edit | None = None) -> None:
    """Write a file with checksum and seal; `edit` changes it, and the seal is renewed.

    Parameters
    ----------
    path : Path
    fields : dict of path -> array
    number : int
        Format version.
    edit : callable, optional
    """
    write_fields(path, fields, number)
    if edit is not None:
        with h5py.File(path, "r+") as file:
            edit(file)
        write_seal(path)
