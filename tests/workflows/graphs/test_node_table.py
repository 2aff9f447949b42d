# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""The table of nodes by tool on the page: each cell is what the code does with such a node."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.errors import FormatError, QuantizationError
from ipvae.float_models.nir_graph.conventions import ORIGINS, convention_of
from ipvae.float_models.nir_graph.graph import NirGraph, Node
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.workflows.graphs.imported import SpikingModel

PAGE = Path(__file__).parents[3] / "docs" / "bring_your_network.md"
EXACT, ROUNDED, NOTED, REFUSED = "exact", "rounded", "noted", "refused"
MOST_DECAY_ERROR = 2.0**-13
"""Half a step of a decay of 12 bits."""
LEAST_SHARE = 0.8
ROWS = dict(
    re.findall(
        r"^\| ([A-Za-z0-9, ]+) ((?:\| (?:exact|rounded|noted|refused) ){7})\|$",
        PAGE.read_text(),
        re.M,
    )
)
TOOLS = ("snntorch", "norse", "sinabs", "spikingjelly", "rockpool", "lava-dl", "nir")
STEPS = 20


def node(name, kind, **values):
    kept = {key: v if isinstance(v, str) else np.asarray(v) for key, v in values.items()}
    return Node(name, kind, kept)


class Tool:
    """Neurons as a tool writes them, with time constants that no decay of 12 bits meets."""

    def __init__(self, name):
        self.name = name
        self.convention = convention_of("nir,dt=1" if name == "nir" else name)
        self.dt = self.convention.dt or 1e-3
        self.tau, self.tau_syn = 7.3 * self.dt, 3.1 * self.dt

    def resistance(self):
        if self.name == "snntorch":
            return self.tau / self.dt
        if self.name == "rockpool":
            return self.tau * np.exp(-self.dt / self.tau) / self.dt
        return 1.0

    def neurons(self, kind, threshold=4.0):
        level = {"v_threshold": threshold} if kind in ("IF", "LIF", "CubaLIF") else {}
        leak = {} if kind in ("I", "IF") else {"v_leak": 0.0}
        if kind == "Threshold":
            return node("n", kind, threshold=threshold)
        if kind in ("I", "IF"):  # the input itself, where Euler's step multiplies it by dt
            alone = self.name in ("norse", "sinabs", "rockpool")
            return node("n", kind, r=1.0 if alone else 1 / self.dt, **level)
        if kind in ("LI", "LIF"):
            return node("n", kind, tau=self.tau, r=self.resistance(), **leak, **level)
        times = {"tau_mem": self.tau, "tau_syn": self.tau_syn}
        return node("n", kind, r=self.resistance(), **times, **leak, **level)


def on_grid(*shape):
    """Weights that 8 bits hold exactly."""
    found = np.random.default_rng(0).integers(-7, 8, shape) / 16
    found.flat[0] = 7.9375  # 127 / 16
    return found


def real(*shape):
    return np.random.default_rng(0).normal(size=shape)


def plane(kind, *tail):
    last = [] if kind == "Conv1d" else [0]
    pairs = {key: [value] * (1 + len(last)) for key, value in (("stride", 1), ("dilation", 1))}
    padding = [1] * (1 + len(last))
    return node("w", kind, weight=real(*tail), bias=real(2), groups=1, padding=padding, **pairs)


FLAT = node("flat", "Flatten", start_dim=0, end_dim=-1)


def chain_of(row, tool):
    """Shape of the input, and the nodes of a row in a chain."""
    spiking = tool.neurons("IF")
    dense = node("w", "Linear", weight=on_grid(5, 6))
    pooled = node("fc", "Linear", weight=on_grid(5, 4))
    pool = {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]}
    return {
        "Input, Output": ([6], [dense, spiking]),
        "Affine": ([6], [node("w", "Affine", weight=real(5, 6), bias=real(5)), spiking]),
        "Linear": ([6], [node("w", "Linear", weight=real(5, 6)), spiking]),
        "Conv1d": ([2, 8], [plane("Conv1d", 2, 2, 3), spiking]),
        "Conv2d": ([2, 5, 5], [plane("Conv2d", 2, 2, 3, 3), spiking]),
        "Flatten": ([1, 2, 3], [FLAT, dense, spiking]),
        "SumPool2d": ([1, 4, 4], [node("p", "SumPool2d", **pool), FLAT, pooled, spiking]),
        "AvgPool2d": ([1, 4, 4], [node("p", "AvgPool2d", **pool), FLAT, pooled, spiking]),
        "Scale": ([6], [node("s", "Scale", scale=np.full(6, 0.5)), dense, spiking]),
        "Delay": ([6], [dense, node("d", "Delay", delay=np.full(5, 2 * tool.dt)), spiking]),
        "Threshold": ([6], [dense, tool.neurons("Threshold")]),
        "recurrent subgraph": ([6], [dense, spiking]),
        "skip": ([6], [dense, spiking]),
    }.get(row, ([6], [dense, tool.neurons(row)]))


def outcome(row, tool):
    """What the code does: one of the four words, from its own report and from both runs."""
    shape, nodes = chain_of(row, tool)
    nodes = [node("input", "Input", shape=shape), *nodes, node("output", "Output")]
    edges = [(a.name, b.name) for a, b in itertools.pairwise(nodes)]
    if row == "recurrent subgraph":
        nodes.append(node("back", "Linear", weight=-np.abs(on_grid(5, 5)) / 8))
        edges += [("n", "back"), ("back", "n")]
    if row == "skip":
        nodes += [
            node("deep", "Linear", weight=on_grid(5, 5)),
            node("around", "Linear", weight=on_grid(5, 6)),
        ]
        nodes.append(Node("m", "IF", nodes[2].values))
        edges = [("input", "w"), ("w", "n"), ("n", "deep"), ("deep", "m"), ("input", "around")]
        edges += [("around", "m"), ("m", "output")]
    if row in ("I before weights", "LI before weights", "CubaLI before weights"):
        nodes[2] = tool.neurons(row.split()[0])
        nodes += [
            node("fc", "Linear", weight=on_grid(4, 5)),
            Node("m", "IF", tool.neurons("IF").values),
        ]
        edges = [("input", "w"), ("w", "n"), ("n", "fc"), ("fc", "m"), ("m", "output")]
    images = np.random.default_rng(1).integers(0, 2, (4, STEPS, *shape))
    try:
        graph = NirGraph({one.name: one for one in nodes}, tuple(edges))
        model = SpikingModel(NirModel(graph, tool.convention), tool.name, b"")
        made = ipvae.quantize(model, images)
    except (FormatError, QuantizationError) as error:
        message = str(error)
    else:
        return outcome_of(made)
    assert "node " in message and re.search(r"allowed|add|send", message)
    return REFUSED


def outcome_of(made):
    decays = [error for layer in made.layers for error in layer["decay_errors"]]
    weights = [one["largest_error"] for layer in made.layers for one in layer["connections"]]
    assert max(decays) <= MOST_DECAY_ERROR
    if any(layer["notes"] for layer in made.layers):
        return NOTED
    if max(decays) > 1e-12 or max(weights) > 1e-6:
        return ROUNDED
    assert made.comparison.first is None
    assert all(layer.real_rate > 0 for layer in made.comparison.layers)
    return EXACT


@pytest.mark.parametrize("name", TOOLS)
def test_each_cell_is_what_the_code_does(name):
    tool = Tool(name)
    column = TOOLS.index(name)
    found = {row: outcome(row, tool) for row in ROWS}
    assert found == {row: cells.split("|")[column + 1].strip() for row, cells in ROWS.items()}


def test_the_table_has_every_node_and_most_of_them_run():
    assert set(TOOLS) == {*ORIGINS} - {"torch"}
    kinds = (
        *("Input, Output", "Affine", "Linear", "Conv1d", "Conv2d", "Flatten", "SumPool2d"),
        *("AvgPool2d", "Delay", "Scale", "Threshold", "I", "LI", "IF", "LIF", "CubaLI", "CubaLIF"),
        *("recurrent subgraph", "skip"),
    )
    assert {*kinds} <= {*ROWS}
    cells = [cell.strip() for row in kinds for cell in ROWS[row].split("|")[1:]]
    share = sum(cell != REFUSED for cell in cells) / len(cells)
    assert share >= LEAST_SHARE
    (written,) = re.findall(r"(\d+) of (\d+) cells run", PAGE.read_text())
    assert [int(n) for n in written] == [sum(c != REFUSED for c in cells), len(cells)]
