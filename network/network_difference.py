"""Differences between two networks, with names for their user."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.io import format3
from ipvae.network.io.fields import to_fields, version_of
from ipvae.network.network import Network

MISSING = "(missing)"
RUNS, JUDGED, NOTED = "runs", "judged", "noted"
"""Part of a field: runs on the backend; judges the result; notes the network's origin."""

_FIELDS = {
    "layer/*/inFeatures": ("pixels", RUNS, ""),
    "layer/*/outFeatures": ("neurons", RUNS, ""),
    "layer/*/weight": ("feed-forward weights", RUNS, "neuron {}, pixel {}"),
    "layer/*/weight_rec": ("recurrent weights", RUNS, "neuron {} (from neuron {})"),
    "layer/*/bias": ("biases", RUNS, "neuron {}"),
    "layer/*/neuron/selfWeight": ("self-inhibition", RUNS, "neuron {}"),
    "layer/*/neuron/uInit": ("log-rates at reset", RUNS, "neuron {}"),
    "layer/*/neuron/startWeight": ("weights of the start", RUNS, "neuron {}, pixel {}"),
    "layer/*/neuron/startBias": ("constant part of the start", RUNS, "neuron {}"),
    "layer/*/neuron/start_exp": ("exponent of the start", RUNS, ""),
    "layer/*/neuron/startThreshold": ("threshold of the start", RUNS, ""),
    "layer/*/neuron/startMargin": ("margin of the start", RUNS, ""),
    "layer/*/neuron/messageBits": ("payload bits of a count", RUNS, ""),
    "layer/*/neuron/weight_exp": ("exponent of the recurrent weights", RUNS, ""),
    "layer/*/neuron/uMin": ("lowest log-rate", RUNS, ""),
    "layer/*/neuron/uMax": ("highest log-rate", RUNS, ""),
    "layer/*/neuron/duMin": ("lowest update", RUNS, ""),
    "layer/*/neuron/duMax": ("highest update", RUNS, ""),
    "ipvae/drive_exp": ("exponent of the drive", RUNS, ""),
    "ipvae/layers/*/drive_exp": ("exponent of the drive", RUNS, ""),
    "ipvae/layers/*/sign": ("sign of what is received", RUNS, ""),
    "ipvae/layers/*/source": ("source layer", RUNS, ""),
    "ipvae/layers/*/role": ("role of the layer", RUNS, ""),
    "layer/*/neuron/type": ("type of the neurons", RUNS, ""),
    "layer/*/neuron/fracBits": ("fraction bits of the log-rate", RUNS, ""),
    "layer/*/neuron/memory": ("memory of the log-rate", RUNS, ""),
    "layer/*/neuron/ceiling": ("soft ceiling of the log-rate", RUNS, ""),
    "layer/*/neuron/zMin": ("smallest output", RUNS, ""),
    "layer/*/neuron/zMax": ("largest output", RUNS, ""),
    "layer/*/neuron/leak": ("leak", RUNS, ""),
    "layer/*/neuron/threshold": ("threshold", RUNS, ""),
    "layer/*/neuron/shift": ("shift of the output", RUNS, ""),
    "layer/*/neuron/activation": ("activation", RUNS, ""),
    "layer/*/neuron/unit": ("real value of an output step", JUDGED, ""),
    "ipvae/input/minimum": ("smallest pixel", RUNS, ""),
    "ipvae/input/maximum": ("largest pixel", RUNS, ""),
    "ipvae/input/scale": ("real value of a pixel step", JUDGED, ""),
    "ipvae/input/shape": ("image height and width", JUDGED, ""),
    "ipvae/decoder": ("decoder", JUDGED, "pixel {}, neuron {}"),
    "ipvae/test/images": ("test images", JUDGED, "image {}, pixel {}"),
    "ipvae/test/labels": ("test labels", JUDGED, "image {}"),
}
"""Dataset -> (name, part, where). Datasets not listed are the same in every file, or repeat
a listed one."""


_EXPONENTS = {
    "layer/1/weight": "ipvae/drive_exp",
    "layer/1/weight_rec": "layer/1/neuron/weight_exp",
}
"""In a file of version 1 weights mean integer * 2**exponent / 4096 octaves."""

_NUMBER = re.compile(r"(?<=^layer/)[1-9][0-9]?(?=/)|(?<=^ipvae/layers/)[1-9][0-9]?(?=/)")


@dataclass(frozen=True)
class Difference:
    """One field that differs.

    Attributes
    ----------
    name : str
    path : str
        Dataset of the file, with the key of the provenance after a colon.
    part : str
        'runs', 'judged' or 'noted'.
    first, second : object
        Values, or shapes where the shapes differ; for an array, the two values that differ most.
    detail : str
        Number of values that differ and the place of the largest difference.
    """

    name: str
    path: str
    part: str
    first: Any
    second: Any
    detail: str = ""


def differences(first: IntNetwork, second: IntNetwork) -> list[Difference]:
    """List all differences; empty if the networks are the same."""
    version = max(version_of(first), version_of(second))
    ours, theirs = to_fields(first, version), to_fields(second, version)
    found = []
    for path in dict.fromkeys([*ours, *theirs]):
        if (known := _FIELDS.get(_NUMBER.sub("*", path))) is None:
            continue
        name, part, where = known
        number = _NUMBER.search(path)
        if version > 1 and number:
            name = f"layer {number[0]}: {name}"
        a, b = ours.get(path), theirs.get(path)
        if a is None or b is None:
            sizes = [MISSING if f is None else f"shape {list(f.shape)}" for f in (a, b)]
            found.append(Difference(name, path, part, *sizes))
        elif a.shape != b.shape:
            found.append(Difference(name, path, part, list(a.shape), list(b.shape), "shapes"))
        elif a.dtype != b.dtype or a.tobytes() != b.tobytes():
            exponent = _EXPONENTS.get(path) if version == 1 else None
            steps = [2.0 ** int(f[exponent]) / 4096 if exponent else 1.0 for f in (ours, theirs)]
            octaves = exponent is not None
            found.append(_values(name, path, part, where, (a, b), steps, octaves))
    return found + _provenance("", first.provenance, second.provenance)


_PARTS = {
    "ipvae/test/images": ("test images", JUDGED, "image {}, pixel {}"),
    "ipvae/test/labels": ("test labels", JUDGED, "image {}"),
    "ipvae/decoder/layer": ("decoded layer", JUDGED, ""),
    "ipvae/decoder/weight": ("decoder", JUDGED, "[{}]"),
    "ipvae/decoder/stride": ("stride of the decoder", JUDGED, ""),
    "ipvae/decoder/crop": ("crop of the decoder", JUDGED, ""),
    "purpose": ("purpose of the layer", JUDGED, ""),
    "bias": ("biases", RUNS, "{}"),
    "weight": ("weights", RUNS, "[{}]"),
    "delay": ("delays", RUNS, "neuron {}"),
}
"""Last part of a path of version 3 -> (name, part, where); others run and have one value."""


def network_differences(first: Network, second: Network) -> list[Difference]:
    """List all differences of networks of connections; empty if they are the same."""
    ours, theirs = (format3.to_fields(network) for network in (first, second))
    found = []
    for path in dict.fromkeys([*ours, *theirs]):
        if path == "ipvae/provenance":
            continue
        a, b = ours.get(path), theirs.get(path)
        last = path.rpartition("/")[2]
        noun, part, where = _PARTS.get(path) or _PARTS.get(last, (last, RUNS, ""))
        group = re.match(r"layer/(\d+)|ipvae/(connections)/(\d+)|ipvae/layers/(\d+)", path)
        name = noun
        if group is not None:
            layer, connection = group[1] or group[4], group[3]
            name = f"layer {layer}: {noun}" if layer else f"connection {connection}: {noun}"
        if a is None or b is None:
            sizes = [MISSING if f is None else f"shape {list(f.shape)}" for f in (a, b)]
            found.append(Difference(name, path, part, *sizes))
        elif a.shape != b.shape:
            found.append(Difference(name, path, part, list(a.shape), list(b.shape), "shapes"))
        elif a.tobytes() != b.tobytes():
            places = ", ".join(["{}"] * a.ndim) if last == "weight" else None
            of = where if places is None else f"[{places}]"
            found.append(_values(name, path, part, of, (a, b), [1.0, 1.0], False))
    return found + _provenance("", first.provenance, second.provenance)


def _values(
    name: str, path: str, part: str, where: str, arrays: tuple, steps: list[float], octaves: bool
) -> Difference:
    a, b = arrays
    if not where or a.ndim < where.count("{}"):
        return Difference(name, path, part, _plain(a), _plain(b))
    gap = np.abs(a.astype(np.float64) * steps[0] - b.astype(np.float64) * steps[1])
    index = np.unravel_index(int(gap.argmax()), gap.shape)
    detail = f"{int((a != b).sum())} of {a.size} differ, most at {where.format(*map(int, index))}"
    if octaves:
        detail += f": by {gap[index]:.3g} octaves"
    return Difference(name, path, part, a[index].item(), b[index].item(), detail)


def _plain(array: np.ndarray) -> Any:
    if array.dtype.kind == "S":
        return array.reshape(-1)[0].decode("latin-1")
    return array.tolist() if array.size == 1 else f"shape {list(array.shape)}"


def _provenance(prefix: str, a: Any, b: Any) -> list[Difference]:
    """Compare JSON data recursively, down to the keys that differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            found
            for key in sorted(a.keys() | b.keys())
            for found in _provenance(
                f"{prefix}.{key}" if prefix else key, a.get(key, MISSING), b.get(key, MISSING)
            )
        ]
    if json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True):  # 1 is not true
        return []
    return [Difference(f"provenance {prefix}", f"ipvae/provenance:{prefix}", NOTED, a, b)]
