"""Datasets of a network file of version 3 and their conversion; specified in docs/spec/file.md.

The version holds a `Network`: layers of any kind of neuron, and connections of any kind of weights.
"""

import re
from dataclasses import fields as parameters
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, Drive, Weights
from ipvae.network.io.decoder_fields import DECODER, decoder_fields, decoder_from
from ipvae.network.io.fields import TABLES, Spec
from ipvae.network.kinds import (
    CubaNeuron,
    DeltaNeuron,
    GradedNeuron,
    LifNeuron,
    NeuronKind,
    PoissonNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.network import INPUT, Input, Layer, Network
from ipvae.network.pixels import Pixels
from ipvae.network.provenance import json_data, json_text
from ipvae.network.rules import poisson, random_source
from ipvae.network.rules.activations import SWISH

VERSION, MINOR = 3, 1
NAME, TEXT, WHOLE, REAL = "S10", "S32", ("<i8", 0), ("<f8", 0)
KINDS: dict[str, type[NeuronKind]] = {
    "CUBA": CubaNeuron,
    "DELTA": DeltaNeuron,
    "GRADED": GradedNeuron,
    "LIF": LifNeuron,
    "POISSON": PoissonNeuron,
    "SDNN": SigmaDeltaNeuron,
    "SIGMA": SigmaNeuron,
}
"""Names of the kinds of neurons in `neuron/type`."""
WEIGHTS: dict[str, tuple[type[Weights], int]] = {
    "dense": (Dense, 2),
    "conv": (Convolution, 4),
    "diagonal": (Diagonal, 1),
}
"""Names of the kinds of weights, and the dimensions of their arrays."""
GEOMETRY = ("stride", "padding", "dilation")
MOST_CONNECTIONS = 4096

Fields = dict[str, np.ndarray]


def minor_of(network: Network) -> int:
    """Return the minor version that a network needs: 1 with a decoder."""
    return int(network.decoder is not None)


def to_fields(network: Network) -> Fields:
    """Return all datasets of a network by path, in the order in which they are written."""
    entry = network.input
    found: dict[str, Any] = {
        "layer/0/type": _names("input"),
        "layer/0/shape": _wholes(entry.shape),
        "layer/0/weight": np.float64(entry.weight),
        "layer/0/bias": np.float64(entry.bias),
    }
    if entry.neuron is not None:
        found |= _neuron("layer/0", entry.neuron)
    for layer in network.layers:
        found |= _layer(layer)
    found["ipvae/input/graded"] = np.int64(entry.graded)
    if entry.pixels is not None:
        found["ipvae/input/minimum"] = np.int64(entry.pixels.minimum)
        found["ipvae/input/maximum"] = np.int64(entry.pixels.maximum)
        found["ipvae/input/scale"] = np.float64(entry.pixels.scale)
    numbered = [(layer, c) for layer in network.layers for c in layer.connections]
    for number, (layer, connection) in enumerate(numbered):
        found |= _connection(f"ipvae/connections/{number}", layer.id, connection)
    for layer in network.layers:
        found[f"ipvae/layers/{layer.id}/purpose"] = _name(layer.purpose)
        if layer.drive is not None:
            group = f"ipvae/layers/{layer.id}/drive"
            found[f"{group}/kind"] = _name(layer.drive.weights.kind)
            found[f"{group}/exponent"] = np.int64(layer.drive.exponent)
            found |= _weights(group, layer.drive.weights)
    found |= _shared(network)
    found |= decoder_fields(network.decoder)
    found["ipvae/test/images"] = network.test_images.astype("<i4")
    found["ipvae/test/labels"] = network.test_labels.astype("<i8")
    text = json_text(network.provenance)
    found["ipvae/provenance"] = np.frombuffer(text, np.uint8)
    return {path: np.asarray(value) for path, value in found.items()}


def _shared(network: Network) -> dict[str, Any]:
    """Random source, sampler and tables that some neurons use."""
    found: dict[str, Any] = {}
    if network.draws:
        found["ipvae/random"] = np.array(random_source.NAME, TEXT)
        found["ipvae/sampler/name"] = np.array(poisson.NAME, TEXT)
        found["ipvae/sampler/thresholds"] = poisson.thresholds().astype("<i4")
    kinds = network.kinds.values()
    used = {
        "ipvae/tables/ceiling": any(getattr(kind, "ceiling", False) for kind in kinds),
        "ipvae/tables/swish": any(getattr(kind, "activation", "") == SWISH for kind in kinds),
    }
    return found | {path: TABLES[path]().astype("<i4") for path, is_used in used.items() if is_used}


def _neuron(group: str, neuron: NeuronKind) -> dict[str, Any]:
    (kind,) = (name for name, of in KINDS.items() if type(neuron) is of)
    found: dict[str, Any] = {f"{group}/neuron/type": _names(kind)}
    for parameter, dataset in neuron.datasets.items():
        found[f"{group}/neuron/{dataset}"] = _parameter(getattr(neuron, parameter))
    return found


def _parameter(value: Any) -> np.ndarray:
    if isinstance(value, str):
        return _names(value)
    if isinstance(value, np.ndarray):
        return value.astype("<i4")
    return np.asarray(value, "<f8" if isinstance(value, float) else "<i8")


def _layer(layer: Layer) -> dict[str, Any]:
    group = f"layer/{layer.id}"
    found = {
        f"{group}/type": _names(layer.weights[0].kind),
        f"{group}/shape": _wholes(layer.shape),
        **_neuron(group, layer.neuron),
    }
    if layer.bias is not None:
        found[f"{group}/bias"] = layer.bias.astype("<i4")
    return found


def _connection(group: str, target: str, connection: Connection) -> dict[str, Any]:
    return {
        f"{group}/source": _name(connection.source),
        f"{group}/target": _name(target),
        f"{group}/kind": _name(connection.weights.kind),
        f"{group}/exponent": np.int64(connection.exponent),
        f"{group}/delay": np.asarray(connection.delay, "<i8"),
        **_weights(group, connection.weights),
    }


def _weights(group: str, weights: Weights) -> dict[str, Any]:
    found: dict[str, Any] = {f"{group}/weight": weights.weight.astype("<i2")}
    if isinstance(weights, Convolution):
        found[f"{group}/inShape"] = _wholes(weights.in_shape)
        found |= {f"{group}/{name}": _wholes(getattr(weights, name)) for name in GEOMETRY}
        found[f"{group}/groups"] = np.int64(weights.groups)
    return found


def _names(text: str) -> np.ndarray:
    return np.array([text], NAME)


def _name(text: str) -> np.ndarray:
    return np.array(text, NAME)


def _wholes(values: Any) -> np.ndarray:
    return np.array(values, "<i8")


_ALWAYS: Spec = {
    "layer/0/type": (NAME, 1),
    "layer/0/shape": ("<i8", 1),
    "layer/0/weight": REAL,
    "layer/0/bias": REAL,
    "ipvae/input/graded": WHOLE,
    "ipvae/test/images": ("<i4", 2),
    "ipvae/test/labels": ("<i8", 1),
    "ipvae/provenance": ("|u1", 1),
}
_OF_LAYER: Spec = {"type": (NAME, 1), "shape": ("<i8", 1), "neuron/type": (NAME, 1)}
_OF_CONNECTION: Spec = {
    "source": (NAME, 0),
    "target": (NAME, 0),
    "kind": (NAME, 0),
    "exponent": WHOLE,
}
_OF_CONV: Spec = {"inShape": ("<i8", 1), **dict.fromkeys(GEOMETRY, ("<i8", 1)), "groups": WHOLE}
_LAYER_PATH = re.compile(r"layer/(0|[1-9][0-9]{0,8})/(.+)")
_DRIVE_PATH = re.compile(r"ipvae/layers/([1-9][0-9]{0,8})/drive/(.+)")
_CONNECTION_PATH = re.compile(r"ipvae/connections/(0|[1-9][0-9]{0,3})/(.+)")
_TYPES = {"activation": (NAME, 1), "reset": (NAME, 1), "unit": REAL}
_OF_EACH = {"uInit", "selfWeight", "iDecays", "vDecays"}
_OPTIONAL: Spec = {
    "ipvae/input/minimum": WHOLE,
    "ipvae/input/maximum": WHOLE,
    "ipvae/input/scale": REAL,
    "ipvae/random": (TEXT, 0),
    "ipvae/sampler/name": (TEXT, 0),
    "ipvae/sampler/thresholds": ("<i4", 2),
    **dict.fromkeys(TABLES, ("<i4", 1)),
}


def expected_fields(datasets: dict[str, tuple[np.dtype, tuple[int, ...]]]) -> Spec:
    """Return names, types and dimensions of a file's datasets, as far as its names decide them.

    The contents decide the rest: `from_fields` and a comparison with `to_fields` follow.
    """
    expected = dict(_ALWAYS)
    for path, kind in _OPTIONAL.items():
        _optional(expected, datasets, path, kind)
    if not DECODER.keys().isdisjoint(datasets):
        expected |= DECODER
    layers = {m[1] for path in datasets if (m := _LAYER_PATH.fullmatch(path))}
    for name in layers - {INPUT}:
        expected |= {f"layer/{name}/{key}": kind for key, kind in _OF_LAYER.items()}
        expected[f"ipvae/layers/{name}/purpose"] = (NAME, 0)
    for name in layers:
        _optional(expected, datasets, f"layer/{name}/bias", ("<i4", 1), name != INPUT)
        _optional(expected, datasets, f"layer/{name}/neuron/type", (NAME, 1))
        for key in {key for kind in KINDS.values() for key in kind.datasets.values()}:
            path = f"layer/{name}/neuron/{key}"
            each = key in _OF_EACH and _dimensions(datasets, path) > 0
            kind = ("<i4", 1) if each else _TYPES.get(key, WHOLE)
            _optional(expected, datasets, path, kind)
    for name in {m[1] for path in datasets if (m := _DRIVE_PATH.fullmatch(path))}:
        group = f"ipvae/layers/{name}/drive"
        expected |= {f"{group}/kind": (NAME, 0), f"{group}/exponent": WHOLE}
        expected |= _expected_weights(datasets, group)
    for number in {m[1] for path in datasets if (m := _CONNECTION_PATH.fullmatch(path))}:
        group = f"ipvae/connections/{number}"
        expected |= {f"{group}/{key}": kind for key, kind in _OF_CONNECTION.items()}
        expected[f"{group}/delay"] = ("<i8", min(_dimensions(datasets, f"{group}/delay"), 1))
        expected |= _expected_weights(datasets, group)
    return expected


def _expected_weights(datasets: dict[str, Any], group: str) -> Spec:
    found = _dimensions(datasets, f"{group}/weight")
    expected: Spec = {f"{group}/weight": ("<i2", found if found in (1, 2, 4) else 2)}
    if found == 4:
        expected |= {f"{group}/{key}": kind for key, kind in _OF_CONV.items()}
    return expected


def _optional(
    expected: Spec, datasets: dict[str, Any], path: str, kind: tuple[str, int], allowed: bool = True
) -> None:
    if allowed and path in datasets:
        expected[path] = kind


def _dimensions(datasets: dict[str, Any], path: str) -> int:
    return len(datasets[path][1]) if path in datasets else 0


def from_fields(fields: Fields) -> Network:
    """Build a network from the datasets of a file.

    Raises
    ------
    DescriptionError
        If they contradict each other or describe no network.
    """
    entry = Input(
        _shape(fields["layer/0/shape"]),
        _kind(fields, "layer/0") if "layer/0/neuron/type" in fields else None,
        float(fields["layer/0/weight"]),
        float(fields["layer/0/bias"]),
        bool(fields["ipvae/input/graded"]),
        _pixels(fields),
    )
    ids = sorted({m[1] for path in fields if (m := _LAYER_PATH.fullmatch(path))} - {INPUT}, key=int)
    numbers = sorted({int(m[1]) for path in fields if (m := _CONNECTION_PATH.fullmatch(path))})
    if numbers != list(range(len(numbers))):
        raise DescriptionError("ipvae/connections: allowed numbers are 0, 1, 2, ...")
    if len(numbers) > MOST_CONNECTIONS:
        raise DescriptionError(
            f"ipvae/connections: {len(numbers)} of them, allowed up to {MOST_CONNECTIONS}"
        )
    received: dict[str, list[Connection]] = {name: [] for name in ids}
    for number in numbers:
        group = f"ipvae/connections/{number}"
        target = _text(fields[f"{group}/target"])
        if target not in received:
            raise DescriptionError(f"{group}: target '{target}' is no layer of the file")
        received[target].append(_read_connection(fields, group))
    layers = tuple(
        Layer(
            name,
            _kind(fields, f"layer/{name}"),
            tuple(received[name]),
            fields.get(f"layer/{name}/bias"),
            _text(fields[f"ipvae/layers/{name}/purpose"]),
            _drive(fields, f"ipvae/layers/{name}/drive"),
        )
        for name in ids
    )
    return Network(
        entry,
        layers,
        fields["ipvae/test/images"],
        fields["ipvae/test/labels"],
        json_data(fields["ipvae/provenance"].tobytes()),
        decoder_from(fields),
    )


def _pixels(fields: Fields) -> Pixels | None:
    parts = [fields.get(f"ipvae/input/{name}") for name in ("minimum", "maximum", "scale")]
    low, high, scale = parts
    if low is None or high is None or scale is None:
        if any(part is not None for part in parts):
            raise DescriptionError(
                "ipvae/input: found some of minimum, maximum and scale, allowed are all or none"
            )
        return None
    return Pixels(int(low), int(high), float(scale))


def _drive(fields: Fields, group: str) -> Drive | None:
    if f"{group}/kind" not in fields:
        return None
    return Drive(_read_weights(fields, group), int(fields[f"{group}/exponent"]))


def _kind(fields: Fields, group: str) -> Any:
    name = _text(fields[f"{group}/neuron/type"])
    if name not in KINDS:
        raise DescriptionError(f"{group}/neuron/type: '{name}', allowed {', '.join(KINDS)}")
    values: dict[str, Any] = {}
    kind = KINDS[name]
    for field in parameters(kind):  # type: ignore[arg-type]
        path = f"{group}/neuron/{kind.datasets[field.name]}"
        if path not in fields:
            raise DescriptionError(f"{path} is missing")
        values[field.name] = _read_parameter(fields[path])
    return kind(**values)


def _read_parameter(found: np.ndarray) -> Any:
    if found.dtype.kind == "S":
        return _text(found)
    if found.ndim:
        return found
    return float(found) if found.dtype.kind == "f" else int(found)


def _read_weights(fields: Fields, group: str) -> Weights:
    name, weight = _text(fields[f"{group}/kind"]), fields[f"{group}/weight"]
    if name not in WEIGHTS or weight.ndim != WEIGHTS[name][1]:
        kinds = ", ".join(f"{kind} ({n} dimensions)" for kind, (_, n) in WEIGHTS.items())
        raise DescriptionError(
            f"{group}/kind: '{name}' with {weight.ndim} dimensions of weight, allowed {kinds}"
        )
    if name == "conv":
        geometry = {key: _pair(fields[f"{group}/{key}"], f"{group}/{key}") for key in GEOMETRY}
        in_shape = _shape(fields[f"{group}/inShape"])
        if len(in_shape) != 3:
            raise DescriptionError(f"{group}/inShape: {in_shape}, allowed (C, H, W)")
        return Convolution(weight, in_shape, **geometry, groups=int(fields[f"{group}/groups"]))
    return WEIGHTS[name][0](weight)  # type: ignore[call-arg]


def _read_connection(fields: Fields, group: str) -> Connection:
    delay = fields[f"{group}/delay"]
    if delay.ndim and (delay == delay[:1]).all():
        raise DescriptionError(f"{group}/delay: an array of equal values, allowed is a scalar")
    return Connection(
        _text(fields[f"{group}/source"]),
        _read_weights(fields, group),
        int(fields[f"{group}/exponent"]),
        delay if delay.ndim else int(delay),
    )


def _shape(values: np.ndarray) -> tuple[Any, ...]:
    return tuple(int(n) for n in values)


def _pair(values: np.ndarray, name: str) -> tuple[int, int]:
    if values.shape != (2,):
        raise DescriptionError(f"{name}: {len(values)} values, allowed (rows, columns)")
    return int(values[0]), int(values[1])


def _text(value: np.ndarray) -> str:
    return value.reshape(-1)[0].decode("latin-1")
