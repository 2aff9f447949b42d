"""What differs between two networks, in the words of their user."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipvae.network.description import IntNetwork
from ipvae.network.file import to_fields

MISSING = "(missing)"
RUNS, JUDGED, NOTED = "runs", "judged", "noted"
"""A field's part: what runs; what judges the result; where the network came from."""

_FIELDS = {
    "layer/1/inFeatures": ("pixels", RUNS, ""),
    "layer/1/outFeatures": ("neurons", RUNS, ""),
    "layer/1/weight": ("feed-forward weights", RUNS, "neuron {}, pixel {}"),
    "layer/1/weight_rec": ("recurrent weights", RUNS, "neuron {} (from neuron {})"),
    "layer/1/bias": ("biases", RUNS, "neuron {}"),
    "layer/1/neuron/selfWeight": ("self-inhibition", RUNS, "neuron {}"),
    "layer/1/neuron/uInit": ("log-rates at reset", RUNS, "neuron {}"),
    "layer/1/neuron/messageBits": ("payload bits of a count", RUNS, ""),
    "layer/1/neuron/weight_exp": ("exponent of the recurrent weights", RUNS, ""),
    "layer/1/neuron/uMin": ("lowest log-rate", RUNS, ""),
    "layer/1/neuron/uMax": ("highest log-rate", RUNS, ""),
    "layer/1/neuron/duMin": ("lowest update", RUNS, ""),
    "layer/1/neuron/duMax": ("highest update", RUNS, ""),
    "ipvae/drive_exp": ("exponent of the drive", RUNS, ""),
    "ipvae/input/minimum": ("smallest pixel", RUNS, ""),
    "ipvae/input/maximum": ("largest pixel", RUNS, ""),
    "ipvae/input/scale": ("real value of a pixel step", JUDGED, ""),
    "ipvae/input/shape": ("image height and width", JUDGED, ""),
    "ipvae/decoder": ("decoder", JUDGED, "pixel {}, neuron {}"),
    "ipvae/test/images": ("test images", JUDGED, "image {}, pixel {}"),
    "ipvae/test/labels": ("test labels", JUDGED, "image {}"),
}
"""Dataset -> (name, part, where); the datasets not listed are the same in every file,
or say again what a listed one says."""


_EXPONENTS = {
    "layer/1/weight": "ipvae/drive_exp",
    "layer/1/weight_rec": "layer/1/neuron/weight_exp",
}
"""Weights mean integer * 2**exponent / 4096 octaves."""


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
        Values, or shapes where those differ; of an array, the two values that differ most.
    detail : str
        How many values differ and where the largest difference is.
    """

    name: str
    path: str
    part: str
    first: Any
    second: Any
    detail: str = ""


def differences(first: IntNetwork, second: IntNetwork) -> list[Difference]:
    """List all differences; empty if the networks are the same."""
    ours, theirs = to_fields(first), to_fields(second)
    found = []
    for path, (name, part, where) in _FIELDS.items():
        a, b = ours[path], theirs[path]
        if a.shape != b.shape:
            found.append(Difference(name, path, part, list(a.shape), list(b.shape), "shapes"))
        elif a.tobytes() != b.tobytes():
            exponent = _EXPONENTS.get(path)
            steps = [2.0 ** int(f[exponent]) / 4096 if exponent else 1.0 for f in (ours, theirs)]
            found.append(_values(name, path, part, where, (a, b), steps))
    return found + _provenance("", first.provenance, second.provenance)


def _values(
    name: str, path: str, part: str, where: str, arrays: tuple, steps: list[float]
) -> Difference:
    a, b = arrays
    if not where:
        return Difference(name, path, part, a.tolist(), b.tolist())
    gap = np.abs(a.astype(np.float64) * steps[0] - b.astype(np.float64) * steps[1])
    index = np.unravel_index(int(gap.argmax()), gap.shape)
    detail = f"{int((a != b).sum())} of {a.size} differ, most at {where.format(*map(int, index))}"
    if path in _EXPONENTS:
        detail += f": by {gap[index]:.3g} octaves"
    return Difference(name, path, part, a[index].item(), b[index].item(), detail)


def _provenance(prefix: str, a: Any, b: Any) -> list[Difference]:
    """Walk JSON data side by side, down to the keys that differ."""
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
