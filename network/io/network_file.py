"""Write and read the network file; ``docs/spec/file.md`` is its specification.

One table of fields (`ipvae.network.io.fields`) defines both writer and reader. The reader rejects
anything outside the table; it returns a complete network or raises FormatError.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.errors import DescriptionError, FormatError
from ipvae.files import atomic_path, require_file
from ipvae.network.description import IntNetwork
from ipvae.network.io import fields as format12
from ipvae.network.io import format3
from ipvae.network.io.fields import Spec
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.hdf5_child import shown
from ipvae.network.io.seal import SIZE, check_seal, write_seal
from ipvae.network.network import Network
from ipvae.network.provenance import PROVENANCE_BYTES, json_text
from ipvae.once import once

VERSIONS = (*format12.VERSIONS, format3.VERSION)
MINOR = {**format12.MINOR, format3.VERSION: format3.MINOR}
MOST_DATASETS = 2**16
"""Upper limit for groups and datasets of any valid file."""

AnyNetwork = IntNetwork | Network

_written: set[str] = set()
"""Seals of the files written by this process."""


def version_of(network: AnyNetwork) -> int:
    """Return the oldest version of the format that can represent a network."""
    if isinstance(network, Network):
        return format3.VERSION
    return format12.version_of(network)


def minor_of(network: AnyNetwork) -> int:
    """Return the minor version of the format that a network needs."""
    if isinstance(network, Network):
        return format3.minor_of(network)
    return format12.minor_of(network)


def to_fields(network: AnyNetwork, version: int) -> dict[str, np.ndarray]:
    """Return all datasets of a network by path."""
    if isinstance(network, Network):
        return format3.to_fields(network)
    return format12.to_fields(network, version)


def from_fields(version: int, fields: dict[str, np.ndarray]) -> AnyNetwork:
    """Build a network from datasets; raise DescriptionError if they describe none."""
    if version == format3.VERSION:
        return format3.from_fields(fields)
    return format12.from_fields(version, fields)


def expected_fields(version: int, datasets: dict) -> Spec:
    """Return names, types and dimensions of the datasets that a file should have."""
    if version == format3.VERSION:
        return format3.expected_fields(datasets)
    return format12.expected_fields(version, datasets)


def checksum(network: AnyNetwork) -> str:
    """SHA-256 of the contents, independent of HDF5's layout; computed once for a network."""
    text, known = json_text(network.provenance), _checksums(network)
    if text not in known:
        version = version_of(network)
        known[text] = _content_checksum(to_fields(network, version), version)
    return known[text]


@once
def _checksums(network: AnyNetwork) -> dict[bytes, str]:  # noqa: ARG001
    """Known checksums, by the text of the provenance: nothing else can change."""
    return {}


def _content_checksum(fields: dict[str, np.ndarray], version: int) -> str:
    sha = hashlib.sha256(f"ipvae-network/{version}\0".encode("ascii"))
    for path in sorted(fields):
        array = fields[path]
        shape = ",".join(str(n) for n in array.shape)
        sha.update(f"{path}\0{_dtype_name(array)}\0{shape}\0".encode("ascii"))
        sha.update(np.ascontiguousarray(array).data if array.size else b"")
    return sha.hexdigest()


def _dtype_name(array: np.ndarray) -> str:
    return array.dtype.str.removeprefix("|") if array.dtype.kind == "S" else array.dtype.str


def write_network(path: str | Path, network: AnyNetwork) -> None:
    """Write a network file.

    Raises
    ------
    InputError
        If the path cannot be written; an existing file is kept.
    """
    version = version_of(network)
    fields = to_fields(network, version)
    image = _hdf5_image(fields, (version, minor_of(network)), checksum(network))
    with atomic_path(path) as temporary:
        temporary.write_bytes(image)
        _written.add(write_seal(temporary))


def write_fields(path: Path, fields: dict[str, np.ndarray], version: int) -> None:
    """Write a file of any datasets, valid or not, with its checksum and seal.

    For tests of readers: nothing is checked. `write_network` writes networks.
    """
    image = _hdf5_image(fields, (version, 0), _content_checksum(fields, version))
    path.write_bytes(image)
    write_seal(path)


def _hdf5_image(fields: dict[str, np.ndarray], version: tuple[int, int], digest: str) -> bytes:
    """Return the bytes of a network file; its user block, the place of the seal, is zero.

    The file is made in memory, since HDF5's library would crash the process on a full disk.
    """
    in_memory: dict[str, Any] = {"driver": "core", "backing_store": False}
    name = secrets.token_hex(16)  # HDF5 does not open two files of the same name
    with h5py.File(name, "w", userblock_size=SIZE, libver="v108", **in_memory) as f:
        for name, array in fields.items():
            f.create_dataset(name, data=array)
        f["ipvae"].attrs["format_version"] = np.int64(version[0])
        if version[1]:
            f["ipvae"].attrs["format_minor"] = np.int64(version[1])
        f["ipvae"].attrs["checksum"] = np.array(digest, dtype="S64")
        f.flush()
        return bytes(SIZE) + f.id.get_file_image()


def read_network(path: str | Path) -> Any:
    """Read a network file of any version.

    A file that another process wrote is opened in a child process with limits on time and
    memory (`hdf5.py`).

    Raises
    ------
    FormatError
        If the file is missing, damaged, foreign, newer or inconsistent.

    Returns
    -------
    IntNetwork of a file of version 1 or 2, Network of version 3
    """
    path = Path(path)
    require_file(path)
    trusted = check_seal(path) in _written
    stored, version, minor = "", 0, 0

    def approve(datasets: dict, attributes: dict) -> None:
        nonlocal stored, version, minor
        version, minor, stored = _check_attributes(path, attributes.get("ipvae", {}))
        _check_datasets(path, datasets, expected_fields(version, datasets), version)

    wanted = {"ipvae": ["format_version", "format_minor", "checksum"]}
    fields = read_datasets(path, approve, wanted, most=MOST_DATASETS, trusted=trusted)
    if stored != _content_checksum(fields, version):
        raise FormatError(f"{path}: the checksum of its contents is wrong; export it again")
    network, same = _network(path, fields, version)
    if minor != minor_of(network):
        raise FormatError(
            f"{path}: format_minor is {minor}, allowed {minor_of(network)}, the oldest that holds "
            "this network; export the network again"
        )
    if same:
        _checksums(network)[json_text(network.provenance)] = stored
    return network


def _check_attributes(path: Path, attributes: dict) -> tuple[int, int, str]:
    """Check the version; return it, the minor version and the checksum."""
    version = attributes.get("format_version")
    if not isinstance(version, int):
        raise FormatError(f"{path}: has no /ipvae group with a format_version")
    if version not in VERSIONS:
        allowed = ", ".join(str(v) for v in VERSIONS)
        raise FormatError(
            f"{path}: format version {version}, this program reads {allowed}; "
            "update ipvae or export the network again"
        )
    minor, latest = attributes.get("format_minor", 0), MINOR.get(version, 0)
    if not isinstance(minor, int) or not 0 <= minor <= latest:
        raise FormatError(
            f"{path}: format version {version}.{minor}, this program reads version {version} up to "
            f"{version}.{latest}; update ipvae or export the network again"
        )
    return version, minor, str(attributes.get("checksum"))


def _check_datasets(path: Path, datasets: dict, expected: Spec, version: int) -> None:
    """Check that the datasets match the table, before their contents are read."""
    for missing in sorted(expected.keys() - datasets.keys()):
        raise FormatError(f"{path}: dataset /{missing} is missing")
    for extra in sorted(datasets.keys() - expected.keys()):
        raise FormatError(f"{path}: dataset /{shown(extra)} does not belong in format {version}")
    for name, (dtype, ndim) in expected.items():
        found, shape = datasets[name]
        if found != np.dtype(dtype) or len(shape) != ndim:
            raise FormatError(
                f"{path}: dataset /{name} is {found} of {len(shape)} dimensions, "
                f"allowed {np.dtype(dtype)} of {ndim}"
            )
    length = datasets["ipvae/provenance"][1][0]
    if length > PROVENANCE_BYTES:
        raise FormatError(
            f"{path}: /ipvae/provenance has {length} bytes, allowed are up to {PROVENANCE_BYTES}"
        )


def _network(path: Path, fields: dict[str, np.ndarray], version: int) -> tuple[AnyNetwork, bool]:
    """Build the network and check redundant fields for consistency.

    The second value is True if the provenance is spelled as ipvae writes it; other spellings are
    allowed.
    """
    try:
        network = from_fields(version, fields)
    except (DescriptionError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
    except RecursionError as error:
        raise FormatError(f"{path}: /ipvae/provenance is nested too deeply") from error
    if version != version_of(network):
        raise FormatError(
            f"{path}: format version {version}, allowed {version_of(network)}, the oldest that "
            "holds this network; export the network again"
        )
    expected = to_fields(network, version)
    for name in sorted(fields.keys() ^ expected.keys()):
        raise FormatError(
            f"{path}: dataset /{name} {'has no use here' if name in fields else 'is missing'}; "
            "export the network again"
        )
    for name, array in fields.items():
        if name != "ipvae/provenance" and not _same(array, expected[name]):
            raise FormatError(
                f"{path}: dataset /{name} holds {_short(array)}, allowed {_short(expected[name])}; "
                "export the network again"
            )
    return network, _same(fields["ipvae/provenance"], expected["ipvae/provenance"])


def _same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found is expected or np.array_equal(found, expected)


def _short(array: np.ndarray) -> str:
    if array.size > 4:
        return f"an array of shape {array.shape}"
    if array.dtype.kind == "S":
        return ", ".join(repr(text.decode("latin-1")) for text in array.reshape(-1).tolist())
    return str(array.tolist())
