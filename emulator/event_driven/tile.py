"""A tile: images that advance together, some rows at a time, layer by layer."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.emulator.event_driven import synapses
from ipvae.emulator.event_driven.kinds import state_places
from ipvae.emulator.event_driven.layer_state import Messages, Neurons
from ipvae.emulator.event_driven.plan import SUM_VALUES, PackedLayer, Plan
from ipvae.emulator.event_driven.run_sums import RunSums
from ipvae.emulator.event_driven.synapses import Rows
from ipvae.network.kinds import DeltaNeuron
from ipvae.network.network import INPUT
from ipvae.network.rules.network_drive import layer_drive
from ipvae.network.traces.network_totals import LayerSums, potential

Record = dict[str, dict[str, np.ndarray]]
"""Recorded variables of one image: layer -> variable -> (rows, n) int32, lead-in rows first."""


class HaltedError(Exception):
    """The run was stopped from outside."""


@dataclass(frozen=True, eq=False)
class TileResult:
    """Results of some images; arrays as in `NetworkTotals`."""

    outputs: np.ndarray
    last: np.ndarray
    potentials: np.ndarray
    records: list[Record]


class Tile:
    """Memory for some images of a run; it is used for one group of images after another.

    Parameters
    ----------
    plan : Plan
    images : int
    steps : numbers of rows after which results are wanted, ascending
    record : variables to record, of any kind
    """

    def __init__(
        self, plan: Plan, images: int, steps: Sequence[int], record: Sequence[str] = ()
    ) -> None:
        checkpoints = len(steps)
        self._plan, self._n, self._record = plan, images, frozenset(record)
        rows, entry = plan.rows, plan.entry
        self._sent = {
            INPUT: Messages(images, rows, entry.history, entry.places, entry.graded, checkpoints)
        }
        self._neurons: dict[str, Neurons] = {}
        if entry.neuron is not None:
            still = np.zeros(entry.places.width, np.int32)
            self._neurons[INPUT] = Neurons(
                entry.neuron, entry.places, entry.numbers, images, still, checkpoints
            )
        for layer in plan.layers:
            graded = layer.neuron.message_bits > 0
            self._sent[layer.name] = Messages(
                images, rows, layer.history, layer.places, graded, checkpoints
            )
            self._neurons[layer.name] = Neurons(
                layer.neuron, layer.places, layer.numbers, images, layer.bias, checkpoints
            )
        self._packed = {
            layer.name: [connection.numbers() for connection in layer.connections]
            for layer in plan.layers
        }
        self._pending = {
            (layer.name, i): np.zeros(
                (images, rows + connection.connection.longest_delay, layer.places.width), np.int32
            )
            for layer in plan.layers
            for i, connection in enumerate(layer.connections)
            if isinstance(connection.connection.delay, np.ndarray)
        }
        self._zeros = np.zeros(64, np.int32)
        self._sums = {
            name: np.zeros((images, self._together(of.places.width), of.places.width), np.int32)
            for name, of in self._neurons.items()
        }
        self._steps = tuple(steps)
        self._lead_in = {INPUT: 0, **{layer.name: layer.lead_in for layer in plan.layers}}
        self._sums_of = {name: of.sums for name, of in self._neurons.items()}
        if entry.neuron is None:
            self._sums_of[INPUT] = RunSums(entry.places.width, checkpoints)

    def run(self, frames: np.ndarray, halt: threading.Event, keys: np.ndarray) -> list[TileResult]:
        """Compute all rows of images from a network at rest; return the result of each checkpoint.

        Parameters
        ----------
        frames : (images, 1 or steps, n_inputs) int32
        halt : threading.Event
            Stops the run between some rows.
        keys : (images, 2) int64
            Words of the random source.
        """
        self._begin(frames, keys)
        row = -max((layer.lead_in for layer in self._plan.layers), default=0)
        found = []
        for checkpoint, end in enumerate(self._steps):
            for sums in self._sums_of.values():
                sums.advance(checkpoint)
            while row < end:
                if halt.is_set():
                    raise HaltedError
                rows = min(self._plan.rows, end - row)
                self._advance(row, rows)
                row += rows
            for sent in self._sent.values():
                sent.end(checkpoint)
            found.append(self._result())
        return found

    def _result(self) -> TileResult:
        readout = self._neurons[self._plan.network.readout.id]
        place = state_places(readout.neuron)[potential(self._plan.network)]
        potentials = readout.places.unpacked(readout.states[:, place])
        return TileResult(self._outputs.copy(), self._last, potentials, self._records)

    def sums(self, checkpoint: int) -> dict[str, LayerSums]:
        """Sums of all images so far, in the rows up to a checkpoint."""
        steps, places, found = self._steps[checkpoint], self._plan.entry.places, {}
        if self._plan.entry.neuron is None:
            last = self._sent[INPUT].last(places, checkpoint)
            found[INPUT] = self._sums_of[INPUT].summed(places, last, steps, checkpoint)
        for name, neuron in self._neurons.items():
            rows = steps + self._lead_in[name]
            found[name] = neuron.summed(self._sent[name], rows, checkpoint)
        return {name: found[name] for name in (INPUT, *self._plan.network.by_id)}

    def _begin(self, frames: np.ndarray, keys: np.ndarray) -> None:
        """Reset everything."""
        self._frames = self._plan.entry.places.packed(frames)
        for name, neuron in self._neurons.items():
            layer = self._plan.network.by_id.get(name)
            driven = layer is not None and layer.neuron.driven
            drive = layer_drive(layer, frames) if layer is not None and driven else None
            neuron.begin(drive, keys)
        for name, sums in self._sums_of.items():
            sums.begin(self._steps[-1] + self._lead_in[name])
        for sent in self._sent.values():
            sent.begin()
        for pending in self._pending.values():
            pending.fill(0)
        self._outputs = np.zeros((self._n, self._plan.network.readout.n_neurons), np.int64)
        self._records = [{} for _ in range(self._n)] if self._record else []

    def _advance(self, first: int, rows: int) -> None:
        """Compute rows first .. first + rows - 1 of every layer."""
        self._input(first, rows)
        for layer in self._plan.layers:
            begin = max(0, -layer.lead_in - first)
            sent = self._sent[layer.name]
            sent.z[:, sent.history : sent.history + min(begin, rows)] = 0
            if begin and layer.neuron.driven:
                self._wait(layer, min(begin, rows))
            self._layer(layer, begin, rows, first)
        for sent in self._sent.values():
            sent.advance(rows)

    def _input(self, first: int, rows: int) -> None:
        """Compute what the input sends; it is silent before row 0."""
        entry, sent = self._plan.entry, self._sent[INPUT]
        begin = min(max(0, -first), rows)
        z = sent.z[:, sent.history :]
        z[:, :begin] = 0
        if entry.neuron is None:
            sends = self._plan.network.sends_input
            for r in range(begin, rows):
                z[:, r] = self._frame(first + r) if sends else 0
            if sends:
                self._sums_of[INPUT].add(z[:, begin:rows], first + begin)
            self._keep(INPUT, {"z": z[:, begin:rows]})
            return
        constant = self._frames.shape[1] == 1
        buffer = self._sums[INPUT]
        together = buffer.shape[1] if constant else 1
        for r in range(begin, rows, together):
            frame = np.ascontiguousarray(self._frame(first + r))
            sums = buffer[:, : min(together, rows - r)]
            if isinstance(entry.neuron, DeltaNeuron):
                sums[:] = frame[:, None]
            self._update(INPUT, sums, r, frame, first)

    def _frame(self, row: int) -> np.ndarray:
        """Values of a row: (images, width)."""
        return self._frames[:, row % self._frames.shape[1]]

    def _together(self, width: int) -> int:
        """Rows whose sums stay in the cache."""
        return min(self._plan.rows, max(1, SUM_VALUES // (width * self._n)))

    def _layer(self, layer: PackedLayer, begin: int, rows: int, start: int) -> None:
        buffer = self._sums[layer.name]
        together = buffer.shape[1]
        for r in range(begin, rows, together):
            sums = buffer[:, : min(together, rows - r)]
            if not layer.connections:
                sums.fill(0)
            for i in range(len(layer.connections)):
                self._receive(layer, i, sums, r, fresh=i == 0)
            self._update(layer.name, sums, r, layer.bias, start)

    def _wait(self, layer: PackedLayer, rows: int) -> None:
        """Hold back messages to receivers with longer delays in rows before the layer's first."""
        for i, connection in enumerate(layer.connections):
            if isinstance(connection.connection.delay, np.ndarray):
                unused = np.zeros((self._n, rows, layer.places.width), np.int32)
                self._receive(layer, i, unused, 0)

    def _receive(
        self, layer: PackedLayer, i: int, sums: np.ndarray, row: int, fresh: bool = False
    ) -> None:
        """Add what a connection delivers in some rows to the sums; with `fresh` set them to it."""
        of = layer.connections[i]
        connection = of.connection
        if of.direct:
            self._products(layer, i, sums, row - connection.longest_delay, fresh)
            return
        if fresh:
            sums.fill(0)
        scratch = np.empty(sums.shape, np.int32)
        self._products(layer, i, scratch, row - connection.least_delay, fresh=True)
        e = connection.exponent
        rule = (max(e, 0), max(-e, 0), int(of.wrapped))
        delivered = np.zeros(sums.shape, np.int32)
        synapses.fold(delivered.ctypes.data, scratch.ctypes.data, sums.size, *rule)
        if isinstance(connection.delay, np.ndarray):
            self._delayed(layer, i, connection.delay - connection.least_delay, delivered, sums)
        else:
            sums += delivered

    def _delayed(
        self, layer: PackedLayer, i: int, delay: np.ndarray, delivered: np.ndarray, sums: np.ndarray
    ) -> None:
        """Hold back the sums of each receiver for its own rest of the delay."""
        pending, rows = self._pending[layer.name, i], sums.shape[1]
        delays = layer.places.packed(delay)
        columns = np.arange(len(delays))
        for r in range(rows):
            pending[:, r + delays, columns] += delivered[:, r]
        sums += pending[:, :rows]
        pending[:, :-rows] = pending[:, rows:].copy()
        pending[:, -rows:] = 0

    def _products(
        self, layer: PackedLayer, i: int, sums: np.ndarray, row: int, fresh: bool
    ) -> None:
        """Add weights times the messages of rows from `row` on; with `fresh` set sums to them."""
        of, packed = layer.connections[i], self._packed[layer.name][i]
        sent = self._sent[of.connection.source]
        rows = Rows(
            images=len(sums),
            rows=sums.shape[1],
            z=sent.address(row),
            z_image=sent.z.strides[0],
            z_row=sent.z.strides[1],
            a=sums.ctypes.data,
            a_image=sums.strides[0],
            a_row=sums.strides[1],
            graded=int(of.graded),
            zeros=self._zeros.ctypes.data if fresh else 0,
        )
        if packed is None:
            if fresh:
                sums.fill(0)
            arrays = (array.ctypes.data for array in of.arrays)
            synapses.add_diagonal(rows, of.connection.weights.n_in, *arrays)
        else:
            synapses.add_windows(rows, packed.numbers)

    def _update(self, name: str, sums: np.ndarray, row: int, bias: np.ndarray, start: int) -> None:
        """Update neurons and keep what is recorded; memory begins at row `start` of the images."""
        neuron, sent = self._neurons[name], self._sent[name]
        at = start + row + self._lead_in[name]
        states = neuron.update(sums, sent, row, bias, bool(self._record), at)
        z = sent.z[:, sent.history + row : sent.history + row + sums.shape[1]]
        if name == self._plan.network.readout.id:
            self._outputs += neuron.places.unpacked(z).sum(axis=1, dtype=np.int64)
            self._last = neuron.places.unpacked(z[:, -1]).astype(np.int32)
        if states is not None:
            kind = neuron.neuron
            held = {"a_in": sums}
            held |= {state: states[:, place] for state, place in state_places(kind).items()}
            held["z"] = z
            self._keep(name, held)

    def _keep(self, name: str, values: dict[str, np.ndarray]) -> None:
        """Append rows of recorded variables, (images, rows, width) each."""
        if not self._record:
            return
        places = self._plan.entry.places if name == INPUT else self._neurons[name].places
        for variable in filter(self._record.__contains__, values):
            rows = places.unpacked(values[variable]).astype(np.int32)
            for record, of_image in zip(self._records, rows, strict=True):
                of_layer = record.setdefault(name, {})
                old = of_layer.get(variable)
                of_layer[variable] = of_image if old is None else np.concatenate([old, of_image])
