"""lava-dl networks for tests: written as lava-dl writes them, and a slow oracle of them.

The oracle is written from the sources of Lava's fixed-point processes and shares nothing with what
it judges. It turns every layer into one matrix, a convolution too, by looping over its outputs and
kernel. `simulate` steps the neurons of a chain together, as the chip does; tests/support/
network_oracle.py computes the rows of any network.
"""

import importlib.metadata
from pathlib import Path

import h5py
import numpy as np


def wheel_folder() -> Path:
    """Folder of the networks and golden outputs that lava-dl's wheel installs."""
    files = importlib.metadata.distribution("lava-dl")
    return Path(str(files.locate_file("tests/lava/lib/dl/netx")))


def cuba(threshold=40, current_decay=4096, voltage_decay=512, **more):
    return {
        "type": "CUBA",
        "iDecay": current_decay,
        "vDecay": voltage_decay,
        "vThMant": threshold,
        "refDelay": 1,
        "gradedSpike": False,
        **more,
    }


def sdnn(threshold=1, **more):
    return {"type": "SDNN", "activation": "relu", "vThMant": threshold, **more}


def entry(shape, neuron=None, **more):
    return {"type": "input", "shape": np.array(shape), "neuron": neuron, **more}


def flatten(n):
    return {"type": "flatten", "shape": np.array([n, 1, 1])}


def dense(weight, neuron=None, bias=None, **more):
    weight = np.asarray(weight)
    layer = {
        "type": "dense",
        "shape": np.array([weight.shape[0]]),
        "inFeatures": weight.shape[-1],
        "outFeatures": weight.shape[0],
        "weight": weight.astype(np.float32),
        "bias": None if bias is None else np.asarray(bias, np.float32),
        "neuron": neuron,
    }
    return layer | more


def conv(
    weight, in_shape, neuron=None, bias=None, stride=1, padding=0, dilation=1, groups=1, **more
):
    weight = np.asarray(weight)
    layer = {
        "type": "conv",
        "inChannels": weight.shape[1] * groups,
        "outChannels": weight.shape[0],
        "kernelSize": np.array(weight.shape[2:4]),
        "stride": np.broadcast_to(stride, 2).copy(),
        "padding": np.broadcast_to(padding, 2).copy(),
        "dilation": np.broadcast_to(dilation, 2).copy(),
        "groups": groups,
        "weight": weight.astype(np.float32),
        "bias": None if bias is None else np.asarray(bias, np.float32),
        "neuron": neuron,
    }
    return layer | {"shape": np.array(out_shape(layer, in_shape))} | more


def out_shape(layer, in_shape):
    sizes = [
        (n + 2 * pad - dil * (k - 1) - 1) // stride + 1
        for n, k, stride, pad, dil in zip(
            in_shape[1:],
            layer["weight"].shape[2:4],
            layer["stride"],
            layer["padding"],
            layer["dilation"],
            strict=True,
        )
    ]
    return (layer["weight"].shape[0], *sizes)


def write(path, layers):
    """Write layers as lava-dl's `export_hdf5` does: text of any length, true and false, floats."""
    with h5py.File(path, "w") as file:
        file["simulation/Ts"] = 1
        for i, layer in enumerate(layers):
            for key, value in layer.items():
                if key == "type":
                    file.create_dataset(f"layer/{i}/type", (1,), "S10", [value.encode()])
                elif key == "neuron":  # a layer may have none
                    for name, number in (value or {}).items():
                        file[f"layer/{i}/neuron/{name}"] = number
                elif value is not None:
                    file[f"layer/{i}/{key}"] = value
    return path


def connections(layer, in_shape):
    """Stored synapses and their weights, both (n_out, n_in), of one layer."""
    weight = layer["weight"].astype(np.int64)
    if layer["type"] == "dense":
        return np.ones(weight.shape, bool), weight
    channels, rows, columns = (int(n) for n in layer["shape"])
    stored = np.zeros((channels, rows, columns, *in_shape), bool)
    matrix = np.zeros(stored.shape, np.int64)
    groups = layer["groups"]
    in_each, out_each = weight.shape[1], weight.shape[0] // groups
    for o, y, x in np.ndindex(channels, rows, columns):
        for i, ky, kx in np.ndindex(weight.shape[1:4]):
            from_y = y * layer["stride"][0] - layer["padding"][0] + ky * layer["dilation"][0]
            from_x = x * layer["stride"][1] - layer["padding"][1] + kx * layer["dilation"][1]
            if 0 <= from_y < in_shape[1] and 0 <= from_x < in_shape[2]:
                place = (o, y, x, o // out_each * in_each + i, from_y, from_x)
                stored[place] = True
                matrix[place] = weight[o, i, ky, kx]
    n_in = int(np.prod(in_shape))
    return stored.reshape(-1, n_in), matrix.reshape(-1, n_in)


def all_connections(layers):
    """Number in the file -> connections of each layer with synapses."""
    shape, found = tuple(layers[0]["shape"]), {}
    for i, layer in enumerate(layers):
        if layer["type"] in ("dense", "conv"):
            found[str(i)] = connections(layer, shape)
        shape = tuple(layer["shape"])
    return found


def bias_of(layer):
    n = int(np.prod(layer["shape"]))
    if layer["bias"] is None:
        return np.zeros(n, np.int64)
    return np.repeat(layer["bias"].astype(np.int64), n // len(layer["bias"]))


class CubaOracle:
    """Neurons of Lava's LIF, written from its documentation."""

    def __init__(self, layer):
        self.bias, self.neuron = bias_of(layer), layer["neuron"]
        if self.neuron is None:
            self.neuron = cuba(threshold=2**17, current_decay=0, voltage_decay=4096)
        self.u, self.v = np.zeros((2, len(self.bias)), np.int64)

    @property
    def states(self):
        return {"current": self.u, "voltage": self.v}

    def step(self, a):
        fade = lambda x, decay: np.trunc(x * (4096 - decay) / 4096).astype(np.int64)  # noqa: E731
        u = int32(fade(self.u, self.neuron["iDecay"]) + 64 * a)
        self.u = u - 2**24 * (u > 2**23) + 2**24 * (u <= -(2**23))
        v = fade(self.v, self.neuron["vDecay"]) + self.u + 64 * self.bias
        v = np.clip(v, 1 - 2**23, 2**23 - 1)
        spikes = v > 64 * self.neuron["vThMant"]
        self.v = np.where(spikes, 0, v)
        return spikes.astype(np.int64)


def int32(x):
    """What NumPy's 32-bit integers hold of a number."""
    return (x + 2**31) % 2**32 - 2**31


class SigmaDeltaOracle:
    """Lava's SigmaDelta, or its Sigma; sums wrap as its 32-bit integers do."""

    def __init__(self, layer):
        self.bias, self.neuron = bias_of(layer) * 4096, layer["neuron"]
        self.sigma, self.act, self.residue = np.zeros((3, len(self.bias)), np.int64)

    @property
    def states(self):
        return {"sigma": self.sigma, "residue": self.residue, "reference": self.act}

    def step(self, a):
        self.sigma = int32(self.sigma + a)
        if self.neuron.get("sigma_output"):
            return self.sigma
        act = int32(self.sigma + self.bias)
        if self.neuron["activation"] == "relu":
            act = np.maximum(act, 0)
        delta = int32(int32(act - self.act) + self.residue)
        sent = np.where(int32(np.abs(delta)) >= 4096 * self.neuron["vThMant"], delta, 0)
        self.act, self.residue = act, delta - sent
        return sent >> 6


def simulate(layers, messages):
    """Every layer's messages at every step of the chip for one sample, from rest.

    Returns
    -------
    dict of number -> (steps + layers, n) int64: row t is step t of the chip, and layer l receives
    what the layer before sent in the step before. A CUBA layer is set back to rest before row l.
    """
    synapses = all_connections(layers)
    kinds = [layers[int(i)]["neuron"] for i in synapses]
    sigma_delta = any(kind is not None and kind["type"] == "SDNN" for kind in kinds)
    oracle = SigmaDeltaOracle if sigma_delta else CubaOracle
    neurons = {i: oracle(layers[int(i)]) for i in synapses}
    n_rows = len(messages) + len(synapses)
    sent = {"0": np.zeros((n_rows, messages.shape[1]), np.int64)}
    sent["0"][: len(messages)] = messages
    for i, (stored, _) in synapses.items():
        sent[i] = np.zeros((n_rows, len(stored)), np.int64)
    names = list(sent)
    for t in range(n_rows):
        for depth, (i, (_, matrix)) in enumerate(synapses.items(), 1):
            if t == depth and not sigma_delta:
                neurons[i] = oracle(layers[int(i)])
            presynaptic = (
                sent[names[depth - 1]][t - 1] if t else np.zeros(matrix.shape[1], np.int64)
            )
            sent[i][t] = neurons[i].step(matrix @ presynaptic)
    return sent


def windows(layers, sent, n_steps):
    """Rows that belong to a sample: n_steps of a CUBA layer, all up to the answer else."""
    numbers = [i for i in sent if i != "0"]
    first = [layers[int(i)]["neuron"] for i in numbers if layers[int(i)]["neuron"]]
    sigma_delta = bool(first) and first[0]["type"] == "SDNN"
    return {
        i: sent[i][0 if sigma_delta else depth : depth + n_steps]
        for depth, i in enumerate(numbers, 1)
    }


def random_layers(rng, family):
    """A random small network: two convolutions, a flatten, two dense layers."""
    neuron = (
        (lambda: sdnn(int(rng.integers(0, 3))))
        if family == "SDNN"
        else (
            lambda: cuba(
                int(rng.integers(1, 20)),
                int(rng.choice([0, 700, 4096])),
                int(rng.choice([0, 333, 4096])),
            )
        )
    )
    shape = (4, int(rng.integers(6, 10)), int(rng.integers(6, 10)))
    layers = [entry(shape)]
    for c_out, groups in ((6, 2), (3, 1)):
        kernel = (c_out, shape[0] // groups, int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        layer = conv(
            rng.integers(-9, 10, kernel),
            shape,
            neuron(),
            rng.integers(-8, 9, c_out),
            stride=rng.integers(1, 3, 2),
            padding=rng.integers(0, 3, 2),
            dilation=rng.integers(1, 3, 2),
            groups=groups,
        )
        layers.append(layer)
        shape = tuple(int(n) for n in layer["shape"])
    n = int(np.prod(shape))
    layers.append(flatten(n))
    layers.append(dense(rng.integers(-20, 21, (7, n)), neuron(), rng.integers(-30, 31, 7)))
    last = sdnn(sigma_output=True) if family == "SDNN" else None
    layers.append(dense(rng.integers(-127, 128, (5, 7)), last))
    return layers
