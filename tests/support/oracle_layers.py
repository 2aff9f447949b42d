"""Networks of several layers, for oracle.py: files of version 2, docs/spec/versions.md.

Written from the specification alone, in plain Python integers; it shares no
code with the project.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from oracle import (
    Sample,
    clip,
    drawn,
    drive_of,
    frame,
    i24,
    key,
    receive,
    recurrent,
    require,
    self_inhibition,
)

Ints = list[int]
Image = tuple[tuple[int, int], list[int]]  # its key, and the pixels of its first frame
# ---------------------------------------------------------------- names (versions.md)

GLOBAL = {"layer/0/type", "layer/0/shape", "ipvae/latency", "ipvae/period", "ipvae/decoder"}
GLOBAL |= {f"ipvae/input/{name}" for name in ("minimum", "maximum", "scale", "shape")}
GLOBAL |= {"ipvae/test/images", "ipvae/test/labels", "ipvae/provenance"}
SAMPLER = {"ipvae/random", "ipvae/sampler/name", "ipvae/sampler/thresholds"}
LAYER = {"type", "shape", "inFeatures", "outFeatures", "weight", "bias"}
WIRING = {"role", "source", "sign", "phase", "lag", "drive_exp"}
POISSON = {"type", "weight_exp", "messageBits", "fracBits", "uInit", "uMin", "uMax"}
POISSON |= {"duMin", "duMax", "selfWeight", "memory", "ceiling"}
START = {"startWeight", "startBias", "start_exp", "startThreshold", "startMargin"}
GRADED = {"type", "weight_exp", "zMin", "zMax", "leak", "threshold", "shift"}
GRADED |= {"activation", "unit"}

TABLES = {
    "ipvae/sampler/thresholds": "c132ce4d1b397d0adbde67c20fd0704a58fe15cd7660aa38d655f2a887844f93",
    "ipvae/tables/swish": "795dbb717410175aed6b73f0572c477bdc94114faa74995cc85f7d54c907f002",
    "ipvae/tables/ceiling": "a6559fb74654d0fb08124dbd49b80aa3547307b93885a9a9909672ccc9adb5d4",
}
FIXED = {
    "layer/0/type": [b"input"],
    "ipvae/latency": 1,
    "ipvae/random": b"mix24/2",
    "ipvae/sampler/name": b"poisson-thresholds-32/1",
}


@dataclass(frozen=True)
class Layer:
    """One layer; `n` holds its datasets `neuron/...`."""

    role: str
    source: int
    sign: int
    lag: int
    phase: int
    ed: int
    image_weight: list[Any] | None
    V: list[list[int]] | None
    bias: list[int]
    n: dict[str, Any]

    @property
    def poisson(self) -> bool:
        """Whether its neurons draw counts."""
        return self.n["type"] == [b"POISSON"]

    @property
    def swish(self) -> bool:
        """Whether its neurons use the table of `swish`."""
        return not self.poisson and self.n["activation"] == [b"swish"]

    @property
    def memory(self) -> bool:
        """Whether an update starts from the last state."""
        return self.n["memory"] == 1 if self.poisson else self.n["leak"] > 0

    @property
    def sends(self) -> tuple[int, int]:
        """Smallest and largest value that it may send."""
        if self.poisson:
            return 0, min(2 ** self.n["messageBits"] - 1, 864)
        return self.n["zMin"], self.n["zMax"]


@dataclass(frozen=True)
class Layers:
    """The integers of one file of version 2; `layers` by their numbers, in order."""

    layers: dict[int, Layer]
    tables: dict[str, list[Any]]
    n_pixels: int
    lo: int
    hi: int
    images: list[list[int]]


# ---------------------------------------------------------------- the file (versions.md)


def from_values(values: dict[str, Any], dtypes: dict[str, str]) -> Layers:
    """Network of the datasets of a file of version 2; ValueError if they make none."""
    numbers = sorted(
        int(part[1])
        for name in values
        if (part := name.split("/"))[0] == "layer" and part[2:] == ["type"] and part[1] != "0"
    )
    require(numbers == list(range(1, len(numbers) + 1)), f"layers {numbers}")
    require(1 <= len(numbers) <= 16, f"{len(numbers)} layers")
    known = set(GLOBAL)
    for number in numbers:
        known |= names_of_layer(number, values)
    require(known <= set(values), f"missing datasets: {known - set(values)}")
    layers = {number: layer_of(number, values, dtypes) for number in numbers}
    code = [layer for layer in layers.values() if layer.role == "code"]
    require(len(code) == 1, f"{len(code)} codes")
    known |= SAMPLER if code[0].poisson else set()
    known |= {"ipvae/tables/swish"} if any(x.swish for x in layers.values()) else set()
    known |= {"ipvae/tables/ceiling"} if code[0].poisson and code[0].n["ceiling"] == 1 else set()
    wrong = set(values) ^ known
    require(not wrong, f"missing or unknown datasets: {wrong}")
    for name, value in FIXED.items():
        require(name not in values or values[name] == value, f"{name}: {values.get(name)}")
    tables = {name: values[name] for name in TABLES if name in values}
    for name, table in tables.items():
        require(digest(table) == TABLES[name], f"{name}: another table")
    check_wiring(layers, values["ipvae/period"])
    parts = (values[f"ipvae/{name}"] for name in ("input/minimum", "input/maximum", "test/images"))
    network = Layers(layers, tables, values["layer/0/shape"][0], *parts)
    check_shapes(network, values)
    require(not fits_version_1(layers), "version 1 could hold this network")
    check_bounds(network)
    return network


def names_of_layer(number: int, values: dict[str, Any]) -> set[str]:
    """Names of the datasets that a layer must have, by its two types."""
    prefix = f"layer/{number}"
    kind, neuron = values.get(f"{prefix}/type"), values.get(f"{prefix}/neuron/type")
    require(kind in ([b"dense"], [b"dense_rec"]), f"{prefix}/type: {kind}")
    require(neuron in ([b"POISSON"], [b"GRADED"]), f"{prefix}/neuron/type: {neuron}")
    names = {f"{prefix}/{name}" for name in LAYER}
    names |= {f"{prefix}/weight_rec"} if kind == [b"dense_rec"] else set()
    kinds = POISSON | (START if f"{prefix}/neuron/startWeight" in values else set())
    names |= {f"{prefix}/neuron/{x}" for x in (kinds if neuron == [b"POISSON"] else GRADED)}
    return names | {f"ipvae/layers/{number}/{name}" for name in WIRING}


def layer_of(number: int, values: dict[str, Any], dtypes: dict[str, str]) -> Layer:
    """One layer of a file; which weights it has follows from their dtypes."""
    prefix, of_layer = f"layer/{number}/", f"ipvae/layers/{number}/"
    weight, recurrent_weight = values[prefix + "weight"], values.get(prefix + "weight_rec")
    dtype = dtypes[prefix + "weight"]
    require(dtype in ("<i2", "|i1"), f"{prefix}weight: {dtype}")
    sees = dtype == "<i2"
    require(sees or recurrent_weight is None, f"{prefix}: dense_rec without weights of the image")
    return Layer(
        role=values[of_layer + "role"].decode(),
        source=values[of_layer + "source"],
        sign=values[of_layer + "sign"],
        lag=values[of_layer + "lag"],
        phase=values[of_layer + "phase"],
        ed=values[of_layer + "drive_exp"],
        image_weight=weight if sees else None,
        V=recurrent_weight if sees else weight,
        bias=values[prefix + "bias"],
        n={
            name.removeprefix(prefix + "neuron/"): value
            for name, value in values.items()
            if name.startswith(prefix + "neuron/")
        },
    )


def digest(table: list[Any]) -> str:
    """SHA-256 of a table as int32, little-endian, row by row."""
    rows = table if isinstance(table[0], list) else [table]
    data = b"".join(int(v).to_bytes(4, "little", signed=True) for row in rows for v in row)
    return hashlib.sha256(data).hexdigest()


def check_wiring(layers: dict[int, Layer], period: int) -> None:
    """Roles, sources, phases, lags and period must match one of the networks of versions.md."""
    roles = [layer.role for layer in layers.values()]
    h = roles.index("code")
    require(roles[:h] == ["hidden"] * h, f"roles {roles}")
    require(roles[h + 1 :] == ["readout"] * (len(roles) - h - 1), f"roles {roles}")
    code = h + 1
    loop = layers[1].source != 0
    require(period == (h + 1 if loop else 1), f"ipvae/period: {period}")
    require(any(x.image_weight is not None for x in layers.values()), "none receives the image")
    for number, layer in layers.items():
        if number > code:
            source, phase = code, layers[code].phase + 1
        elif number == 1:
            source, phase = (code if loop else 0), (1 if loop and h > 0 else 0)
        else:
            source = number - 1
            phase = number if loop else number - 1
            phase = 0 if loop and number == code else phase
        lag = int(loop and number == code)
        found = (layer.source, layer.phase, layer.lag)
        require(found == (source, phase, lag), f"layer {number}: source, phase, lag {found}")
        require(layer.sign in (1, -1), f"layer {number}: sign {layer.sign}")
        require((layer.V is not None) == (source != 0), f"layer {number}: weights of no source")
        require(number <= code or layer.image_weight is None, f"layer {number}: receives the image")
        check_neurons(number, layer, loop)


def check_neurons(number: int, layer: Layer, loop: bool) -> None:
    """What a layer's place says about its neurons."""
    where = f"layer {number}"
    require(not layer.poisson or layer.role == "code", f"{where}: Poisson neurons")
    if layer.role == "code":
        require(layer.memory == loop, f"{where}: memory")
    require(layer.role != "hidden" or not layer.memory, f"{where}: memory")
    if layer.poisson:
        require(12 <= layer.n["fracBits"] <= 16, f"{where}: fracBits")
        require(layer.memory or not any(layer.n["selfWeight"]), f"{where}: selfWeight")
        require(layer.n["ceiling"] in (0, 1), f"{where}: ceiling")
        require(layer.memory or "startWeight" not in layer.n, f"{where}: a start without memory")
        if layer.n["ceiling"] == 1:
            require(layer.n["fracBits"] == 16, f"{where}: a ceiling needs fracBits 16")
            require(not layer.memory, f"{where}: a ceiling with memory")
    else:
        known = layer.n["activation"] in ([b"linear"], [b"swish"])
        require(known, f"{where}: activation")


def check_shapes(net: Layers, values: dict[str, Any]) -> None:
    """Sizes must fit each other."""
    for number, layer in net.layers.items():
        K, M = len(layer.bias), net.n_pixels
        J = len(net.layers[layer.source].bias) if layer.source else 0
        prefix = f"layer/{number}/"
        sizes = [values[prefix + "shape"], values[prefix + "outFeatures"]]
        require(sizes == [[K], K], f"{prefix}shape: {sizes}")
        n_in = M if layer.image_weight is not None else J
        require(values[prefix + "inFeatures"] == n_in, f"{prefix}inFeatures")
        if layer.image_weight is not None:
            require(len(layer.image_weight) == K, f"{prefix}weight: rows")
            diagonal = not isinstance(layer.image_weight[0], list)
            fit = K == M if diagonal else all(len(row) == M for row in layer.image_weight)
            require(fit, f"{prefix}weight: columns")
        if "startWeight" in layer.n:
            sizes = [len(row) for row in layer.n["startWeight"]]
            require(sizes == [M] * len(layer.n["startBias"]) == [M] * K, f"{prefix}: start")
        if layer.V is not None:
            require([len(row) for row in layer.V] == [J] * K, f"{prefix}: synapses")


def fits_version_1(layers: dict[int, Layer]) -> bool:
    """Whether a file of version 1 could hold this network."""
    first = layers[1]
    if len(layers) > 1 or not first.poisson or first.image_weight is None:
        return False
    full = isinstance(first.image_weight[0], list) and "startWeight" not in first.n
    return full and first.source == 1 and first.sign == -1 and first.n["fracBits"] == 12


# ---------------------------------------------------------------- bounds (ranges.md)


def check_bounds(net: Layers) -> None:
    """Refuse a network in which a received input could leave 24 bits."""
    for number, layer in net.layers.items():
        if layer.V is None:
            continue
        lo, hi = net.layers[layer.source].sends
        for k, row in enumerate(layer.V):
            up, down = sum(max(w, 0) for w in row), sum(min(w, 0) for w in row)
            # partial sums: lo <= 0 <= hi, so a partial sum reaches no further than the whole
            reach = max(up * hi + down * lo, -(up * lo + down * hi))
            where = f"layer {number}, neuron {k}"
            require(reach <= 2**23 - 1, f"{where}: a_in may exceed 24 bits")


# ---------------------------------------------------------------- neurons (neurons/)


def bump(X: list[int], a: int, B: int) -> int:
    """Table `X`, 16 entries to the unit, at a distance `a >= 0` with `B` fraction bits."""
    if a >= 16 * 2**B:
        return 0
    i, f = a >> (B - 4), a & (2 ** (B - 4) - 1)
    product = (X[i + 1] - X[i]) * f
    assert abs(product) < 2**26, product
    return X[i] + (product >> (B - 4))


def total_input(layer: Layer, b: int, a_in: int) -> int:
    """Drive and received input."""
    return i24(b + layer.sign * recurrent(a_in, layer.n["weight_exp"]))


def start(n: dict[str, Any], k: int, x: list[int]) -> int:
    """The state of neuron `k` before the first update, for the image `x`."""
    if "startWeight" not in n:
        return n["uInit"][k] if "uInit" in n else 0
    p0 = sum(w * pixel for w, pixel in zip(n["startWeight"][k], x, strict=True))
    q0 = p0 << n["start_exp"] if n["start_exp"] >= 0 else p0 >> -n["start_exp"]
    v0 = q0 + n["startBias"][k]
    return clip(v0 - n["startMargin"] * (v0 < n["startThreshold"]), n["uMin"], n["uMax"])


def log_rate(net: Layers, layer: Layer, k: int, t: int, u: int, z: int, total: int) -> int:
    """The log-rate of Poisson neuron `k` at row `t`, from its last one and its last count."""
    n = layer.n
    u_init, umin, umax = n["uInit"][k], n["uMin"], n["uMax"]
    if n["memory"] == 1:
        if t == 0:
            return u
        own = self_inhibition(n["selfWeight"][k], z)
        v = i24(u + clip(i24(total - own), n["duMin"], n["duMax"]))
        return clip(v, umin, umax)
    v = i24(u_init + clip(total, n["duMin"], n["duMax"]))
    if n["ceiling"] == 1:
        fall = bump(net.tables["ipvae/tables/ceiling"], abs(i24(umax - v)), n["fracBits"])
        v = i24(min(v, umax) - fall)
    return clip(v, umin, umax)


def graded_state(layer: Layer, t: int, u: int, total: int) -> int:
    """The state of a graded neuron at row `t`."""
    leak = layer.n["leak"]
    if leak == 0:
        return total
    return i24(u + (i24(total - u) >> leak)) if t > 0 else 0


def graded_message(net: Layers, layer: Layer, u: int) -> int:
    """What a graded neuron sends."""
    n = layer.n
    y = u
    if layer.swish:
        y = max(u, 0) - bump(net.tables["ipvae/tables/swish"], abs(u), 12)
    y = y - clip(y, -n["threshold"], n["threshold"])
    half = 2 ** (n["shift"] - 1) if n["shift"] > 0 else 0
    return clip(i24(y + half) >> n["shift"], n["zMin"], n["zMax"])


def drive(net: Layers, layer: Layer, x: list[int]) -> list[int]:
    """The drive of a layer's neurons for one image."""
    require(len(x) == net.n_pixels, "an image of another size")
    require(all(net.lo <= pixel <= net.hi for pixel in x), "a pixel is out of range")
    if layer.image_weight is None:
        return list(layer.bias)
    b = []
    for k, row in enumerate(layer.image_weight):
        given = (row, x) if isinstance(row, list) else ([row], [x[k]])
        b.append(drive_of(*given, layer.ed, layer.bias[k]))
    return b


def run_image(
    net: Layers, stream: list[list[int]], n_steps: int, seed: int, index: int, hold: int
) -> dict[int, Sample]:
    """One stream, rows 0 .. `n_steps` of every layer; an image is a stream of one frame."""
    samples: dict[int, Sample] = {number: {"a_in": [], "u": [], "z": []} for number in net.layers}
    drives = {n: [drive(net, layer, x) for x in stream] for n, layer in net.layers.items()}
    image = key(seed, index)
    in_order = sorted(net.layers, key=lambda number: net.layers[number].phase)
    for t in range(n_steps + 1):
        for number in in_order:
            layer, found = net.layers[number], samples[number]
            receives = layer.source and t >= layer.lag
            inputs = samples[layer.source]["z"][t - layer.lag] if receives else None
            b = drives[number][frame(t, layer.lag, len(stream), hold)]
            row = act(net, layer, t, b, inputs, found, (image, stream[0]))
            for name, numbers in zip(("a_in", "u", "z"), row, strict=True):
                found[name].append(numbers)
    return samples


def act(
    net: Layers, layer: Layer, t: int, b: Ints, inputs: Ints | None, before: Sample, image: Image
) -> tuple[Ints, Ints, Ints]:
    """Row `t` of a layer, `a_in`, `u` and `z`, from what it receives and its rows `before`."""
    K = len(layer.bias)
    input_rows = layer.V if layer.V is not None and inputs is not None else []
    a_in = [receive(row, inputs or []) for row in input_rows] or [0] * K
    last_u = before["u"][-1] if t > 0 else [start(layer.n, k, image[1]) for k in range(K)]
    last_z = before["z"][-1] if t > 0 else [0] * K
    totals = [total_input(layer, b[k], a_in[k]) for k in range(K)]
    if not layer.poisson:
        u = [graded_state(layer, t, last_u[k], totals[k]) for k in range(K)]
        return a_in, u, [graded_message(net, layer, v) for v in u]
    u = [log_rate(net, layer, k, t, last_u[k], last_z[k], totals[k]) for k in range(K)]
    n, A, z = layer.n, net.tables["ipvae/sampler/thresholds"], []
    for k in range(K):
        neuron = key(0x6E6575726F6E0000 + 1, k)
        total = drawn(A, u[k] >> (n["fracBits"] - 12), image[0], neuron, t)
        z.append(min(total, 2 ** n["messageBits"] - 1))
    return a_in, u, z
