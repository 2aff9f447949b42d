# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportPossiblyUnboundVariable=false
"""Nodes between neurons joined to one convolution or matrix: the same sums, borders included."""

import itertools
import math

import numpy as np
import pytest

from ipvae.errors import QuantizationError
from ipvae.export.graphs import weights as module
from ipvae.export.graphs.paths import constant_input, paths_to
from ipvae.export.graphs.weights import path_weights
from ipvae.float_models.nir_graph import layers
from ipvae.float_models.nir_graph.conventions import convention_of
from ipvae.float_models.nir_graph.graph import NirGraph, Node
from ipvae.float_models.nir_graph.model import NirModel

RNG = np.random.default_rng(3)
FIRST = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def numbers_of_every_test_are_its_own():
    """The same numbers in any order of the tests and on any worker."""
    RNG.bit_generator.state = FIRST


def conv(name, out, into, kernel=3, stride=1, padding=0, dilation=1, groups=1):
    weight = RNG.normal(size=(out, into // groups, kernel, kernel))
    values = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    arrays = {key: np.array(value) for key, value in values.items()}
    return Node(name, "Conv2d", {"weight": weight, "bias": RNG.normal(size=out), **arrays})


def pool(name, size, stride=None, padding=0, kind="SumPool2d"):
    values = {"kernel_size": size, "stride": stride or size, "padding": padding}
    return Node(name, kind, {key: np.array(value) for key, value in values.items()})


def flatten(name):
    return Node(name, "Flatten", {"start_dim": np.array(0), "end_dim": np.array(-1)})


def affine(name, out, into):
    values = {"weight": RNG.normal(size=(out, into)), "bias": RNG.normal(size=out)}
    return Node(name, "Affine", values)


def lif(name):
    values = {"tau": 2.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    return Node(name, "LIF", {key: np.array(value) for key, value in values.items()})


def chain(shape, *nodes):
    """Model input -> nodes -> neurons -> output."""
    first, last = Node("input", "Input", {"shape": np.array(shape)}), lif("lif")
    every = [first, *nodes, last, Node("output", "Output")]
    edges = [(a.name, b.name) for a, b in itertools.pairwise(every)]
    graph = NirGraph({node.name: node for node in every}, tuple(edges))
    return NirModel(graph, convention_of("nir,dt=1"))


def dense_of(weights):
    """Matrix of the weights of a connection, from its answer to single inputs."""
    if weights.weight.ndim == 2:
        return weights.weight
    if weights.weight.ndim == 1:
        return np.diag(weights.weight)
    n = math.prod(weights.in_shape)
    single = np.eye(n).reshape(n, *weights.in_shape)
    sizes = (weights.stride, weights.padding, weights.dilation, weights.groups)
    return layers.convolved(single, weights.weight, *sizes).reshape(n, -1).T


SCALE = Node("s", "Scale", {"scale": np.arange(1.0, 5).reshape(4, 1, 1)})
CHAINS = {
    "conv": ((2, 7, 7), [conv("c", 4, 2, padding=1)], "conv"),
    "conv, strides": ((2, 9, 7), [conv("c", 4, 2, stride=2, dilation=2)], "conv"),
    "pool": ((3, 8, 6), [pool("p", 2)], "conv"),
    "overlapping pool": ((3, 8, 8), [pool("p", 3, 2, kind="AvgPool2d")], "conv"),
    "pool, conv": ((2, 8, 8), [pool("p", 2), conv("c", 4, 2)], "conv"),
    "pool, padded conv": ((2, 8, 8), [pool("p", 2), conv("c", 4, 2, padding=1)], "conv"),
    "pool with a rest, padded conv": (
        (2, 9, 9),
        [pool("p", 2), conv("c", 4, 2, padding=1)],
        "dense",
    ),
    "conv, pool": ((2, 8, 8), [conv("c", 4, 2, padding=1), pool("p", 2)], "conv"),
    "grouped conv, pool": ((4, 8, 8), [conv("c", 4, 4, groups=2), pool("p", 3)], "conv"),
    "pool, grouped conv": ((4, 8, 8), [pool("p", 2), conv("c", 6, 4, groups=2)], "conv"),
    "conv, scale": ((2, 6, 6), [conv("c", 4, 2), SCALE], "conv"),
    "conv, conv": ((2, 6, 6), [conv("c", 4, 2), conv("d", 3, 4)], "dense"),
    "pool, flatten, affine": ((2, 4, 4), [pool("p", 2), flatten("f"), affine("a", 5, 8)], "dense"),
    "affine, affine": ((6,), [affine("a", 5, 6), affine("b", 4, 5)], "dense"),
    "nothing": ((6,), [], "diagonal"),
    "nothing, planes": ((2, 3, 3), [], "conv"),
}


@pytest.mark.parametrize("name", CHAINS)
def test_joined_weights_compute_the_nodes(name):
    shape, nodes, kind = CHAINS[name]
    model = chain(shape, *nodes)
    (path,) = paths_to(model, "lif")
    found = path_weights(model, path, "lif")
    forms = {1: "diagonal", 2: "dense", 4: "conv"}
    assert forms[found.weight.ndim] == kind
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    wanted = x
    for node in nodes:
        wanted = layers.apply(node, wanted)
    sums = x.reshape(3, -1) @ dense_of(found).T + constant_input(model, "lif").reshape(1, -1)
    np.testing.assert_allclose(sums, wanted.reshape(3, -1), atol=1e-4)


def test_a_matrix_that_is_too_large_names_the_nodes(monkeypatch):
    monkeypatch.setattr(module, "MOST_WEIGHTS", 20)
    model = chain((6,), affine("a", 5, 6), affine("b", 4, 5))
    (path,) = paths_to(model, "lif")
    with pytest.raises(QuantizationError, match="nodes a, b: joined they are a matrix of 4 x 6"):
        path_weights(model, path, "lif")


def test_a_skip_is_a_path_of_its_own():
    nodes = [affine("a", 4, 4), lif("one"), affine("b", 4, 4), lif("two")]
    named = {node.name: node for node in nodes}
    named |= {
        "input": Node("input", "Input", {"shape": np.array([4])}),
        "output": Node("output", "Output"),
    }
    edges = [("input", "a"), ("a", "one"), ("one", "b"), ("b", "two"), ("one", "two"), ("a", "two")]
    model = NirModel(NirGraph(named, (*edges, ("two", "output"))), convention_of("nir,dt=1"))
    paths = paths_to(model, "two")
    assert sorted((p.source, tuple(n.name for n in p.nodes)) for p in paths) == [
        ("input", ("a",)),
        ("one", ()),
        ("one", ("b",)),
    ]
    a, b = named["a"].values["bias"], named["b"].values["bias"]
    # Rounded to float32 are a, b and their sum, each by half a unit in the last place at most.
    bound = np.finfo(np.float32).eps * (np.abs(a) + np.abs(b))
    assert np.all(np.abs(constant_input(model, "two") - (a + b)) <= bound)
