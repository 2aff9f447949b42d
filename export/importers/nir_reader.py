"""Reader of NIR graphs that other tools wrote; the file is opened in a child process."""

from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import FormatError
from ipvae.float_models.nir_graph.graph import INPUT, OUTPUT, SAME, Edge, NirGraph, Node
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.hdf5_child import declared_bytes, shown

MOST_DATASETS = 8192
MOST_BYTES = 2**30
"""Limit of all arrays together."""
MOST_EDGES = 4096
MOST_GROUPS = 12
"""Groups around a dataset: five subgraphs in one another."""
SUBGRAPH = "NIRGraph"

Tree = dict[str, Any]


def read_graph(path: str | Path) -> NirGraph:
    """Read a graph of any NIR writer; nothing in the file is executed.

    Raises
    ------
    FormatError
        If the file is damaged, no NIR, or contains a node that cannot be computed.
    """
    path = Path(path)
    fields = read_datasets(
        path,
        lambda datasets, _: _approve(path, datasets),
        {},
        most=MOST_DATASETS,
        gzip=True,
        singles=True,
        texts=2 * MOST_EDGES,
        depth=MOST_GROUPS,
    )
    tree: Tree = {}
    for name, array in fields.items():
        *groups, last = name.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = array
    try:
        nodes, edges = _flattened(tree["node"], "")
        return NirGraph(nodes, edges, _metadata(tree["node"]))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def is_foreign(path: str | Path) -> bool:
    """Return whether a file is a NIR graph whose metadata hold no ipvae model."""
    found: list[bool] = []

    def approve(datasets: dict, _: dict) -> None:
        ours = {"node/metadata/model", "node/metadata/format"} & set(datasets)
        found.append({"version", "node/type"} <= set(datasets) and not ours)
        raise FormatError("")

    try:
        read_datasets(
            Path(path),
            approve,
            {},
            most=MOST_DATASETS,
            gzip=True,
            singles=True,
            texts=2 * MOST_EDGES,
            depth=MOST_GROUPS,
        )
    except FormatError:
        return bool(found and found[0])
    return False


def _approve(path: Path, datasets: dict[str, tuple[np.dtype, tuple]]) -> None:
    if "version" not in datasets or "node/type" not in datasets:
        raise FormatError(
            f"{path}: no file of NIR (it has no /version and /node/type); write it with nir.write"
        )
    total = sum(declared_bytes(dtype, shape) for dtype, shape in datasets.values())
    if total > MOST_BYTES:
        raise FormatError(f"{path}: {total} bytes of arrays, allowed are up to {MOST_BYTES}")


def _text(array: Any) -> str:
    value = np.asarray(array).ravel()[:1].tolist()
    return value[0].decode("utf-8", "replace") if value and isinstance(value[0], bytes) else ""


def _flattened(group: Tree, prefix: str) -> tuple[dict[str, Node], tuple[Edge, ...]]:
    """Nodes and edges of a graph and of its subgraphs, with dots in the names."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    inner: dict[str, tuple[str, str]] = {}
    for name, values in group.get("nodes", {}).items():
        full = prefix + name
        if not isinstance(values, dict) or "type" not in values:
            raise FormatError(f"node {shown(full)} has no type; export it again")
        kind = _text(values["type"])
        if kind != SUBGRAPH:
            kept = {k: v for k, v in values.items() if not isinstance(v, dict) and k != "type"}
            nodes[full] = Node(full, kind, {k: _value(v) for k, v in kept.items()})
            continue
        below, links = _flattened(values, full + ".")
        inner[full] = _ends(full, below)
        nodes |= {k: _inside(node) for k, node in below.items()}
        edges += links
    pairs = np.asarray(group.get("edges", np.zeros((0, 2), "S1")))
    if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind != "S"):
        raise FormatError(f"edges of {prefix[:-1] or 'the graph'}: no pairs of names")
    for pair in pairs.tolist() if pairs.size else []:
        a, b = (prefix + one.decode("utf-8", "replace") for one in pair)
        edges.append((inner[a][1] if a in inner else a, inner[b][0] if b in inner else b))
    return nodes, tuple(dict.fromkeys(edges))


def _ends(name: str, nodes: dict[str, Node]) -> tuple[str, str]:
    """Input and output of a subgraph."""
    depth = name.count(".") + 1
    found = []
    for kind in (INPUT, OUTPUT):
        ends = [k for k, n in nodes.items() if n.kind == kind and k.count(".") == depth]
        if len(ends) != 1:
            raise FormatError(
                f"node {name} ({SUBGRAPH}): has {len(ends)} nodes {kind}, allowed is one"
            )
        found.append(ends[0])
    return found[0], found[1]


def _inside(node: Node) -> Node:
    """A node of a subgraph; its input and output pass values on."""
    return Node(node.name, SAME) if node.kind in (INPUT, OUTPUT) else node


def _value(array: np.ndarray) -> np.ndarray | str:
    return _text(array) if array.dtype.kind == "S" else array


def _metadata(group: Tree) -> dict[str, str]:
    found = group.get("metadata", {})
    plain = {k: v for k, v in found.items() if isinstance(v, np.ndarray) and v.size == 1}
    return {k: _text(v) or str(v.ravel()[0]) for k, v in plain.items()}
