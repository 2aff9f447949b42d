"""A NIR graph as plain arrays: nodes, edges, order of computation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ipvae.errors import FormatError

INPUT, OUTPUT, SAME = "Input", "Output", "Same"
"""Kinds of nodes that pass values on; `Same` is the border of a subgraph."""
STATELESS = (
    *("Affine", "Linear", "Conv1d", "Conv2d", "Flatten"),
    *("SumPool2d", "AvgPool2d", "Scale", SAME, OUTPUT),
)
RELU = "ReLU"
"""Activation without a state, of networks that do not spike; no node of NIR itself."""
NEURONS = ("I", "LI", "IF", "LIF", "CubaLI", "CubaLIF", "Threshold", RELU)
KINDS = (INPUT, *STATELESS, *NEURONS, "Delay")
"""Kinds that can be computed."""

Edge = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Node:
    """One node.

    Attributes
    ----------
    name : str
        Names of the subgraphs and of the node, joined by dots.
    kind : str
    values : dict of str -> array
        Parameters as in the file; texts are str.
    """

    name: str
    kind: str
    values: Mapping[str, np.ndarray | str] = field(default_factory=dict)

    def array(self, key: str) -> np.ndarray:
        """Return a parameter as float64 array.

        Raises
        ------
        FormatError
            If it is missing, no number or not finite.
        """
        found = self.values.get(key)
        if found is None:
            raise FormatError(f"node {self.name} ({self.kind}): {key} is missing; export it again")
        array = np.asarray(found)
        if array.dtype.kind not in "iuf" or np.isnan(array.astype(np.float64)).any():
            raise FormatError(
                f"node {self.name} ({self.kind}): {key} must be numbers, found "
                f"{array.ravel()[:1].tolist()}; export it again"
            )
        return array.astype(np.float64)

    def pair(self, key: str) -> tuple[int, int]:
        """Return one whole number for each of two axes; a single one applies to both."""
        values = self.array(key).ravel()
        if values.size not in (1, 2) or (values != np.rint(values)).any():
            raise FormatError(
                f"node {self.name} ({self.kind}): {key} must be one or two whole numbers, found "
                f"{values.tolist()[:4]}; export it again"
            )
        return int(values[0]), int(values[-1])


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes and edges without subgraphs.

    Attributes
    ----------
    nodes : dict of str -> Node
    edges : tuple of (from, to)
    metadata : dict of str -> str
        Texts and numbers of the graph's metadata, as text.
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, node in self.nodes.items():
            if node.kind not in KINDS:
                raise FormatError(
                    f"node {name}: kind {node.kind}, allowed are {', '.join(KINDS)}; replace it "
                    "before the export"
                )
        for edge in self.edges:
            for name in edge:
                if name not in self.nodes:
                    raise FormatError(
                        f"edge {edge[0]} -> {edge[1]}: node {name} does not exist; export it again"
                    )
        self._require_ends()

    def _require_ends(self) -> None:
        inputs = self.of_kind(INPUT)
        if len(inputs) != 1:
            raise FormatError(
                f"the graph has {len(inputs)} nodes Input ({', '.join(inputs)}), allowed is one. "
                "An exporter that cannot follow a sum in forward() writes another one; connect them"
            )
        if not self.of_kind(OUTPUT):
            raise FormatError("the graph has no node Output; export it again")
        reached = self._reached(inputs[0])
        for name in self.nodes:
            if name not in reached:
                raise FormatError(
                    f"node {name}: no path leads to it from the input; connect it or remove it"
                )

    def _reached(self, start: str) -> set[str]:
        found, waiting = {start}, [start]
        while waiting:
            for target in self.targets(waiting.pop()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return found

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Names of the nodes of a kind."""
        return tuple(name for name, node in self.nodes.items() if node.kind == kind)

    @property
    def input(self) -> str:
        """Name of the input."""
        return self.of_kind(INPUT)[0]

    @property
    def neurons(self) -> tuple[str, ...]:
        """Names of all nodes with neurons, in the order of computation."""
        return tuple(name for name in self.order if self.nodes[name].kind in NEURONS)

    def sources(self, name: str) -> tuple[str, ...]:
        """Nodes from which a node receives."""
        return tuple(a for a, b in self.edges if b == name)

    def targets(self, name: str) -> tuple[str, ...]:
        """Nodes to which a node sends."""
        return tuple(b for a, b in self.edges if a == name)

    @cached_property
    def feedback(self) -> frozenset[Edge]:
        """Edges that close a loop: their values arrive one step later."""
        found, done, path = set(), set(), {self.input}
        stack: list[tuple[str, Iterator[str]]] = [(self.input, iter(self.targets(self.input)))]
        while stack:
            name, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                path.discard(name)
                done.add(name)
                stack.pop()
            elif target in path:
                found.add((name, target))
            elif target not in done:
                path.add(target)
                stack.append((target, iter(self.targets(target))))
        return frozenset(found)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Nodes so that each comes after those from which it receives in the same step."""
        left = {
            name: {a for a in self.sources(name) if (a, name) not in self.feedback}
            for name in self.nodes
        }
        found: list[str] = []
        while left:
            ready = [name for name, sources in left.items() if not sources & left.keys()]
            found += ready
            for name in ready:
                del left[name]
        return tuple(found)
