"""A network of ReLU activations in PyTorch as a graph of nodes, batch normalization folded."""

import copy
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from ipvae.errors import InputError
from ipvae.float_models.nir_graph.conventions import TORCH, convention_of
from ipvae.float_models.nir_graph.graph import INPUT, OUTPUT, NirGraph, Node
from ipvae.float_models.nir_graph.layers import output_shape
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.train.graphs.torch_nodes import Shape, function_node, node_of, refused

SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
ENDS = ("input", "output")
"""Names of the graph's first and last node."""
IMAGES = 8
TOLERANCE = 1e-4
"""Largest difference of the graph and the module on random images, of the largest output."""


def from_torch(module: nn.Module, input_shape: Sequence[int]) -> NirModel:
    """Read a module as it is in evaluation mode; the module is not changed.

    Parameters
    ----------
    module : nn.Module
        A Sequential, or any module that `torch.fx` can trace.
    input_shape : (n,) or (C, H, W)
        Shape of one image.

    Raises
    ------
    InputError
        If a part of it cannot be kept exactly, with its name and what works, or it cannot be
        traced.
    """
    own = copy.deepcopy(module).cpu().float().eval()
    try:
        traced = fx.symbolic_trace(own)
    except Exception as error:  # whatever a forward() raises on symbols
        raise InputError(
            f"module: torch.fx cannot trace its forward() ({type(error).__name__}: {error}); write "
            "it without conditions on values, or as a Sequential"
        ) from error
    graph = _Reader(own, tuple(int(n) for n in input_shape)).read(traced.graph)
    model = NirModel(_folded(graph), convention_of(TORCH))
    _require_same(own, model)
    return model


class _Reader:
    """Nodes and edges so far; a traced value is the sum of what some nodes send."""

    def __init__(self, module: nn.Module, shape: Shape) -> None:
        self._modules = dict(module.named_modules())
        self._nodes: dict[str, Node] = {}
        self._shapes: dict[str, Shape] = {}
        self._edges: list[tuple[str, str]] = []
        self._values: dict[fx.Node, tuple[str, ...]] = {}
        self._sizes: set[Any] = set()
        self._input = shape

    def read(self, graph: fx.Graph) -> NirGraph:
        for one in graph.nodes:
            if one.op == "placeholder":
                if INPUT in {node.kind for node in self._nodes.values()}:
                    raise InputError(f"module: has several inputs ({one.name}), allowed is one")
                found = Node("input", INPUT, {"shape": np.array(self._input)})
                self._values[one] = self._added(found, self._input, ())
            elif one.op == "output":
                self._require_value("output", one.args[0])
                self._append(Node("output", OUTPUT), self._values[one.args[0]])
            elif not self._is_size(one):
                self._values[one] = self._value(one)
        return NirGraph(self._nodes, tuple(self._edges), {"origin": TORCH})

    def _is_size(self, one: fx.Node) -> bool:
        """Return whether a value is a size of another, as view() takes, and keep it as such."""
        shape = one.target is getattr and one.args[1:] == ("shape",)
        part = one.target is operator.getitem and one.args[0] in self._sizes
        if one.target == "size" or shape or part:
            self._sizes.add(one)
        return one in self._sizes

    def _value(self, one: fx.Node) -> tuple[str, ...]:
        if one.op == "get_attr":
            raise refused(one.name, "parameter used in forward()")
        name = self._named(one)
        for argument in one.args if one.target in SUMS else one.args[:1]:
            self._require_value(name, argument)
        if one.target in SUMS:
            return self._sum(name, one)
        sources = self._values[one.args[0]]  # type: ignore[index]
        shape = self._shapes[sources[0]]
        if one.op == "call_module":
            node = node_of(name, self._modules[str(one.target)], shape)
        else:
            node = function_node(name, one.target, one.args[1:], dict(one.kwargs), shape)
        return sources if node is None else self._append(node, sources)

    def _named(self, one: fx.Node) -> str:
        """Name of a module, or of its call where that name is used, or of a function's call."""
        name = str(one.target) if one.op == "call_module" else one.name
        name = one.name if name in self._nodes else name
        while name in self._nodes or name in ENDS:
            name += "_"
        return name

    def _require_value(self, name: str, argument: Any) -> None:
        if not isinstance(argument, fx.Node) or argument not in self._values:
            raise refused(name, "forward()", "a value that no node computes; use modules only")

    def _sum(self, name: str, one: fx.Node) -> tuple[str, ...]:
        if one.kwargs:
            raise refused(name, "add", "further arguments, allowed are two sums")
        parts = [source for argument in one.args for source in self._values[argument]]  # type: ignore
        if len(set(parts)) < len(parts):
            raise refused(name, "add", "the same value twice, allowed are different ones")
        shapes = {self._shapes[part] for part in parts}
        if len(shapes) > 1:
            raise refused(name, "add", f"the shapes {sorted(shapes)}, allowed is one")
        return tuple(parts)

    def _append(self, node: Node, sources: tuple[str, ...]) -> tuple[str, ...]:
        shape = self._shapes[sources[0]]
        sent = shape if node.kind in ("ReLU", OUTPUT) else output_shape(node, shape)
        return self._added(node, sent, sources)

    def _added(self, node: Node, shape: Shape, sources: tuple[str, ...]) -> tuple[str, ...]:
        self._nodes[node.name], self._shapes[node.name] = node, shape
        self._edges += [(source, node.name) for source in sources]
        return (node.name,)


def _folded(graph: NirGraph) -> NirGraph:
    """Join batch normalization with the weights before it, where nothing else reads them."""
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for name, node in graph.nodes.items():
        sources = [a for a, b in edges if b == name]
        before = nodes[sources[0]] if len(sources) == 1 else None
        if before is None or before.kind != node.kind or not _is_norm(node):
            continue
        if [b for a, b in edges if a == before.name] != [name]:
            continue
        nodes[before.name] = _joined(before, node)
        edges = [
            (before.name if a == name else a, b) for a, b in edges if (a, b) != (before.name, name)
        ]
        del nodes[name]
    return replace(graph, nodes=nodes, edges=tuple(edges))


def _is_norm(node: Node) -> bool:
    if node.kind == "Affine":
        weight = node.array("weight")
        return weight.shape[0] == weight.shape[1] and not (weight - np.diag(np.diag(weight))).any()
    if node.kind != "Conv2d":
        return False
    weight = node.array("weight")
    return weight.shape[1:] == (1, 1, 1) and int(node.array("groups")) == len(weight)


def _joined(before: Node, norm: Node) -> Node:
    weight = norm.array("weight")
    factor = np.diag(weight) if weight.ndim == 2 else weight.ravel()
    own = before.array("weight")
    values = {
        "weight": (own * factor.reshape(-1, *[1] * (own.ndim - 1))).astype(np.float32),
        "bias": (before.array("bias") * factor + norm.array("bias")).astype(np.float32),
    }
    return replace(before, values={**before.values, **values})


def _require_same(module: nn.Module, model: NirModel) -> None:
    """Run both on random images."""
    shape = model.shapes[model.graph.input]
    x = np.random.default_rng(0).random((IMAGES, 1, *shape), np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x[:, 0])).numpy()
    found = model.run(x).outputs[:, 0]
    if wanted.shape != found.shape:
        raise InputError(
            f"module: its output has the shape {wanted.shape[1:]}, read as {found.shape[1:]}; use "
            "modules in place of functions"
        )
    largest = max(float(np.abs(wanted).max()), 1e-12)
    if np.abs(wanted - found).max() > TOLERANCE * largest:
        raise InputError(
            "module: the graph read from it computes other outputs; check that forward() uses "
            "modules only"
        )
