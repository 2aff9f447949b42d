"""Oracle of any network: rows of every variable of every layer, and random networks for it.

It shares nothing with emulator, Lava processes and kinds, but for Poisson and graded neurons, which
are their programs run on integers. Each connection is one matrix; each layer keeps all rows that it
has sent, so that a delay is a look into the past.
"""

import lava_dl_nets as nets  # loaded by tests/conftest.py
import numpy as np
import random_layers  # pyright: ignore[reportMissingImports]

from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.kinds import CubaNeuron, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.kinds.integers import Neurons
from ipvae.network.network import Input, Layer, Network, Pixels


def matrix(weights):
    """Weights of a connection as (n_out, n_in) int64."""
    if isinstance(weights, Dense):
        return weights.weight.astype(np.int64)
    if isinstance(weights, Diagonal):
        return np.diag(weights.weight.astype(np.int64))
    layer = {
        "type": "conv",
        "shape": weights.shape,
        "weight": weights.weight,
        "stride": weights.stride,
        "padding": weights.padding,
        "dilation": weights.dilation,
        "groups": weights.groups,
    }
    return nets.connections(layer, weights.in_shape)[1]


class DrivenOracle:
    """Poisson or graded neurons by their program, with the drive of each row's pixels."""

    def __init__(self, layer, pixels, key):
        kind, biases = layer.neuron, layer.biases.astype(np.int64)
        self.drives = [biases] * len(pixels)
        if layer.drive is not None:
            sums = [matrix(layer.drive.weights) @ row.astype(np.int64) for row in pixels]
            shifted = [np.floor(p * 2.0**layer.drive.exponent).astype(np.int64) for p in sums]
            self.drives = [np.clip(q + biases, 1 - 2**21, 2**21 - 1) for q in shifted]
        values = kind.constants() | kind.neuron_constants(biases) | kind.start(len(biases))
        if kind.draws:
            values |= {"image_a": key[0], "image_b": key[1]}
        self.neurons, self.row, self.states = Neurons(kind.program(), len(biases), values), 0, {}

    def step(self, a_in):
        """Messages of one row."""
        self.neurons.values["drive"] = self.drives[self.row % len(self.drives)]
        self.row += 1
        z = self.neurons.step(a_in)
        self.states = {"u": self.neurons.values["u"]}
        return z


def neurons(layer, pixels=None, key=(0, 0)):
    """Oracle of the neurons of a layer, at rest."""
    kind = layer.neuron
    if kind.driven:
        return DrivenOracle(layer, pixels, key)
    if isinstance(kind, CubaNeuron):
        neuron = nets.cuba(kind.threshold, kind.current_decay, kind.voltage_decay)
        make = nets.CubaOracle
    elif isinstance(kind, SigmaNeuron):
        neuron, make = nets.sdnn(sigma_output=True), nets.SigmaDeltaOracle
    else:
        neuron = nets.sdnn(kind.threshold, activation=kind.activation)
        make = nets.SigmaDeltaOracle
    bias = None if layer.bias is None else np.asarray(layer.bias)
    return make({"shape": layer.shape, "bias": bias, "neuron": neuron})


def phases(network):
    """Least chip steps for which every synapse has one; else without delayed synapses."""
    edges = [(c.source, x.id, int(np.min(c.delay))) for x in network.layers for c in x.connections]
    for chosen in (edges, [edge for edge in edges if edge[2] == 0]):
        found = {"0": 0} | {layer.id: 0 for layer in network.layers}
        for _ in range(2 * len(found)):
            late = [(s, t, d) for s, t, d in chosen if found[t] < found[s] + 1 - d]
            for source, target, delay in late:
                found[target] = found[source] + 1 - delay
        if not late:
            return {layer.id: found[layer.id] for layer in network.layers}
    raise AssertionError("a loop without a delay")


def row_order(network):
    """Ids of layers, each after its sources of the same row."""
    order = []
    while len(order) < len(network.layers):
        for layer in network.layers:
            direct = {c.source for c in layer.connections if np.min(c.delay) == 0}
            if layer.id not in order and direct <= {"0", *order}:
                order.append(layer.id)
    return order


def free_runs(network):
    """Whether layers update from the first chip step of a sample on."""
    entry = network.input.neuron
    kinds = [layer.neuron for layer in network.layers]
    cuba = all(kind.driven or isinstance(kind, CubaNeuron) for kind in kinds)
    return not cuba or not (entry is None or isinstance(entry, CubaNeuron))


def wrapped(values):
    """Words of 32 bits."""
    return (values + 2**31) % 2**32 - 2**31


def simulate(network, messages, pixels=None, key=(0, 0)):
    """All rows of every variable of every layer for one sample, from rest.

    Parameters
    ----------
    network : Network
    messages : (rows, n_inputs) int
        What the input sends.
    pixels : (1 or rows, n_inputs) int
        What the host computes drives from.
    key : words of the image

    Returns
    -------
    dict of layer id -> dict of variable -> (rows, n) int64, lead-in rows first
    """
    phase, free = phases(network), free_runs(network)
    early = {name: free and not network.by_id[name].neuron.driven for name in phase}
    first = {"0": 0} | {name: -p if early[name] else 0 for name, p in phase.items()}
    sent = {"0": list(messages.astype(np.int64))} | {name: [] for name in phase}
    oracles = {layer.id: neurons(layer, pixels, key) for layer in network.layers}
    matrices = {
        (layer.id, i): matrix(c.weights)
        for layer in network.layers
        for i, c in enumerate(layer.connections)
    }
    rows = {layer.id: [] for layer in network.layers}
    order = row_order(network)

    def received(name, i, connection, t):
        """What one connection brings in row t."""
        delays = np.broadcast_to(connection.delay, connection.weights.n_out)
        total = np.zeros(connection.weights.n_out, np.int64)
        for delay in set(delays.tolist()):
            row = t - delay - first[connection.source]
            if 0 <= row < len(sent[connection.source]):
                sums = matrices[name, i] @ sent[connection.source][row]
                total[delays == delay] = sums[delays == delay]
        if isinstance(connection.weights, Convolution) and network.message_bits(connection.source):
            total = (total + 2**23) % 2**24 - 2**23
        return wrapped(np.floor(wrapped(total) * 2.0**connection.exponent).astype(np.int64))

    for t in range(min(first.values()), len(messages)):
        for name in order:
            if t < first[name]:
                continue
            layer, oracle = network.by_id[name], oracles[name]
            parts = [received(name, i, c, t) for i, c in enumerate(layer.connections)]
            a_in = wrapped(sum(parts, np.zeros(layer.n_neurons, np.int64)))
            z = oracle.step(a_in)
            sent[name].append(z)
            rows[name].append({"a_in": a_in, **oracle.states, "z": z})
    return {
        name: {variable: np.stack([row[variable] for row in of]) for variable in of[0]}
        for name, of in rows.items()
    }


def random_network(rng, kinds=("CUBA", "SDNN"), loops=True):
    """A random network of three or four layers: any connections, skipped layers, delays, loops."""
    shape = (4, int(rng.integers(4, 8)), int(rng.integers(4, 8)))
    sizes: dict[str, tuple[int, ...]] = {"0": shape}
    layers = []
    n_layers = int(rng.integers(3, 5))
    for number in range(1, n_layers + 1):
        name, before = str(number), str(number - 1)
        family = str(rng.choice(kinds))
        weights = _random_weights(rng, sizes[before], number)
        connections = [Connection(before, weights, _exponent(rng, weights))]
        n_out = weights.n_out
        if rng.random() < 0.6:  # a second sender: an earlier layer, or the same one again
            source = str(rng.integers(0, number))
            more = Dense(rng.integers(-30, 31, (n_out, int(np.prod(sizes[source])))))
            delay = rng.choice([0, 1, 3]) if loops else 0
            connections.append(Connection(source, more, int(rng.integers(-2, 1)), int(delay)))
        if loops and rng.random() < 0.5:
            of_each = rng.integers(0, 5, n_out)
            more = Dense(rng.integers(-30, 31, (n_out, int(np.prod(sizes[before])))))
            connections.append(Connection(before, more, delay=of_each))
        if loops and family == "CUBA" and rng.random() < 0.7:
            own = Diagonal(rng.integers(-60, 20, n_out))
            connections.append(Connection(name, own, delay=int(rng.integers(1, 4))))
        layers.append(_random_layer(rng, name, family, connections, number == n_layers))
        sizes[name] = weights.shape
    return Network(Input(shape, graded="SDNN" in kinds), tuple(layers))


def tangled_network(rng, kinds):
    """A small random network: flat and (C, H, W) layers in any order, up to four senders each."""
    size = int(rng.choice([6, 12, 16, 20, 24]))
    shapes: dict[str, tuple[int, ...]] = {"0": (size,) if rng.random() < 0.5 else _maps(rng, size)}
    received, layers = {}, []
    for number in range(1, int(rng.integers(2, 6))):
        name, connections, n_out = str(number), [], 0
        family = str(rng.choice(kinds))
        if family in random_layers.DRIVEN:
            layers.append(random_layers.driven(rng, name, family, shapes, layers))
            shapes[name] = layers[-1].shape
            continue
        for _ in range(int(rng.integers(1, 4))):
            source = str(rng.integers(max(0, number - 2), number))
            sent = shapes[source]
            n_in = int(np.prod(sent))
            weights, choice = None, rng.random()
            if not n_out and choice < 0.5:
                weights = _small_conv(
                    rng, sent if len(sent) == 3 else received.setdefault(source, _maps(rng, n_in))
                )
            elif choice < 0.8 and n_out in (0, n_in):
                weights = Diagonal(rng.integers(-60, 90, n_in))
            if weights is None:
                weights = Dense(rng.integers(-30, 50, (n_out or int(rng.choice([6, 12])), n_in)))
            n_out = weights.n_out
            delay = int(rng.choice([0, 0, 1, 3]))
            if isinstance(weights, Dense) and rng.random() < 0.3:
                delay = rng.integers(int(rng.integers(0, 2)), 5, n_out)
            connections.append(Connection(source, weights, _exponent(rng, weights), delay))
        if family == "CUBA" and rng.random() < 0.4:
            own = Diagonal(rng.integers(-60, 30, n_out))
            connections.append(Connection(name, own, delay=int(rng.integers(1, 4))))
        rng.shuffle(connections)
        layer = _random_layer(rng, name, family, connections, rng.random() < 0.2)
        layers.append(layer)
        shapes[name] = layer.shape
    driven = any(kind in random_layers.DRIVEN for kind in kinds)
    pixels = Pixels(-300, 300) if driven else None
    return Network(
        Input(shapes["0"], graded=driven or "SDNN" in kinds, pixels=pixels), tuple(layers)
    )


def _maps(rng, n):
    """A random (C, H, W) of n neurons."""
    channels = int(rng.choice([c for c in range(1, n + 1) if n % c == 0]))
    rest = n // channels
    height = int(rng.choice([h for h in range(1, rest + 1) if rest % h == 0]))
    return channels, height, rest // height


def _small_conv(rng, shape):
    groups = int(rng.choice([g for g in (1, 2, 3) if shape[0] % g == 0]))
    kernel = [int(rng.integers(1, min(size, 3) + 1)) for size in shape[1:]]
    weight = rng.integers(-9, 30, (groups * int(rng.integers(1, 4)), shape[0] // groups, *kernel))
    pairs = [tuple(rng.integers(low, high, 2).tolist()) for low, high in ((1, 3), (0, 2))]
    return Convolution(weight, shape, stride=pairs[0], padding=pairs[1], groups=groups)


def _exponent(rng, weights):
    return 0 if isinstance(weights, Convolution) else int(rng.integers(-2, 2))


def _random_weights(rng, shape, number):
    if len(shape) == 3 and number < 3:
        groups = int(rng.choice([1, 2]))
        kernel = (4, shape[0] // groups, int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        pairs = {
            "stride": tuple(rng.integers(1, 3, 2).tolist()),
            "padding": tuple(rng.integers(1, 3, 2).tolist()),
            "dilation": tuple(rng.integers(1, 3, 2).tolist()),
        }
        return Convolution(rng.integers(-9, 13, kernel), shape, groups=groups, **pairs)
    return Dense(rng.integers(-25, 31, (6, int(np.prod(shape)))))


def _random_layer(rng, name, family, connections, last):
    shape = max((connection.weights.shape for connection in connections), key=len)
    if family == "CUBA":
        decays = rng.choice([0, 700, 4096]), rng.choice([0, 333, 4096])
        neuron = CubaNeuron(int(rng.integers(1, 20)), *(int(d) for d in decays))
        bias = rng.integers(-8, 20, shape[0])
    elif last and rng.random() < 0.5:
        return Layer(name, SigmaNeuron(), tuple(connections))
    else:
        activation = str(rng.choice(["relu", "identity"]))
        neuron = SigmaDeltaNeuron(int(rng.integers(0, 3)), activation)
        bias = rng.integers(-3, 4, shape[0])
    return Layer(name, neuron, tuple(connections), bias)


def random_messages(rng, network, n_steps):
    """Messages of one sample: (n_steps, n_inputs) int32."""
    low, high = (-300, 300) if network.input.graded else (0, 2)
    return rng.integers(low, high, (n_steps, network.input.size)).astype(np.int32)
