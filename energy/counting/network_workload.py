"""Workload of a chip for one image of a `Network` of any kinds of neurons."""

from dataclasses import replace

from ipvae.chip.core_memory import CONSERVATIVE, OPTIMISTIC, LayerShape, layer_shapes
from ipvae.chip.limits import TARGETS
from ipvae.chip.placement import place
from ipvae.energy.counting.network_counts import LayerCounts, NetworkCounts, received_messages
from ipvae.energy.counting.workload import LayerWorkload, Workload
from ipvae.network.connections import Convolution, Dense, Weights
from ipvae.network.kinds import NeuronKind
from ipvae.network.kinds.program import Statement
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals


def network_workload(network: Network, totals: NetworkTotals, counts: NetworkCounts) -> Workload:
    """Workload of one image of a run on any backend.

    All layers update in parallel, each in every step of the chip (with a loop whose period is
    above 1, in every `period`-th step).

    Parameters
    ----------
    network : Network
        The network that ran.
    totals : NetworkTotals
    counts : NetworkCounts
        Counts of the same run.
    """
    counted = {layer.layer: layer for layer in counts.layers}
    layers = tuple(
        _layer(network, shape, totals, counted[shape.name]) for shape in layer_shapes(network)
    )
    shapes = tuple(layer.shape for layer in layers)
    received = {layer.shape.name: layer.received / layer.rows for layer in layers}
    packed, loose = (
        place(shapes, TARGETS["hala-point"], reading, received)
        for reading in (OPTIMISTIC, CONSERVATIVE)
    )
    schedule = network.schedule
    return Workload(
        counts=counts.total,
        layers=layers,
        period=schedule.period,
        chip_steps=totals.steps * schedule.period + schedule.depth,
        packed=packed,
        loose=loose,
        pipelined=True,
    )


def _layer(
    network: Network, shape: LayerShape, totals: NetworkTotals, counted: LayerCounts
) -> LayerWorkload:
    name = shape.name
    layer = network.by_id.get(name)
    connections = () if layer is None else layer.connections
    received = received_messages(connections, totals) / totals.images
    if received:  # of the messages of this run, not of one from each neuron
        shape = replace(shape, reached=counted.synaptic_ops / received / shape.neurons)
    return LayerWorkload(
        shape=shape,
        slot=network.schedule.phase[name] % network.schedule.period,
        rows=totals.layers[name].rows,
        input_rows=totals.steps if connections else 0,
        received=received,
        sent=counted.messages,
        weights=sum(products(connection.weights) for connection in connections),
        update=None if network.kinds[name].driven else _operations(network.kinds[name]),
    )


def products(weights: Weights) -> int:
    """Products of one row if no zero is skipped; those with the padding of a convolution too."""
    if isinstance(weights, Convolution):
        return weights.n_out * weights.weight[0].size
    return weights.n_out * (weights.n_in if isinstance(weights, Dense) else 1)


def _operations(kind: NeuronKind) -> tuple[int, int]:
    """Multiplications and other operations of one update, from the kind's program."""
    return _counted(kind.program().statements)


def _counted(statements: list[Statement]) -> tuple[int, int]:
    """Operations of statements: copies are free, a branch costs its comparison and longer side."""
    products = others = 0
    for statement in statements:
        if "if" in statement:
            sides = [_counted(statement[side]) for side in ("then", "else")]
            longer = max(sides, key=sum)
            products, others = products + longer[0], others + longer[1] + 1
        elif statement.get("op") == "mul":
            products += 1
        elif statement.get("op") != "copy":
            others += 1
    return products, others
