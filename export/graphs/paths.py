"""Paths between neurons: every way through nodes without a state, and its delay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ipvae.errors import QuantizationError
from ipvae.float_models.nir_graph.graph import INPUT, NEURONS, OUTPUT, STATELESS, Node
from ipvae.float_models.nir_graph.layers import apply
from ipvae.float_models.nir_graph.model import NirModel


@dataclass(frozen=True, eq=False)
class Path:
    """One way from a source to a target.

    Attributes
    ----------
    source : str
        A node with neurons, or the input.
    nodes : tuple of Node
        Nodes without a state between them, in the order of computation.
    delay : int, or int64 array of the target's shape
        Steps from the source's to the target's.
    """

    source: str
    nodes: tuple[Node, ...]
    delay: "int | np.ndarray" = 0


def merged(model: NirModel) -> dict[str, str]:
    """Neurons without spikes whose potential only a Threshold reads: Threshold -> neurons."""
    graph, found = model.graph, {}
    for name in graph.of_kind("Threshold"):
        sources = graph.sources(name)
        before = sources[0] if len(sources) == 1 else ""
        rule = model.rules.get(before)
        if rule is not None and not rule.spiking and graph.targets(before) == (name,):
            found[name] = before
    return found


def paths_to(model: NirModel, target: str) -> list[Path]:
    """Return all paths that end at a node.

    Raises
    ------
    QuantizationError
        If a potential is sent on as a number, or delays of single neurons cannot be kept.
    """
    return list(_walk(model, target, (), 0))


def _walk(
    model: NirModel, name: str, nodes: tuple[Node, ...], delay: "int | np.ndarray"
) -> Iterator[Path]:
    graph = model.graph
    for source in graph.sources(name):
        later = delay + ((source, name) in graph.feedback)
        node = graph.nodes[source]
        if node.kind == INPUT or node.kind in NEURONS:
            _require_messages(model, source, nodes, name)
            yield Path(source, nodes, later)
        elif node in nodes:
            raise QuantizationError(
                f"node {source} ({node.kind}): is in a loop without neurons; add neurons"
            )
        elif node.kind == "Delay":
            yield from _walk(model, source, nodes, later + _delay(model, source, nodes))
        else:
            yield from _walk(model, source, (node, *nodes), later)


def _delay(model: NirModel, name: str, after: tuple[Node, ...]) -> "int | np.ndarray":
    steps = model.delays[name]
    if (steps == steps.flat[0]).all():
        return int(steps.flat[0])
    if any(node.kind not in ("Same", OUTPUT) for node in after):
        raise QuantizationError(
            f"node {name} (Delay): found delays of {steps.min()} to {steps.max()} steps, allowed "
            "is one delay unless neurons follow directly; move the Delay there, or use one delay"
        )
    return np.broadcast_to(steps, model.shapes[name]).copy()


def _require_messages(model: NirModel, source: str, nodes: tuple[Node, ...], target: str) -> None:
    rule = model.rules.get(source)
    plain = all(node.kind in ("Same", OUTPUT, "Flatten") for node in nodes)
    ends = plain and (
        (nodes and nodes[-1].kind == OUTPUT) or model.graph.nodes[target].kind == OUTPUT
    )
    if rule is None or rule.spiking or rule.rectified or ends:
        return
    raise QuantizationError(
        f"node {source} ({model.graph.nodes[source].kind}): sends its potential, a real number, to "
        f"{target}; neurons on the chip send spikes. Replace it by LIF or CubaLIF, or append "
        "a Threshold node"
    )


def constant_input(model: NirModel, target: str) -> np.ndarray:
    """Input of a node while all neurons and the input are silent: the biases on its paths.

    Returns
    -------
    (*shape) float64
    """
    graph, shapes = model.graph, model.shapes
    silent = {name: np.zeros((1, *shapes[name]), np.float32) for name in graph.nodes}
    for name in graph.order:
        if graph.nodes[name].kind in STATELESS:
            silent[name] = apply(graph.nodes[name], _sum(silent, graph.sources(name)))
    return _sum(silent, graph.sources(target))[0].astype(np.float64)


def _sum(values: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    return sum((values[name] for name in names[1:]), values[names[0]])
