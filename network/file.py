"""Write and read the network file; ``docs/format.md`` is its specification.

One table of fields drives writer and reader. The reader refuses whatever is not
in the table and returns a whole network or raises FormatError.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.atomic import replacing
from ipvae.network.description import InputFormat, IntNetwork, PoissonLayer
from ipvae.network.errors import DescriptionError, FormatError
from ipvae.network.hdf5 import read_datasets, require_regular
from ipvae.network.hdf5_child import shown
from ipvae.network.seal import SIZE, check_seal, write_seal

FORMAT_VERSION = 1
READABLE_VERSIONS = (1,)
PROVENANCE_BYTES = 2**20
PROVENANCE_DEPTH = 64
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

_written: set[str] = set()
"""Seals of the files that this process has written."""


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
        "ipvae/provenance": np.frombuffer(_json_text(network.provenance), dtype=np.uint8),
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
        sha.update(np.ascontiguousarray(array).data if array.size else b"")
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
        _written.add(write_seal(temporary))


def read_network(path: str | Path) -> IntNetwork:
    """Read a network file.

    A file that this process has not written itself is opened in a child process
    with limits on time and memory (`hdf5.py`).

    Raises
    ------
    FormatError
        If the file is missing, damaged, foreign, newer or inconsistent.
    """
    path = Path(path)
    require_regular(path)
    trusted = check_seal(path) in _written
    stored = ""

    def approve(datasets: dict, attributes: dict) -> None:
        nonlocal stored
        stored = _check_attributes(path, attributes.get("ipvae", {}))
        _check_datasets(path, datasets)

    wanted = {"ipvae": ["format_version", "checksum"]}
    fields = read_datasets(path, approve, wanted, most=2 * len(FIELDS), trusted=trusted)
    if stored != _content_checksum(fields):
        raise FormatError(f"{path}: the checksum of its contents is wrong; export it anew")
    return _from_fields(path, fields)


def _check_attributes(path: Path, attributes: dict) -> str:
    """Check the version; return the checksum."""
    version = attributes.get("format_version")
    if not isinstance(version, int):
        raise FormatError(f"{path}: has no /ipvae group with a format_version")
    if version not in READABLE_VERSIONS:
        allowed = ", ".join(str(v) for v in READABLE_VERSIONS)
        raise FormatError(
            f"{path}: format version {version}, this program reads {allowed}; "
            "update ipvae or export the network again"
        )
    return str(attributes.get("checksum"))


def _check_datasets(path: Path, datasets: dict) -> None:
    """Check that the datasets are the ones of the table, before their contents are read."""
    for missing in sorted(FIELDS.keys() - datasets.keys()):
        raise FormatError(f"{path}: dataset /{missing} is missing")
    for extra in sorted(datasets.keys() - FIELDS.keys()):
        raise FormatError(
            f"{path}: dataset /{shown(extra)} does not belong in format {FORMAT_VERSION}"
        )
    for name, (dtype, ndim) in FIELDS.items():
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
            provenance=_json(fields["ipvae/provenance"].tobytes()),
        )
    except (DescriptionError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
    except RecursionError as error:
        raise FormatError(f"{path}: /ipvae/provenance is nested too deeply") from error
    expected = to_fields(network)
    for name, array in fields.items():
        same = array is expected[name] or np.array_equal(array, expected[name])
        if name != "ipvae/provenance" and not same:
            raise FormatError(
                f"{path}: dataset /{name} holds {_short(array)}, allowed {_short(expected[name])}; "
                "export the network again"
            )
    return network


def _json_text(data: dict) -> bytes:
    try:
        text = json.dumps(data, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DescriptionError(f"provenance: is not JSON data ({error})") from error
    try:
        _require_shallow(data)
    except ValueError as error:
        raise DescriptionError(f"provenance: {error}") from error
    if len(text) > PROVENANCE_BYTES:
        raise DescriptionError(
            f"provenance: {len(text)} bytes of JSON, allowed are up to {PROVENANCE_BYTES}"
        )
    return text


def _json(text: bytes) -> Any:
    """Parse JSON as RFC 8259 has it: no NaN, no infinity, not even as 1e999."""

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise ValueError(f"/ipvae/provenance holds {number}, which is not JSON")
        return float(number)

    data = json.loads(text.decode(), parse_constant=finite, parse_float=finite)
    _require_shallow(data)
    return data


def _require_shallow(data: Any) -> None:
    """Refuse what is nested deeper than PROVENANCE_DEPTH; programs that walk it recurse."""
    level = [data]
    for _ in range(PROVENANCE_DEPTH):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    if any(isinstance(value, (dict, list)) for value in level):
        raise ValueError(f"/ipvae/provenance is nested more than {PROVENANCE_DEPTH} deep")


def _short(array: np.ndarray) -> str:
    if array.size > 4:
        return f"an array of shape {array.shape}"
    if array.dtype.kind == "S":
        return ", ".join(repr(text.decode("latin-1")) for text in array.reshape(-1).tolist())
    return str(array.tolist())
