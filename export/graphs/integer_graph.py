"""An integer network as a NIR graph: integers as exact floats, their widths in the metadata."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nir
import numpy as np

from ipvae.errors import InputError
from ipvae.export.graphs.integer_neurons import (
    DT,
    NeuronTerms,
    neuron_terms,
    nodes_of,
    require_threshold,
)
from ipvae.files import atomic_path
from ipvae.float_models.nir_graph.graph import NirGraph, Node
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.io.hdf5_output import Output
from ipvae.network.io.network_file import checksum
from ipvae.network.network import INPUT, Layer, Network

FORMAT, VERSION = "ipvae-loihi integer network", 1
WEIGHT_WIDTH = 8
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class IntegerGraph:
    """Nodes, edges and metadata of an integer network.

    Attributes
    ----------
    nodes : dict of str -> node of the package nir
    edges : list of (source, target)
    metadata : dict
    lost : tuple of str
        Rules of the integers that the nodes do not have.
    """

    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    metadata: dict[str, Any]
    lost: tuple[str, ...]


def integer_graph(network: Network) -> IntegerGraph:
    """Return the graph of a network.

    Raises
    ------
    InputError
        If NIR has no node for a layer or a connection, with its name and the nearest thing.
    """
    return _Builder(network).build()


class _Builder:
    def __init__(self, network: Network) -> None:
        self.network, self.lost = network, []
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, Shape] = {INPUT: network.input.shape}
        self.senders: dict[str, str] = {INPUT: "input"}
        self.terms: dict[str, NeuronTerms] = {}
        self.ends: dict[tuple[str, int], str] = {}

    def build(self) -> IntegerGraph:
        network = self.network
        self._input()
        layers = [network.by_id[name] for name in network.schedule.order]
        for layer in layers:
            where = f"layer {layer.id}"
            self.terms[layer.id] = neuron_terms(where, layer.neuron, layer.biases)
            require_threshold(where, self.terms[layer.id])
            planes = all(_keeps_planes(c, network) for c in layer.connections)
            self.shapes[layer.id] = layer.shape if planes else (layer.n_neurons,)
        biased = {layer.id: self._bearer(layer) for layer in layers}
        for layer in layers:
            self._neurons(layer, biased[layer.id])
        for layer in layers:
            for number, connection in enumerate(layer.connections):
                self._connection(layer, number, connection, biased[layer.id] == number)
        self._outputs()
        self._delays()
        metadata = self._metadata()
        return IntegerGraph(self.nodes, self.edges, metadata, tuple(self.lost))

    def _input(self) -> None:
        entry = self.network.input
        self.nodes["input"] = nir.Input({"input": np.array(entry.shape)})
        if entry.neuron is None:
            return
        terms = neuron_terms("the input", entry.neuron, np.zeros(entry.size, np.int32))
        self.terms[INPUT], self.senders[INPUT] = terms, "input_neurons"
        self.nodes |= nodes_of("input_neurons", terms, entry.shape, False)
        self.edges.append(("input", next(n for n in self.nodes if n.startswith("input_neurons"))))

    def _bearer(self, layer: Layer) -> int | None:
        """Number of the connection whose node has the bias; None: none, or the leak potential."""
        terms = self.terms[layer.id]
        if not terms.bias.any() or (terms.has_current and not terms.bias_to_current):
            return None
        for number, c in enumerate(layer.connections):
            conv = isinstance(c.weights, Convolution)
            by_channel = conv and layer.bias is not None and len(layer.bias) == layer.shape[0]
            if c.longest_delay == 0 and (isinstance(c.weights, Dense) or by_channel):
                return number
        if terms.has_current:
            raise InputError(
                f"layer {layer.id}: a bias of the current and no dense or convolutional connection "
                "without delay, which NIR needs for it; network.save('net.h5') keeps it"
            )
        return None

    def _neurons(self, layer: Layer, bearer: int | None) -> None:
        terms, name = self.terms[layer.id], f"layer_{layer.id}"
        leak = bearer is None and bool(terms.bias.any())
        self.nodes |= nodes_of(name, terms, self.shapes[layer.id], leak)
        self.senders[layer.id] = name
        if f"{name}_potential" in self.nodes:
            self.edges.append((f"{name}_potential", name))

    def _connection(self, layer: Layer, number: int, c: Connection, bears: bool) -> None:
        own, target = f"weights_{layer.id}_{number}", f"layer_{layer.id}"
        target = f"{target}_potential" if f"{target}_potential" in self.nodes else target
        before, shape = self.senders[c.source], self.shapes[c.source]
        bias = self.terms[layer.id].bias if bears else None
        if isinstance(c.weights, Dense) and len(shape) > 1:
            flat = f"{own}_flat"
            self.nodes[flat] = nir.Flatten({"input": np.array(shape)}, 0, len(shape) - 1)
            self.edges.append((before, flat))
            before = flat
        self.nodes[own] = self._weights(layer, c, shape, bias)
        self.edges.append((before, own))
        last = own
        if len(self.shapes[layer.id]) == 1 and len(_made(c, shape)) > 1:
            last = f"{own}_flat"
            made = _made(c, shape)
            self.nodes[last] = nir.Flatten({"input": np.array(made)}, 0, len(made) - 1)
            self.edges.append((own, last))
        self.edges.append((last, target))
        self.ends[layer.id, number] = last
        if c.exponent < 0:
            self.lost.append(
                f"layer {layer.id}: sums from {c.source} are rounded down to multiples of "
                f"2^{-c.exponent}"
            )

    def _weights(self, layer: Layer, c: Connection, shape: Shape, bias: np.ndarray | None) -> Any:
        weights, where = c.weights, f"layer {layer.id}"
        real = _exact(weights.weight * 2.0**c.exponent, where)
        facts = {"width": WEIGHT_WIDTH, "exponent": c.exponent, "rounding": "down"}
        if isinstance(weights, Convolution):
            if shape != weights.in_shape:
                raise InputError(
                    f"{where}: a convolution of {weights.in_shape} receives {shape}, which NIR "
                    "cannot reshape; network.save('net.h5') keeps it"
                )
            if bias is None and c.exponent == 0 and _is_pooling(weights):
                kernel = weights.weight.shape[2:]
                terms = (np.array(kernel), np.array(weights.stride), np.array(weights.padding))
                return nir.SumPool2d(*terms, metadata=facts)
            each = np.zeros(len(real)) if bias is None else bias.reshape(len(real), -1)[:, 0]
            return nir.Conv2d(
                *(
                    (weights.in_shape[1], weights.in_shape[2]),
                    real,
                    weights.stride,
                    weights.padding,
                    weights.dilation,
                ),
                groups=weights.groups,
                bias=_exact(each, where),
                metadata=facts,
            )
        if isinstance(weights, Diagonal):
            return nir.Scale(real.reshape(shape), metadata=facts)
        if bias is None:
            return nir.Linear(real, metadata=facts)
        return nir.Affine(real, _exact(bias, where), metadata=facts)

    def _outputs(self) -> None:
        for layer in self.network.readouts:
            last = layer is self.network.readout
            name = "output" if last else f"output_{layer.id}"
            self.nodes[name] = nir.Output({"output": np.array(self.shapes[layer.id])})
            self.edges.append((self.senders[layer.id], name))

    def _delays(self) -> None:
        """Insert Delay nodes; an edge that closes a loop is one step late by itself."""
        ends = {"Input": "Input", "Output": "Output"}
        plain = {
            name: Node(name, ends.get(type(n).__name__, "Same")) for name, n in self.nodes.items()
        }
        late = NirGraph(plain, tuple(self.edges)).feedback
        for layer in self.network.layers:
            for number, c in enumerate(layer.connections):
                self._delay(layer, number, c, late)

    def _delay(self, layer: Layer, number: int, c: Connection, late: frozenset) -> None:
        own, last = f"weights_{layer.id}_{number}", self.ends[layer.id, number]
        chain = [own, f"{own}_flat", last]
        closes = any(a in chain or b in chain for a, b in late)
        if closes and c.least_delay == 0:
            raise InputError(
                f"layer {layer.id}: its connection from {c.source} without delay closes a loop "
                "whose delay is elsewhere, which NIR cannot order; network.save('net.h5') keeps it"
            )
        steps = np.broadcast_to(np.asarray(c.delay) - closes, (layer.n_neurons,))
        if not steps.any():
            return
        place = next(i for i, edge in enumerate(self.edges) if edge[0] == last)
        name, target = f"delay_{layer.id}_{number}", self.edges[place][1]
        self.nodes[name] = nir.Delay((steps * DT).reshape(self.shapes[layer.id]))
        self.edges[place : place + 1] = [(last, name), (name, target)]

    def _metadata(self) -> dict[str, Any]:
        rounding = [name for name, terms in self.terms.items() if terms.rounds]
        for name in rounding:
            bound = self.terms[name].bound
            self.lost.append(
                f"layer {name}: products of the decays are rounded toward zero"
                + (f"; voltages differ by less than {bound:.4g}" if math.isfinite(bound) else "")
            )
        self.lost.append("states of 24 bits: currents wrap or saturate and voltages saturate")
        pixels = self.network.input.pixels
        if pixels is not None:
            self.lost.append(f"an input of 1 is {pixels.scale:g} of the images")
        return {
            "integers": FORMAT,
            "integers_version": VERSION,
            "checksum": checksum(self.network),
            "origin": self._origin(),
            "dt": DT,
            "lost": "\n".join(self.lost),
        }

    def _origin(self) -> str:
        """Convention of all layers in the words of `convention_of`."""
        found = {name: terms.convention for name, terms in self.terms.items()}
        known = {name: one for name, one in found.items() if one is not None}
        if not known:
            return f"nir,dt={DT:g}"
        first = next((n for n, one in known.items() if one[3] is not None), next(iter(known)))
        for name, one in known.items():
            if one[:3] != known[first][:3] or one[3] not in (None, known[first][3]):
                raise InputError(
                    f"layer {name}: resets otherwise than layer {first}, allowed is one rule for a "
                    "graph, as NIR's nodes do not hold it; network.save('net.h5') keeps it"
                )
        reset, next_row, most, reaches = known[first]
        words = [f"nir,dt={DT:g}", f"reset={reset}"]
        words += ["reset_delay=yes"] * next_row + [f"spikes={most}"] * (most > 1)
        return ",".join([*words, *["reaches=yes"] * bool(reaches)])


def _made(c: Connection, shape: Shape) -> Shape:
    """Shape of what a connection's node sends."""
    return shape if isinstance(c.weights, Diagonal) else tuple(c.weights.shape)


def _keeps_planes(c: Connection, network: Network) -> bool:
    if isinstance(c.weights, Diagonal):
        return len(network.shape_of(c.source)) == 3
    return isinstance(c.weights, Convolution)


def _is_pooling(weights: Convolution) -> bool:
    single = weights.weight.shape[1] == 1 and weights.groups == len(weights.weight)
    return single and weights.dilation == (1, 1) and bool((weights.weight == 1).all())


def _exact(values: np.ndarray, where: str) -> np.ndarray:
    """Return values as float32.

    Raises
    ------
    InputError
        If one of them is not exact.
    """
    found = values.astype(np.float32)
    if (found.astype(np.float64) != values).any():
        raise InputError(
            f"{where}: a weight or bias needs more than the 24 bits of float32; "
            "network.save('net.h5') keeps it"
        )
    return found


def write_integer_graph(path: str | Path, network: Network, writer: str) -> IntegerGraph:
    """Write a network as NIR.

    Parameters
    ----------
    path : str or Path
    network : Network
    writer : name of the writing program for the file

    Raises
    ------
    InputError
        If NIR has no node for a part, or the file cannot be written.
    """
    found = integer_graph(network)
    metadata = {**found.metadata, "written_by": writer}
    whole = nir.NIRGraph(found.nodes, found.edges, metadata=metadata)
    with atomic_path(path) as temporary, Output(temporary) as output:
        nir.write(cast(Any, output), whole)
    return found
