"""Change a network file as someone would who also renews its checksum and seal."""

from typing import Any

import h5py
import numpy as np
import pytest

from ipvae.network.io import hdf5, network_file
from ipvae.network.io.fields import FIELDS_1 as FIELDS
from ipvae.network.io.seal import write_seal


@pytest.fixture
def read_here(monkeypatch):
    """Files are read in this process: for the many sound ones that say something wrong.

    That others are read in a child process, and how that ends, has its tests in test_hdf5.py.
    """
    monkeypatch.setattr(hdf5, "_read_in_child", hdf5._read_here)


@pytest.fixture(scope="session")
def tamper():
    """Function (path, change, renew=True); `change` gets the open file."""

    def apply(path, change, renew=True):
        with h5py.File(path, "r+") as file:
            f: Any = file
            change(f)
            if renew:
                fields = {n: np.asarray(f[n][()], dtype=FIELDS[n][0]) for n in FIELDS}
                renewed = network_file._content_checksum(fields, 1)
                f["ipvae"].attrs["checksum"] = np.array(renewed, dtype="S64")
        write_seal(path)

    return apply


@pytest.fixture(scope="session")
def replace_dataset():
    """Function (name, value) -> change for `tamper`."""

    def replace(name, value):
        def change(f):
            del f[name]
            f[name] = value

        return change

    return replace
