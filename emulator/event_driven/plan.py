"""Data that all tiles of a run share: packed weights, parameters, and the sizes of memory."""

from dataclasses import dataclass

import numpy as np

from ipvae.emulator.event_driven.kinds import parameters
from ipvae.emulator.event_driven.packing import (
    Packed,
    Places,
    packed_conv,
    packed_dense,
    window_numbers,
)
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, NeuronKind
from ipvae.network.network import INPUT, Layer, Network
from ipvae.network.traces.network_totals import longest_delay

TILE_VALUES = 2**21
"""Messages of all layers that a tile keeps: images times rows times neurons."""
SUM_VALUES = 2**17
"""Sums that are computed together; they stay in a level-2 cache."""
MOST_ROWS, MOST_IMAGES = 64, 32
INPUT_UNIT = 4


@dataclass(frozen=True, eq=False)
class PackedConnection:
    """A connection with its weights in the kernels' order."""

    connection: Connection
    arrays: tuple[np.ndarray, ...]
    graded: bool

    @property
    def direct(self) -> bool:
        """True if products are added to a layer's sums as they are, in one pass."""
        of = self.connection
        wrapped = self.wrapped
        return of.exponent == 0 and not wrapped and not isinstance(of.delay, np.ndarray)

    @property
    def wrapped(self) -> bool:
        """True if sums are reduced to 24 bits, as Lava's Conv does; of spikes none is as large."""
        return self.graded and isinstance(self.connection.weights, Convolution)

    def numbers(self) -> Packed | None:
        """Arguments of `synapses.add_windows`, for one thread; None for diagonal weights."""
        weights = self.connection.weights
        if isinstance(weights, Diagonal):
            return None
        size = weights.in_shape[1:] if isinstance(weights, Convolution) else (1, 1)
        return window_numbers(self.arrays, *size)


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """A layer in the kernels' order.

    Attributes
    ----------
    name : str
    neuron : NeuronKind
    places : Places
    bias : (width,) int32
    connections : tuple of PackedConnection
    numbers : int32 parameters of the kind
    lead_in : rows before row 0
    history : rows of messages kept for delayed connections
    """

    name: str
    neuron: NeuronKind
    places: Places
    bias: np.ndarray
    connections: tuple[PackedConnection, ...]
    numbers: np.ndarray
    lead_in: int
    history: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A network ready for tiles.

    Attributes
    ----------
    network : Network
    entry : PackedLayer
        The input; its kind is None if images are messages.
    layers : tuple of PackedLayer, in the order of their updates
    rows : int
        Rows that a tile computes layer by layer.
    images : int
        Images of a tile.
    """

    network: Network
    entry: "PackedInput"
    layers: tuple[PackedLayer, ...]
    rows: int
    images: int


@dataclass(frozen=True, eq=False)
class PackedInput:
    """The input in the kernels' order; without neurons its images are messages."""

    neuron: CubaNeuron | DeltaNeuron | None
    places: Places
    numbers: np.ndarray
    graded: bool
    history: int


def plan_of(network: Network) -> Plan:
    """Pack a network."""
    entry = network.input
    places = {INPUT: Places(network.sent_shape(INPUT), INPUT_UNIT)}
    places |= {name: Places(network.sent_shape(name)) for name in network.by_id}
    packed_input = PackedInput(
        entry.neuron,
        places[INPUT],
        np.zeros(1, np.int32) if entry.neuron is None else parameters(entry.neuron),
        network.message_bits(INPUT) > 0,
        longest_delay(network, INPUT),
    )
    layers = tuple(_layer(network, network.by_id[name], places) for name in network.schedule.order)
    total = sum(of.width for of in places.values())
    rows = min(MOST_ROWS, max(1, TILE_VALUES // total), *_loop_delays(network))
    images = min(MOST_IMAGES, max(1, TILE_VALUES // (total * rows)))
    return Plan(network, packed_input, layers, rows, images)


def _loop_delays(network: Network) -> list[int]:
    """Shortest delay of each connection from the same or a later layer: rows known in advance."""
    order = {name: i for i, name in enumerate(network.schedule.order)}
    return [
        connection.least_delay
        for layer in network.layers
        for connection in layer.connections
        if connection.source != INPUT and order[connection.source] >= order[layer.id]
    ] or [MOST_ROWS]


def _layer(network: Network, layer: Layer, places: dict[str, Places]) -> PackedLayer:
    own = places[layer.id]
    return PackedLayer(
        layer.id,
        layer.neuron,
        own,
        own.packed(layer.biases),
        tuple(_connection(network, c, places[c.source], own) for c in layer.connections),
        parameters(layer.neuron),
        network.schedule.lead_in(layer.id),
        longest_delay(network, layer.id),
    )


def _connection(
    network: Network, connection: Connection, source: Places, target: Places
) -> PackedConnection:
    weights = connection.weights
    if isinstance(weights, Convolution):
        arrays = packed_conv(weights, source, target)
    elif isinstance(weights, Dense):
        arrays = packed_dense(weights, source, target)
    else:
        arrays = (weights.weight.astype(np.int32), source.positions, target.positions)
    return PackedConnection(connection, arrays, network.message_bits(connection.source) > 0)
