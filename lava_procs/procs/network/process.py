"""Network of any kinds of neurons as a Lava process, built from its description in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import OutPort
from lava.magma.core.process.process import AbstractProcess

from ipvae.lava_procs.neurons import Reset, neurons, port_shape
from ipvae.lava_procs.procs.delay_line.process import DelayLine
from ipvae.lava_procs.synapses import Synapse, synapse
from ipvae.network.connections import Connection, Convolution
from ipvae.network.network import INPUT, Layer, Network


@dataclass
class LayerProcesses:
    """Processes of one layer.

    Attributes
    ----------
    neuron : process with the ports `a_in`, `s_out`, and `trace` if variables are recorded
    record : tuple of str
        Variables that `trace` sends.
    synapses : list of Synapse
        One for each connection.
    """

    neuron: Any
    record: tuple[str, ...]
    synapses: list[Synapse]


@dataclass
class Entry:
    """Port that takes the input's messages, of this shape: (n,) or (C, H, W)."""

    port: Any
    shape: tuple[int, ...]


class LavaNetwork(AbstractProcess):
    """Layers after the input; the host sends the input's messages to the entry.

    The entry is the synapse that receives the input, or a relay if there are several: the parts of
    a network must be connected, since Lava's compiler loses others.

    Parameters
    ----------
    network : Network
    n_steps : int
        Rows of a sample. Unless the network is free-running, each layer is reset before its row 0,
        again and again after so many steps.
    record : tuple of str
        Variables that layers send to the host, where they have them.
    stock : bool
        As for `synapse`.
    drives : int
        Drives of an image, of driven layers: 1, or one for each row.

    Attributes
    ----------
    layers : dict of layer id -> LayerProcesses
    entry : Entry or None
        None if no layer receives messages of the input.

    Ports
    -----
    out_<layer id> : messages of each layer
    """

    def __init__(
        self,
        network: Network,
        n_steps: int,
        record: tuple[str, ...] = (),
        stock: bool = False,
        drives: int = 1,
    ) -> None:
        super().__init__()
        entries: list[Entry] = []
        self.layers = {
            layer.id: _layer_processes(network, layer, n_steps, record, stock, drives)
            for layer in network.layers
        }
        for layer in network.layers:
            made = self.layers[layer.id]
            for connection, of_it in zip(layer.connections, made.synapses, strict=True):
                weights = connection.weights
                connect(of_it.out, weights.shape, made.neuron.a_in, port_shape(layer))
                takes = weights.in_shape if isinstance(weights, Convolution) else (weights.n_in,)
                port = of_it.weights.s_in
                if connection.source == INPUT:
                    entries.append(Entry(port, takes))
                else:
                    source = network.by_id[connection.source]
                    sends = self._sent_from_row_0(network, source, connection)
                    connect(sends, port_shape(source), port, takes)
            out = OutPort(shape=made.neuron.s_out.shape)
            setattr(self, f"out_{layer.id}", out)
            made.neuron.s_out.connect(out)
        self.entry: Entry | None = None
        if entries:
            relayed = len(entries) > 1
            self.entry = _relay(network.input.size, entries) if relayed else entries[0]

    def _sent_from_row_0(self, network: Network, source: Layer, connection: Connection) -> Any:
        """Port of a source's messages, without those before its row 0 if a delay would keep them.

        Without a delay they arrive before the target's row 0, at which it is reset.
        """
        messages = self.layers[source.id].neuron.s_out
        phase = network.schedule.phase[source.id]
        if network.schedule.free_running or not phase or not connection.longest_delay:
            return messages
        gate = DelayLine(delays=np.zeros(messages.shape, int), start=phase)
        messages.connect(gate.inp)
        return gate.out


def _relay(size: int, entries: list[Entry]) -> Entry:
    """Return the entry of a process that passes messages on to all entries at once."""
    relay = DelayLine(delays=np.zeros(size, int))
    for entry in entries:
        connect(relay.out, (size,), entry.port, entry.shape)
    return Entry(relay.inp, (size,))


def _layer_processes(
    network: Network,
    layer: Layer,
    n_steps: int,
    record: tuple[str, ...],
    stock: bool,
    drives: int,
) -> LayerProcesses:
    schedule, reset = network.schedule, None
    if layer.neuron.driven or not schedule.free_running:
        reset = Reset(n_steps, schedule.phase[layer.id] + 1, drives)
    recorded = tuple(name for name in layer.neuron.variables if name in record and name != "z")
    synapses = [
        synapse(
            connection,
            network.message_bits(connection.source),
            _chip_steps(network, layer, connection),
            stock,
        )
        for connection in layer.connections
    ]
    return LayerProcesses(neurons(layer, reset, recorded), recorded, synapses)


def _chip_steps(network: Network, layer: Layer, connection: Connection) -> np.ndarray:
    """Chip steps from the sending of a message to its receipt: (n_out,) int."""
    phase = network.schedule.phase
    later = phase[layer.id] - phase[connection.source]
    return np.full(connection.weights.n_out, connection.delay) + later


def connect(source: Any, sent: tuple[int, ...], target: Any, taken: tuple[int, ...]) -> None:
    """Connect two ports whose messages are (C, H, W) or flat, and in Lava's order (W, H, C)."""
    if sent != taken:
        if len(sent) == 3:
            source = source.transpose([2, 1, 0]).flatten()
        if len(taken) == 3:
            source = source.reshape(taken).transpose([2, 1, 0])
    source.connect(target)
