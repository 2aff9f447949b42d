"""Write and read the network file; ``docs/format.md`` is its specification.

One table of fields drives writer and reader. The reader refuses whatever is not
in the table and returns a whole network or raises FormatError.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.atomic import replacing
from ipvae.network.description import InputFormat, IntNetwork, PoissonLayer
from ipvae.network.errors import DescriptionError, FormatError
from ipvae.network.seal import SIZE, check_seal, write_seal

FORMAT_VERSION = 1
LATENCY = 1
"""Steps from sending a count to its arrival over weight_rec."""

_TEXT = "S32"
FIELDS: dict[str, tuple[str, int]] = {
    "layer/0/type": ("S10", 1),
    "layer/0/shape": ("<i8", 1),
    "layer/1/type": ("S10", 1),
    "layer/1/shape": ("<i8", 1),
    "layer/1/inFeatures": ("<i8", 0),
    "layer/1/outFeatures": ("<i8", 0),
    "layer/1/weight": ("<i2", 2),
    "layer/1/weight_rec": ("|i1", 2),
    "layer/1/bias": ("<i4", 1),
    "layer/1/neuron/type": ("S10", 1),
    "layer/1/neuron/messageBits": ("<i8", 0),
    "layer/1/neuron/fracBits": ("<i8", 0),
    "layer/1/neuron/weight_exp": ("<i8", 0),
    "layer/1/neuron/uInit": ("<i4", 1),
    "layer/1/neuron/uMin": ("<i8", 0),
    "layer/1/neuron/uMax": ("<i8", 0),
    "layer/1/neuron/duMin": ("<i8", 0),
    "layer/1/neuron/duMax": ("<i8", 0),
    "layer/1/neuron/selfWeight": ("<i4", 1),
    "ipvae/drive_exp": ("<i8", 0),
    "ipvae/latency": ("<i8", 0),
    "ipvae/input/minimum": ("<i8", 0),
    "ipvae/input/maximum": ("<i8", 0),
    "ipvae/input/scale": ("<f8", 0),
    "ipvae/input/shape": ("<i8", 1),
    "ipvae/random": (_TEXT, 0),
    "ipvae/sampler/name": (_TEXT, 0),
    "ipvae/sampler/thresholds": ("<i4", 2),
    "ipvae/decoder": ("<f4", 2),
    "ipvae/test/images": ("<i2", 2),
    "ipvae/test/labels": ("<i2", 1),
    "ipvae/provenance": ("|u1", 1),
}
"""Path -> (dtype, number of dimensions): all datasets of a file, no more and no fewer."""


def to_fields(network: IntNetwork) -> dict[str, np.ndarray]:
    """All datasets of a network's file."""
    layer, pixels = network.layer, network.input
    k, m = layer.n_neurons, layer.n_pixels
    values = {
        "layer/0/type": [b"input"],
        "layer/0/shape": [m],
        "layer/1/type": [b"dense_rec"],
        "layer/1/shape": [k],
        "layer/1/inFeatures": m,
        "layer/1/outFeatures": k,
        "layer/1/weight": layer.weight,
        "layer/1/weight_rec": layer.weight_rec,
        "layer/1/bias": layer.bias,
        **{f"layer/1/neuron/{name}": value for name, value in neuron_fields(layer).items()},
        "ipvae/drive_exp": layer.drive_exp,
        "ipvae/latency": LATENCY,
        "ipvae/input/minimum": pixels.minimum,
        "ipvae/input/maximum": pixels.maximum,
        "ipvae/input/scale": pixels.scale,
        "ipvae/input/shape": pixels.shape,
        "ipvae/random": random_source.NAME.encode(),
        "ipvae/sampler/name": poisson.NAME.encode(),
        "ipvae/sampler/thresholds": poisson.thresholds(),
        "ipvae/decoder": network.decoder,
        "ipvae/test/images": network.test_images,
        "ipvae/test/labels": network.test_labels,
        "ipvae/provenance": np.frombuffer(
            json.dumps(network.provenance, sort_keys=True).encode(), dtype=np.uint8
        ),
    }
    return {path: np.asarray(values[path], dtype=FIELDS[path][0]) for path in FIELDS}


def neuron_fields(layer: PoissonLayer) -> dict[str, object]:
    """The `neuron` group, under lava-dl's names where it has one."""
    return {
        "type": [b"POISSON"],
        "messageBits": layer.payload_bits,
        "fracBits": FRAC_BITS,
        "weight_exp": layer.weight_exp,
        "uInit": layer.u_init,
        "uMin": layer.u_min,
        "uMax": layer.u_max,
        "duMin": layer.du_min,
        "duMax": layer.du_max,
        "selfWeight": layer.self_weight,
    }


def checksum(network: IntNetwork) -> str:
    """SHA-256 of the contents, the same however HDF5 lays them out."""
    return _content_checksum(to_fields(network))


def _content_checksum(fields: dict[str, np.ndarray]) -> str:
    sha = hashlib.sha256(b"ipvae-network/1\0")
    for path in sorted(fields):
        array = fields[path]
        shape = ",".join(str(n) for n in array.shape)
        sha.update(f"{path}\0{FIELDS[path][0]}\0{shape}\0".encode("ascii"))
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def write_network(path: str | Path, network: IntNetwork) -> None:
    """Write a network file.

    Raises
    ------
    InputError
        If the path cannot be written; what was there is kept.
    """
    fields = to_fields(network)
    with replacing(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=SIZE, libver="v108") as f:
            for name, array in fields.items():
                f.create_dataset(name, data=array)
            f["ipvae"].attrs["format_version"] = np.int64(FORMAT_VERSION)
            f["ipvae"].attrs["checksum"] = np.array(_content_checksum(fields), dtype="S64")
        write_seal(temporary)


def read_network(path: str | Path) -> IntNetwork:
    """Read a network file.

    Raises
    ------
    FormatError
        If the file is missing, damaged, foreign, newer or inconsistent.
    """
    path = Path(path)
    check_seal(path)
    try:
        with h5py.File(path, "r") as f:
            _check_version(path, f)
            fields = _read_fields(path, f)
            checksum_attribute: Any = f["ipvae"].attrs["checksum"]
            stored = bytes(checksum_attribute).decode("ascii", "replace")
    except FormatError:
        raise
    except Exception as error:  # HDF5's own errors have no common class
        raise FormatError(f"{path}: HDF5 cannot read it ({error})") from error
    if stored != _content_checksum(fields):
        raise FormatError(f"{path}: the checksum of its contents is wrong; export it anew")
    return _from_fields(path, fields)


def _check_version(path: Path, f: h5py.File) -> None:
    if "ipvae" not in f or "format_version" not in f["ipvae"].attrs:
        raise FormatError(f"{path}: has no /ipvae group with a format_version")
    attribute: Any = f["ipvae"].attrs["format_version"]
    version = int(attribute)
    if version != FORMAT_VERSION:
        raise FormatError(
            f"{path}: format version {version}, this program reads {FORMAT_VERSION}; "
            "update ipvae or export the network again"
        )


def _read_fields(path: Path, f: h5py.File) -> dict[str, np.ndarray]:
    """Read all datasets after checking that they are the ones of the table."""
    names = set(_dataset_paths(path, f, ""))
    for missing in sorted(FIELDS.keys() - names):
        raise FormatError(f"{path}: dataset /{missing} is missing")
    for extra in sorted(names - FIELDS.keys()):
        raise FormatError(f"{path}: dataset /{extra} does not belong in format {FORMAT_VERSION}")
    fields = {}
    for name, (dtype, ndim) in FIELDS.items():
        dataset: Any = f[name]
        if dataset.dtype != np.dtype(dtype) or dataset.ndim != ndim:
            raise FormatError(
                f"{path}: dataset /{name} is {dataset.dtype} of {dataset.ndim} dimensions, "
                f"allowed {np.dtype(dtype)} of {ndim}"
            )
        if dataset.id.get_storage_size() != dataset.size * dataset.dtype.itemsize:
            raise FormatError(f"{path}: dataset /{name} stores less or more than it declares")
        fields[name] = dataset[()] if ndim else np.asarray(dataset[()], dtype=dtype)
    return fields


def _dataset_paths(path: Path, group: h5py.Group, prefix: str) -> list[str]:
    """Paths of all datasets, refusing links that leave the file or the tree."""
    found = []
    for name in group:
        full = f"{prefix}{name}"
        if len(found) > len(FIELDS) or full.count("/") > 4:
            raise FormatError(f"{path}: holds more groups and datasets than format 1 has")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"{path}: /{full} is a soft or external link, allowed are none")
        item = group[name]
        if isinstance(item, h5py.Group):
            found += _dataset_paths(path, item, full + "/")
        elif isinstance(item, h5py.Dataset) and item.chunks is None and not item.external:
            found.append(full)
        else:
            raise FormatError(f"{path}: /{full} is not a plain contiguous dataset")
    return found


def _from_fields(path: Path, fields: dict[str, np.ndarray]) -> IntNetwork:
    """Build the network and check what the fields say twice."""

    def whole(name: str) -> int:
        return int(fields[name])

    def neuron(name: str) -> int:
        return whole(f"layer/1/neuron/{name}")

    try:
        layer = PoissonLayer(
            weight=fields["layer/1/weight"],
            weight_rec=fields["layer/1/weight_rec"],
            bias=fields["layer/1/bias"],
            self_weight=fields["layer/1/neuron/selfWeight"],
            u_init=fields["layer/1/neuron/uInit"],
            drive_exp=whole("ipvae/drive_exp"),
            weight_exp=neuron("weight_exp"),
            u_min=neuron("uMin"),
            u_max=neuron("uMax"),
            du_min=neuron("duMin"),
            du_max=neuron("duMax"),
            payload_bits=neuron("messageBits"),
        )
        height_width = [int(n) for n in fields["ipvae/input/shape"]]
        if len(height_width) != 2:
            raise FormatError(f"{path}: /ipvae/input/shape is not (height, width)")
        network = IntNetwork(
            input=InputFormat(
                minimum=whole("ipvae/input/minimum"),
                maximum=whole("ipvae/input/maximum"),
                scale=float(fields["ipvae/input/scale"]),
                shape=(height_width[0], height_width[1]),
            ),
            layer=layer,
            decoder=fields["ipvae/decoder"],
            test_images=fields["ipvae/test/images"],
            test_labels=fields["ipvae/test/labels"],
            provenance=json.loads(fields["ipvae/provenance"].tobytes().decode()),
        )
    except (DescriptionError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
    expected = to_fields(network)
    for name, array in fields.items():
        if name != "ipvae/provenance" and not np.array_equal(array, expected[name]):
            raise FormatError(
                f"{path}: dataset /{name} holds {_short(array)}, allowed {_short(expected[name])}"
            )
    return network


def _short(array: np.ndarray) -> str:
    return str(array.tolist()) if array.size <= 4 else f"an array of shape {array.shape}"
