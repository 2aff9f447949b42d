"""A slow second opinion on files of version 3 and the networks in them.

Written from the specification alone, first by someone who had seen nothing else
of this project; it shares no code with it. Pages below are in docs/spec/. Layers
and connections are dictionaries with the names of a file. Everything is int64, wrapped by hand.
"""

import hashlib
import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Named = dict[str, Any]
hdf5: Any = h5py
DTYPES = ("|u1", "<i2", "<i4", "<i8", "<f8", "S10")
TYPES = {dtype: hdf5.h5t.py_create(np.dtype(dtype)) for dtype in DTYPES}

SEAL = re.compile(rb"ipvae-loihi network\nsha256:([0-9a-f]{64})\n\0*")
PARAMETERS = {"CUBA": {"vThMant": 2**18, "iDecay": 4096, "vDecay": 4096}, "SIGMA": {}}
PARAMETERS |= {"SDNN": {"vThMant": 2047}, "DELTA": {"vThMant": 2047}}  # with their largest values
BIASES = {"CUBA": (-4096, 4095), "SDNN": (-2047, 2047)}
INPUTS = {"CUBA": (-4096, 4095), "DELTA": (-2048, 2047), "graded": (-32768, 32767)}
WEIGHTS = ((-128, 127, 1), (-256, 254, 2), (0, 255, 1), (-255, 0, 1))  # low, high, multiple of
OPTIONS = {"stride": (1, 127), "padding": (0, 63), "dilation": (1, 127)}
ANY = 2**63 - 1


@dataclass
class Network:
    """What a file says; phase has the input and the layers in an order in which they update."""

    layers: dict[str, Named]
    connections: list[Named]
    graded_input: bool
    images: np.ndarray
    phase: dict[str, int]


def require(condition: Any, rule: str) -> None:
    """Refuse the file, or the images, that break a rule."""
    if not condition:
        raise ValueError(rule)


def load(path: str | Path) -> Network:
    """Read a file of version 3, or raise a ValueError that names the broken rule."""
    content = Path(path).read_bytes()
    seal = SEAL.fullmatch(content[:512])
    digits = hashlib.sha256(content[512:]).hexdigest().encode()
    require(seal and seal[1] == digits and len(content) <= 2**34, "seal: contents differ")
    try:
        with hdf5.File(path, "r") as file:
            attributes = file["ipvae"].attrs
            version, checksum = attributes["format_version"], attributes["checksum"]
            require(isinstance(version, np.integer) and version == 3, "format_version is not 3")
            return Reader(datasets_of(file)).network(checksum)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"not HDF5, or missing: {error}") from error


def datasets_of(group: Any, prefix: str = "", above: tuple[int, ...] = ()) -> Named:
    """Every dataset below a group by its path, reached by groups and hard links."""
    address, found = hdf5.h5o.get_info(group.id).addr, {}
    require(address not in above, f"{prefix}: group contains itself")
    for name in group:
        path = prefix + name
        require(isinstance(group.get(name, getlink=True), h5py.HardLink), f"{path}: no hard link")
        require(isinstance(group[name], h5py.Group | h5py.Dataset), f"{path}: no dataset")
        below = (group[name], f"{path}/", (*above, address))
        found |= {path: below[0]} if isinstance(below[0], h5py.Dataset) else datasets_of(*below)
    return found


class Reader:
    """Takes from a file's datasets what the format requires; one that is left over is unknown."""

    def __init__(self, datasets: Named):
        self.datasets = datasets
        self.known: dict[str, tuple[str, np.ndarray]] = {}

    def array(self, path: str, dtype: str, *shapes: tuple[int, ...]) -> np.ndarray:
        """Contents of a dataset with this dtype and one of these shapes, of any shape if none."""
        data = self.datasets[path]
        stored, storage = data.id.get_type(), data.id.get_create_plist()
        require(stored == TYPES[dtype] and not stored.committed(), f"{path}: not a {dtype}")
        require(data.shape in (shapes or [data.shape or ()]), f"{path}: shape {data.shape}")
        plain = storage.get_layout() == hdf5.h5d.CONTIGUOUS and not storage.get_external_count()
        require(plain and data.id.get_storage_size() == data.nbytes, f"{path}: storage")
        self.known[path] = (dtype, data[...])
        return data[...]

    def integers(self, path: str, low: int, high: int, *shapes: Any, dtype: str = "<i8") -> Any:
        """An array of integers in a range; a number if the shape is ()."""
        values = self.array(path, dtype, *shapes).astype(np.int64)
        require(((low <= values) & (values <= high)).all(), f"{path}: not in {low} .. {high}")
        return int(values) if shapes == ((),) else values

    def text(self, path: str, choices: list[str], *shape: int) -> str:
        """A string that is one of these."""
        padded = self.array(path, "S10", shape).tobytes()
        found = [choice for choice in choices if padded == choice.encode().ljust(10, b"\0")]
        require(found, f"{path}: none of {choices}")
        return found[0]

    def network(self, checksum: Any) -> Network:
        """Everything in the file; at the end nothing may be left over."""
        parts = [path.split("/") for path in self.datasets]
        names = {"0"} | {part[1] for part in parts if part[0] == "layer" and len(part) > 2}
        require(all(re.fullmatch("0|[1-9][0-9]{0,8}", name) for name in names), "id of a layer")
        require(len(names) > 1, "no layer")
        layers = {name: self.layer(name) for name in sorted(names, key=int)}
        numbers = {part[2] for part in parts if part[:2] == ["ipvae", "connections"]}
        require(len(numbers) <= 4096, "more than 4096 connections")
        connections = [self.connection(number, layers) for number in range(len(numbers))]
        targets = [int(connection["target"]) for connection in connections]
        require(targets == sorted(targets), "connections: not ordered by target")
        read_as = {(c["source"], c["inShape"]) for c in connections if c["kind"] == "conv"}
        require(len(read_as) == len(dict(read_as)), "inShape: differs between convs of a source")
        for name in names - {"0"}:
            kinds = [c["kind"] for c in connections if c["target"] == name]
            self.text(f"layer/{name}/type", kinds[:1], 1)
            fits = len(layers[name]["shape"]) == (3 if "conv" in kinds else 1)
            require(kinds and fits, f"layer/{name}: no connection, or its shape")
        graded = bool(self.integers("ipvae/input/graded", 0, 1, ()))
        require(not (graded and layers["0"]["type"]), "ipvae/input/graded: input has neurons")
        images = self.array("ipvae/test/images", "<i4")
        require(images.shape[1:] == (layers["0"]["size"],), "ipvae/test/images: shape")
        check_vectors(layers["0"]["type"], graded, images)
        self.integers("ipvae/test/labels", -1, ANY, images.shape[:1])
        check_provenance(self.array("ipvae/provenance", "|u1"))
        require(set(self.datasets) == set(self.known), "unknown dataset")
        require(isinstance(checksum, bytes) and checksum == self.checksum(), "checksum: differs")
        return Network(layers, connections, graded, images, phases(layers, connections))

    def layer(self, name: str) -> Named:
        """`layer/NAME`; its `type` is its neurons' type, "" for an input without."""
        path, bias = f"layer/{name}/", np.zeros(1, np.int64)
        shape = tuple(self.integers(f"{path}shape", 1, ANY, (1,), (3,)).tolist())
        size, kinds = math.prod(shape), ["CUBA", "SDNN", "SIGMA"]
        require(size <= 2**24, f"{path}shape: more than 2^24 neurons")
        if name == "0":
            self.text(f"{path}type", ["input"], 1)
            scale = [self.array(path + field, "<f8", ()) for field in ("weight", "bias")]
            require(np.isfinite(scale).all(), f"{path}weight, bias: not finite")
            has_neurons = any(found.startswith(f"{path}neuron/") for found in self.datasets)
            kinds = ["CUBA", "DELTA"] if has_neurons else []
        else:
            self.text(f"ipvae/layers/{name}/purpose", ["hidden", "readout"])
        kind = self.text(f"{path}neuron/type", kinds, 1) if kinds else ""
        most = PARAMETERS.get(kind, {})
        neuron = {f: self.integers(f"{path}neuron/{f}", 0, most[f], ()) for f in most}
        if kind == "SDNN":
            neuron["activation"] = self.text(f"{path}neuron/activation", ["relu", "identity"], 1)
        if name != "0" and f"{path}bias" in self.datasets and kind in BIASES:
            bias = self.integers(f"{path}bias", *BIASES[kind], shape[:1], (size,), dtype="<i4")
        bias = bias.repeat(size // len(bias))
        return {"type": kind, "shape": shape, "size": size, "bias": bias, **neuron}

    def connection(self, number: int, layers: dict[str, Named]) -> Named:
        """`ipvae/connections/NUMBER`, which fits its layers; one delay for each receiver."""
        path = f"ipvae/connections/{number}/"
        source = self.text(f"{path}source", list(layers))
        target = self.text(f"{path}target", [name for name in layers if name != "0"])
        kind = self.text(f"{path}kind", ["dense", "conv", "diagonal"])
        senders, receivers = layers[source]["size"], layers[target]["size"]
        shapes = {"dense": [(receivers, senders)], "diagonal": [(receivers,)], "conv": []}
        weight = self.array(f"{path}weight", "<i2", *shapes[kind]).astype(np.int64)
        require(kind != "diagonal" or senders == receivers, f"{path}weight: sizes of the layers")
        found = {"source": source, "target": target, "kind": kind, "weight": weight}
        if kind == "conv":
            found |= self.geometry(path, layers[source]["shape"], weight)
            require(found["outShape"] == layers[target]["shape"], f"{path}: output")
        least, most, odd = weight.min(), weight.max(), (weight % 2).any()
        in_one = [a <= least and most <= b and not (odd and of == 2) for a, b, of in WEIGHTS]
        require(any(in_one), f"{path}weight: range")
        delay_shapes = [(), (receivers,)] if kind == "dense" else [()]
        delay = np.array(self.integers(f"{path}delay", 0, 62, *delay_shapes))
        require(delay.ndim == 0 or len(set(delay.tolist())) > 1, f"{path}delay: one for all")
        found["delay"] = np.broadcast_to(delay, (receivers,))
        return found | {"exponent": self.integers(f"{path}exponent", -8, 14, ())}

    def geometry(self, path: str, sender: tuple[int, ...], weight: np.ndarray) -> Named:
        """Of a conv connection: what the file says, and the `outShape` that follows."""
        found = {name: self.integers(path + name, *OPTIONS[name], (2,)) for name in OPTIONS}
        groups = self.integers(f"{path}groups", 1, ANY, ())
        shape = tuple(self.integers(f"{path}inShape", 1, 2**24, (3,)).tolist())
        fits = shape == sender or (len(sender) == 1 and math.prod(shape) == sender[0])
        require(fits and weight.ndim == 4 and weight.size, f"{path}inShape, weight: do not fit")
        fits = len(weight) % groups == 0 and weight.shape[1] * groups == shape[0]
        require(fits, f"{path}groups: do not fit")
        reach = found["dilation"] * (np.array(weight.shape[2:]) - 1) + 1
        out = (np.array(shape[1:]) + 2 * found["padding"] - reach) // found["stride"] + 1
        return found | {"groups": groups, "inShape": shape, "outShape": (len(weight), *out)}

    def checksum(self) -> bytes:
        """Format, attributes: SHA-256 of names, dtypes, shapes and contents."""
        digest = hashlib.sha256(b"ipvae-network/3\0")
        for path in sorted(self.known, key=str.encode):
            dtype, values = self.known[path]
            digest.update(f"{path}\0{dtype}\0{','.join(map(str, values.shape))}\0".encode())
            digest.update(values.tobytes())
        return digest.hexdigest().encode()


def check_provenance(content: np.ndarray) -> None:
    """A UTF-8 JSON object, no NaN, no number too large for a float, nested at most 64 deep."""

    def number(digits: str) -> float:
        require(math.isfinite(float(digits)), "provenance: NaN, or a number too large")
        return float(digits)

    def depth(value: Any) -> int:
        inner: Any = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=0) if isinstance(value, dict | list) else 0

    require(content.ndim == 1 and 2 <= content.size <= 2**20, "provenance: 2 .. 2^20 bytes")
    text = content.tobytes().decode("utf-8")
    found = json.loads(text, parse_constant=number, parse_float=number)
    require(isinstance(found, dict) and depth(found) <= 64, "provenance: an object, 64 deep")


def phases(layers: dict[str, Named], connections: list[Named]) -> dict[str, int]:
    """network.md, order and phases: the layers in their order, each with its phase."""
    same_row = [c for c in connections if 0 in c["delay"]]
    sources = {name: {c["source"] for c in same_row if c["target"] == name} for name in layers}
    order = ["0"]
    while len(order) < len(layers):
        ready = [name for name in layers if name not in order and sources[name] <= set(order)]
        require(ready, "connections with a delay of 0 form a loop")
        order += ready
    return least_phases(order, connections) or least_phases(order, same_row) or {}


def least_phases(order: list[str], connections: list[Named]) -> dict[str, int] | None:
    """The least phases that fit all of these connections, if there are such."""
    found = dict.fromkeys(order, 0)
    for _ in range(len(order) ** 2 + 1):
        late = [(c, found[c["source"]] + 1 - c["delay"].min()) for c in connections]
        late = [(c["target"], least) for c, least in late if found[c["target"]] < least]
        if not late:
            return {name: int(phase) for name, phase in found.items()}
        found[late[0][0]] = late[0][1]
    return None


def check_vectors(kind: str, graded: bool, vectors: np.ndarray) -> None:
    """network.md, input: the range of what an input may receive."""
    low, high = INPUTS.get(kind or ("graded" if graded else ""), (0, 1))
    require(((low <= vectors) & (vectors <= high)).all(), f"images: not in {low} .. {high}")


def wrap(values: Any, bits: int = 32) -> Any:
    """Two's complement."""
    return (values + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def decay(values: Any, amount: int) -> np.ndarray:
    """neurons/cuba.md: rounds toward zero."""
    product = values * (4096 - amount)
    return np.where(product >= 0, product >> 12, (product + 4095) >> 12)


def update(layer: Named, state: Named, a_in: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One row of a layer: changes its state, gives what it sends (neurons/)."""
    if layer["type"] == "CUBA":
        total = wrap(decay(state["current"], layer["iDecay"]) + wrap(64 * a_in))
        state["current"] = total - 2**24 * (total > 2**23) + 2**24 * (total <= -(2**23))
        voltage = decay(state["voltage"], layer["vDecay"]) + state["current"] + 64 * bias
        voltage = np.clip(voltage, -(2**23 - 1), 2**23 - 1)
        spikes = voltage > 64 * layer["vThMant"]
        state["voltage"] = np.where(spikes, 0, voltage)
        return spikes.astype(np.int64)
    if layer["type"] == "DELTA":
        return send_change(layer, state, wrap(a_in << 12))
    state["sigma"] = wrap(state["sigma"] + a_in)
    if layer["type"] == "SIGMA":
        return state["sigma"]
    value = wrap(state["sigma"] + 4096 * bias)
    return send_change(layer, state, value.clip(0) if layer["activation"] == "relu" else value)


def send_change(layer: Named, state: Named, value: np.ndarray) -> np.ndarray:
    """neurons/sigma_delta.md: the change of a value, once it is large enough."""
    delta = wrap(wrap(value - state["reference"]) + state["residue"])
    sent = wrap(abs(delta)) >= 4096 * layer["vThMant"]
    state["residue"], state["reference"] = np.where(sent, 0, delta), value
    return np.where(sent, delta >> 6, 0)


def weigh(connection: Named, messages: np.ndarray) -> np.ndarray:
    """connections/, weights; of conv, each weight times the places of the source that it meets."""
    weight = connection["weight"]
    if connection["kind"] != "conv":
        return weight @ messages if connection["kind"] == "dense" else weight * messages
    (up, left), (down, right) = connection["padding"], connection["stride"]
    source = np.pad(messages.reshape(connection["inShape"]), ((0, 0), (up, up), (left, left)))
    total = np.zeros(connection["outShape"], np.int64)
    _, rows, columns = connection["outShape"]
    for (o, c, i, j), factor in np.ndenumerate(weight):
        channel = o // (len(weight) // connection["groups"]) * weight.shape[1] + c
        first_row, first_column = connection["dilation"] * (i, j)
        met = source[channel, first_row::down, first_column::right]
        total[o] += factor * met[:rows, :columns]
    return total.ravel()


def deliver(connection: Named, messages: np.ndarray, graded: bool) -> np.ndarray:
    """What all receivers get for these messages, with the exponent (received.md)."""
    total, exponent = wrap(weigh(connection, messages)), connection["exponent"]
    if graded and connection["kind"] == "conv":
        total = wrap(total, 24)
    return wrap(total << exponent if exponent >= 0 else total >> -exponent)


def received(network: Network, target: str, sent: Named, row: int) -> np.ndarray:
    """The sum over a layer's connections, of the messages of row - delay, if there was such."""
    total = 0 * network.layers[target]["bias"]
    for connection in [c for c in network.connections if c["target"] == target]:
        kind = network.layers[connection["source"]]["type"]
        graded = kind != "CUBA" if kind else network.graded_input
        for delay in set(connection["delay"].tolist()):
            messages = sent[connection["source"]].get(row - delay)
            if messages is not None:
                part = deliver(connection, messages, graded)
                total += np.where(connection["delay"] == delay, part, 0)
    return wrap(total)


def run(network: Network, images: np.ndarray, steps: int) -> list[dict[str, Named]]:
    """Rows 0 .. steps - 1 for each image: (inputs,), or (steps, inputs), a vector for each row."""
    size = network.layers["0"]["size"]
    check_vectors(network.layers["0"]["type"], network.graded_input, np.asarray(images))
    require(all(image.shape in ((size,), (steps, size)) for image in images), "images: shape")
    vectors = [np.broadcast_to(image, (steps, size)).astype(np.int64) for image in images]
    return [run_image(network, rows, steps) for rows in vectors]


def run_image(network: Network, vectors: np.ndarray, steps: int) -> dict[str, Named]:
    """{layer: {variable: (steps, neurons)}} of one image; states are 0 before the first row."""
    kinds = {layer["type"] for layer in network.layers.values()} - {""}
    lead_in = 0 if kinds == {"CUBA"} else max(network.phase.values())
    states, sent, trace = [{name: {} for name in network.layers} for _ in range(3)]
    for row in range(-lead_in, steps):
        for name in [name for name, phase in network.phase.items() if row >= -min(phase, lead_in)]:
            layer, state = network.layers[name], states[name] or defaultdict(int)
            a_in = received(network, name, sent, row) if name != "0" else vectors[row]
            values, bias = {"z": a_in}, layer["bias"]
            if name == "0" and layer["type"] == "CUBA":
                a_in, bias = 0 * a_in, a_in
            if layer["type"]:
                values = {"a_in": a_in, "z": update(layer, state, a_in, bias)} | state
            states[name], sent[name][row] = state, values["z"]
            for variable in values if row >= 0 else ():
                trace[name].setdefault(variable, []).append(values[variable])
    return {name: {v: np.stack(rows) for v, rows in trace[name].items()} for name in trace}
