"""Reader for the `.net` file that lava-dl's `export_hdf5` writes, and a writer for netx.

Contents that netx cannot build, ignores or computes wrongly are rejected by name, so that the
network runs exactly as the file describes it.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError, FormatError
from ipvae.files import require_file
from ipvae.network.connections import Connection, Convolution, Dense, Weights
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.hdf5_child import shown
from ipvae.network.kinds import (
    ACCUMULATOR,
    CubaNeuron,
    DeltaNeuron,
    NeuronKind,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.network import INPUT, Input, Layer, Network

SUFFIX = ".net"
MOST_DATASETS = 8192
"""Groups and datasets of the largest file that is read."""
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_OURS = b"ipvae"
_INTEGER_END = 2**31

_LAYER_KEYS = {
    "input": {"weight", "bias"},
    "flatten": set(),
    "dense": {"inFeatures", "outFeatures", "weight", "bias", "delay"},
    "dense_rec": {"inFeatures", "outFeatures", "weight", "weight_rec", "bias", "delay"},
    "conv": {
        *("inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups"),
        *("weight", "bias", "delay"),
    },
}
_CUBA_MEANINGLESS = {"theta", "scaleRho", "tauRho"}
"""Datasets of older lava-dl versions: the threshold again, and gradients of training."""
_CUBA_FIXED = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0}
"""Fixed values of Lava's neuron."""


def is_plain(path: str | Path) -> bool:
    """Return True for a file that appears to be a lava-dl network and was not written by ipvae.

    The criterion is HDF5 from the first byte, or the name *.net without ipvae's seal. The file may
    still be damaged or foreign.
    """
    path = Path(path)
    try:
        require_file(path)
        with path.open("rb") as f:
            head = f.read(len(_HDF5_MAGIC))
    except (FormatError, OSError):
        return path.suffix == SUFFIX
    return head == _HDF5_MAGIC or (path.suffix == SUFFIX and not head.startswith(_OURS))


def read_plain(path: str | Path) -> Network:
    """Read a plain lava-dl network, in a child process with limits on time and memory.

    Raises
    ------
    FormatError
        If the file is missing, damaged or foreign, or contains a layer, a neuron or a value that
        lava-dl's netx cannot run exactly.
    """
    path = Path(path)

    def approve(datasets: dict, _: dict) -> None:
        tops = {name.split("/")[0] for name in datasets}
        if "ipvae" in tops:
            raise FormatError(f"{path}: an ipvae network without its seal; export it again")
        if "layer" not in tops:
            raise FormatError(
                f"{path}: no lava-dl network (it has no group /layer); "
                "write one with lava-dl's export_hdf5"
            )

    fields = read_datasets(path, approve, {}, most=MOST_DATASETS, gzip=True, singles=True)
    try:
        return _network(_layers(fields))
    except DescriptionError as error:
        raise FormatError(f"{path}: {error}") from error


class _Layer:
    """Datasets of one layer, by name, with checked access."""

    def __init__(self, name: str, fields: dict[str, np.ndarray]) -> None:
        self.name, self._fields = name, fields
        self.type = self.text("type")

    def has(self, key: str) -> bool:
        return any(k == key or k.startswith(key + "/") for k in self._fields)

    def names(self) -> set[str]:
        return set(self._fields)

    def fail(self, message: str) -> DescriptionError:
        return DescriptionError(f"layer {self.name}: {message}")

    def _array(self, key: str) -> np.ndarray:
        if key not in self._fields:
            raise self.fail(f"dataset {key} is missing; export it again")
        return self._fields[key]

    def _numbers(self, key: str) -> np.ndarray:
        array = self._array(key)
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise self.fail(f"{key} holds what is no finite number")
        return array

    def text(self, key: str) -> str:
        array = self._array(key)
        if array.dtype.kind != "S" or array.size != 1:
            raise self.fail(f"{key} is no text")
        return array.reshape(-1)[0].decode("latin-1")

    def integers(self, key: str) -> np.ndarray:
        """Integers of a dataset, as int64, from any stored type."""
        array = self._numbers(key)
        if array.dtype.kind == "f" and (array != np.rint(array)).any():
            wrong = array[array != np.rint(array)].flat[0]
            raise self.fail(
                f"{key} holds {wrong:g}, allowed are integers; quantize it in lava-dl "
                "(pre_hook_fx) before you export it"
            )
        if np.abs(array.astype(np.float64)).max(initial=0) >= _INTEGER_END:
            raise self.fail(f"{key} holds numbers of more than 32 bits")
        return array.astype(np.int64)

    def real(self, key: str, default: float) -> float:
        if not self.has(key):
            return default
        return float(self._single(key, self._numbers(key)))

    def integer(self, key: str) -> int:
        return int(self._single(key, self.integers(key)))

    def _single(self, key: str, array: np.ndarray) -> Any:
        if array.size != 1:
            raise self.fail(f"{key} has {array.size} values, allowed is one")
        return array.reshape(-1)[0]

    def pair(self, key: str) -> tuple[int, int]:
        """Values (of rows, of columns); a single value applies to both."""
        values = self.integers(key).reshape(-1)
        if len(values) not in (1, 2):
            raise self.fail(f"{key} has {len(values)} values, allowed are one or two")
        return int(values[0]), int(values[-1])


def _layers(fields: dict[str, np.ndarray]) -> Iterator[_Layer]:
    """All layers in order, with the types and names of their datasets checked."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in fields.items():
        top, _, rest = name.partition("/")
        number, _, key = rest.partition("/")
        if top == "layer":
            groups.setdefault(number, {})[key] = array
    for number in (str(i) for i in range(len(groups))):
        if number not in groups:
            names = ", ".join(shown(name) for name in sorted(groups)[:9])
            raise DescriptionError(f"layer {number} is missing (found layers {names})")
        layer = _Layer(number, groups[number])
        if layer.type not in _LAYER_KEYS:
            raise layer.fail(
                f"type '{shown(layer.type)}', allowed are {', '.join(_LAYER_KEYS)}; netx does not "
                "build pooling and averages, and complex layers are not supported"
            )
        allowed = {"type", "shape", *_LAYER_KEYS[layer.type]}
        for key in sorted(layer.names() - allowed):
            if key in ("weight/real", "weight/imag"):
                raise layer.fail("complex weights (resonate-and-fire), allowed are real weights")
            if not key.startswith("neuron/") or layer.type == "flatten":
                raise layer.fail(f"dataset {shown(key)} has no meaning in type '{layer.type}'")
        yield layer


def _network(parts: Iterator[_Layer]) -> Network:
    """Build the chain; each layer's shape follows from the previous layer."""
    entry: Input | None = None
    layers: list[Layer] = []
    flat = False  # whether a flatten comes before the layer
    shift = 0  # layers of a file without input are numbered from 0, ids from 1
    for part in parts:
        if part.type == "input":
            if entry is not None:
                raise part.fail("type 'input', allowed as layer 0 only")
            entry = _input(part)
        elif part.type == "flatten":
            before = layers[-1].shape if layers else () if entry is None else entry.shape
            _require_same_size(part, "shape", before)
            flat = True
        else:
            if entry is None:
                entry, shift = _implied_input(part), 1
            before = layers[-1].shape if layers else entry.shape
            if len(before) == 3 and layers and part.type != "conv" and not flat:
                raise part.fail("dense behind a convolution without a layer 'flatten' between")
            source = layers[-1].id if layers else INPUT
            layers.append(_layer(part, str(int(part.name) + shift), source, before, flat))
            flat = False
    if entry is None:
        raise DescriptionError("holds no layer")
    for layer in layers[:-1]:
        if isinstance(layer.neuron, SigmaNeuron):
            raise DescriptionError(
                f"layer {layer.id}: sigma_output, allowed in the last layer only"
            )
    if layers and entry.neuron is None and not isinstance(layers[0].neuron, CubaNeuron):
        entry = replace(entry, graded=True)
    return Network(entry, tuple(layers))


def _input(part: _Layer) -> Input:
    shape = tuple(int(n) for n in part.integers("shape").reshape(-1))
    neuron = _neuron(part, of_input=True) if part.has("neuron") else None
    weight, bias = part.real("weight", 64.0), part.real("bias", 0.0)
    return _named(part, lambda: Input(shape, neuron, weight, bias))


def _implied_input(part: _Layer) -> Input:
    """Input of a file that begins with a dense layer, with the size of its weights."""
    if part.type not in ("dense", "dense_rec"):
        raise part.fail(f"type '{part.type}' behind no layer 'input', which gives its shape")
    return Input((_dense(part).n_in,))


def _layer(part: _Layer, name: str, source: str, before: tuple[int, ...], flat: bool) -> Layer:
    weights: Weights
    if part.type == "conv":
        if len(before) != 3 or flat:
            raise part.fail("type 'conv' behind a flat layer, allowed behind (C, H, W) only")
        weights = _named(part, lambda: _conv(part, before))
    else:
        weights = _dense(part)
    declared = tuple(int(n) for n in part.integers("shape").reshape(-1))
    same = np.prod(declared) == np.prod(weights.shape) and len(weights.shape) == 1
    if declared != weights.shape and not same:
        raise part.fail(f"shape {declared}, its weights make {weights.shape}")
    if part.has("neuron"):
        neuron = _neuron(part)
    elif part.type == "conv":
        raise part.fail("type 'conv' without a neuron, which netx cannot build")
    else:
        neuron = ACCUMULATOR
    bias = part.integers("bias").reshape(-1) if part.has("bias") else None
    if bias is not None and isinstance(neuron, SigmaNeuron):
        raise part.fail("sigma_output with a bias, which netx cannot give it")
    delay = _delay(part, weights)
    connections = [_named(part, lambda: Connection(source, weights, delay=delay))]
    if part.type == "dense_rec":
        recurrent = _dense(part, "weight_rec")
        connections.append(_named(part, lambda: Connection(name, recurrent, delay=1)))
    return _named(part, lambda: Layer(name, neuron, tuple(connections), bias))


def _delay(part: _Layer, weights: Weights) -> int | np.ndarray:
    """Delay of a layer's synapses as netx reads it, in rows."""
    if not part.has("delay"):
        return 0
    delays = part.integers("delay")
    if not delays.any():
        return 0
    if part.type != "dense":
        raise part.fail("has delays (dataset delay), allowed in type 'dense' only")
    if delays.size == 1:
        return int(delays.reshape(-1)[0])
    if delays.shape != (weights.n_out,):
        raise part.fail(
            f"delay has shape {delays.shape}, allowed one number or ({weights.n_out},), one for "
            "each neuron"
        )
    return delays


def _dense(part: _Layer, key: str = "weight") -> Dense:
    weight = part.integers(key)
    n_out = int(np.prod(part.integers("shape")))
    if weight.ndim == 1 and n_out > 0 and not weight.size % n_out:
        weight = weight.reshape(n_out, -1)
    if weight.ndim != 2 or 0 in weight.shape:
        raise part.fail(f"{key} has shape {weight.shape}, allowed (neurons, inputs)")
    if key == "weight":
        _require_declared(part, inFeatures=(weight.shape[1],), outFeatures=(weight.shape[0],))
    return _named(part, lambda: Dense(weight))


def _require_declared(part: _Layer, **sizes: tuple[int, ...]) -> None:
    """Reject sizes that contradict the weights, since netx would build a different layer."""
    for key, made in sizes.items():
        if part.has(key):
            declared = tuple(int(n) for n in part.integers(key).reshape(-1))
            if declared != made:
                raise part.fail(
                    f"{key} is {_one(declared)}, its weights make {_one(made)}; export it again"
                )


def _require_same_size(part: _Layer, key: str, before: tuple[int, ...]) -> None:
    """Reject a flatten that changes the number of values."""
    declared = tuple(int(n) for n in part.integers(key).reshape(-1)) if part.has(key) else before
    if math.prod(declared) != math.prod(before):
        raise part.fail(f"{key} {declared}, allowed are as many values as {before} in front of it")


def _one(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    return sizes[0] if len(sizes) == 1 else sizes


def _conv(part: _Layer, before: tuple[int, ...]) -> Convolution:
    weight = part.integers("weight")
    if weight.ndim == 5 and weight.shape[4] == 1:  # lava-dl's kernels have a depth axis
        weight = weight[..., 0]
    if weight.ndim != 4 or 0 in weight.shape:
        raise DescriptionError(f"weight has shape {weight.shape}, allowed (C_out, C_in, H, W)")
    channels, height, width = before
    weights = Convolution(
        weight,
        (channels, height, width),
        stride=part.pair("stride"),
        padding=part.pair("padding"),
        dilation=part.pair("dilation"),
        groups=part.integer("groups"),
    )
    kernel = weight.shape[2:]
    square = part.has("kernelSize") and part.integers("kernelSize").size == 1
    _require_declared(
        part,
        inChannels=(channels,),
        outChannels=(weight.shape[0],),
        kernelSize=kernel[:1] if square and kernel[0] == kernel[1] else kernel,
    )
    return weights


def _neuron(part: _Layer, *, of_input: bool = False) -> Any:
    kind = part.text("neuron/type")
    keys = {key.removeprefix("neuron/") for key in part.names() if key.startswith("neuron/")}
    if kind in ("CUBA", "LOIHI"):
        return _cuba(part, keys - {"type"})
    if kind == "SDNN":
        return _sigma_delta(part, keys - {"type"}, of_input)
    raise part.fail(f"neuron of type '{shown(kind)}', allowed are CUBA, LOIHI and SDNN")


def _cuba(part: _Layer, keys: set[str]) -> CubaNeuron:
    _refuse_unknown(part, keys - {"vThMant", "iDecay", "vDecay", *_CUBA_MEANINGLESS, *_CUBA_FIXED})
    for key, value in _CUBA_FIXED.items():
        if key in keys and (found := part.integer(f"neuron/{key}")) != value:
            raise part.fail(f"neuron/{key} is {found}, allowed {value}: Lava's CUBA has no other")
    read = part.integer
    return _named(
        part,
        lambda: CubaNeuron(read("neuron/vThMant"), read("neuron/iDecay"), read("neuron/vDecay")),
    )


def _sigma_delta(part: _Layer, keys: set[str], of_input: bool) -> NeuronKind:
    _refuse_unknown(part, keys - {"vThMant", "activation", "sigma_output"})
    threshold = part.integer("neuron/vThMant")
    if of_input:  # these two have no activation, whatever the file names
        return _named(part, lambda: DeltaNeuron(threshold))
    if "sigma_output" in keys and part.integer("neuron/sigma_output") != 0:
        return SigmaNeuron()
    activation = part.text("neuron/activation") if "activation" in keys else "relu"
    if activation != "relu":
        raise part.fail(
            f"activation '{shown(activation)}', allowed is relu: netx would run relu in its place; "
            "train with activation=torch.relu"
        )
    return _named(part, lambda: SigmaDeltaNeuron(threshold))


def _refuse_unknown(part: _Layer, keys: set[str]) -> None:
    for key in sorted(keys):
        raise part.fail(f"neuron/{shown(key)} is nothing that netx obeys; export without it")


def _named(part: _Layer, make):
    """Call a constructor, adding the layer's name to its errors."""
    try:
        return make()
    except DescriptionError as error:
        if str(error).startswith("layer "):
            raise
        raise part.fail(str(error)) from error
