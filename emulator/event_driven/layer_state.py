"""State of one layer in a tile: its neurons, and the rows of messages that they sent."""

import numpy as np

from ipvae.emulator.event_driven import neurons
from ipvae.emulator.event_driven.driven import LIMITS, ROWS, DrivenRows
from ipvae.emulator.event_driven.kinds import KERNELS, ByProgram, state_places
from ipvae.emulator.event_driven.packing import Places
from ipvae.emulator.event_driven.run_sums import RunSums
from ipvae.emulator.kind_programs import ProgramRows
from ipvae.network.kinds import NeuronKind
from ipvae.network.traces.network_totals import LayerSums


class Messages:
    """Rows of messages of a layer, with the rows before them that delayed connections need."""

    def __init__(
        self,
        images: int,
        rows: int,
        history: int,
        places: Places,
        graded: bool,
        checkpoints: int = 1,
    ) -> None:
        self.history, self.graded = history, graded
        kind = np.int32 if graded else np.uint8
        self.z = np.zeros((images, history + rows, places.width), kind)
        self._last = np.zeros((checkpoints, 2, history, places.width), np.int64)

    def address(self, row: int) -> int:
        """Address of a row of the first image; rows of the past are below 0."""
        return self.z.ctypes.data + (self.history + row) * self.z.strides[1]

    def advance(self, rows: int) -> None:
        """Keep the last rows as the past of the next ones."""
        if self.history:
            self.z[:, : self.history] = self.z[:, rows : rows + self.history].copy()

    def begin(self) -> None:
        """Forget the rows of earlier images."""
        self.z[:, : self.history] = 0

    def end(self, checkpoint: int = 0) -> None:
        """Add the last rows to the sums of last rows before a checkpoint."""
        if self.history:
            past = np.abs(self.z[:, : self.history].astype(np.int64))
            self._last[checkpoint] += np.stack([(past > 0).sum(axis=0), past.sum(axis=0)])

    def last(self, places: Places, checkpoint: int = 0) -> np.ndarray:
        """Messages and sizes of each neuron in the last rows of all images: (2, D, n) int64."""
        return places.unpacked(self._last[checkpoint])


class Neurons:
    """State and sums of a layer's neurons in a tile."""

    def __init__(
        self,
        neuron: NeuronKind,
        places: Places,
        numbers: np.ndarray,
        images: int,
        bias: np.ndarray,
        checkpoints: int = 1,
    ) -> None:
        self.neuron, self.places, self.numbers = neuron, places, numbers
        width = places.width
        self.states = np.zeros((images, max(3, len(neuron.states)), width), np.int32)
        self.program: ByProgram | DrivenRows | ProgramRows | None = None
        if type(neuron) not in KERNELS:
            other = ByProgram if neuron.driven else ProgramRows
            self.program = ROWS.get(type(neuron), other)(neuron, places, bias, images)
        self.scratch = np.zeros(width, np.int32)
        self.sums = RunSums(width, checkpoints)
        self._drive: np.ndarray | None = None

    def update(
        self, sums: np.ndarray, sent: Messages, row: int, bias: np.ndarray, recorded: bool, at: int
    ) -> np.ndarray | None:
        """Update rows with the sums (images, rows, width); return their states if recorded.

        Rows of the sums follow one another in memory, images need not. `at` is the number of the
        first one within an image, lead-in rows included.
        """
        images, rows, width = sums.shape
        part = self.sums.part
        by_row = np.zeros((images, rows), np.int64)
        shape = (images, self.states.shape[1], rows, width)
        states = np.zeros(shape, np.int32) if recorded else None
        of = neurons.Update(
            images=images,
            rows=rows,
            width=width,
            numbers=self.numbers.ctypes.data,
            a=sums.ctypes.data,
            a_image=sums.strides[0],
            bias=bias.ctypes.data,
            bias_image=bias.strides[0] if bias.ndim > 1 else 0,
            states=self.states.ctypes.data,
            state_image=self.states.strides[0],
            z=sent.address(row),
            z_image=sent.z.strides[0],
            messages=part.messages.ctypes.data,
            sizes=part.sizes.ctypes.data,
            scratch=self.scratch.ctypes.data,
            by_row=by_row.ctypes.data,
            limits=part.limits.ctypes.data,
            recorded=0 if states is None else states.ctypes.data,
            recorded_image=0 if states is None else states.strides[0],
            recorded_state=0 if states is None else states.strides[1],
        )
        kernel = KERNELS.get(type(self.neuron))
        if kernel is not None:
            kernel.update(self.neuron, of)
        elif isinstance(self.program, ProgramRows):
            self.program.update(of, sums, self.states)
        else:
            self._by_program(sums, sent, row, by_row, states, at)
        self.sums.add_rows(by_row, at)
        return states

    def _by_program(
        self,
        sums: np.ndarray,
        sent: "Messages",
        row: int,
        by_row: np.ndarray,
        states: np.ndarray | None,
        at: int,
    ) -> None:
        """Update rows one by one."""
        assert isinstance(self.program, (ByProgram, DrivenRows))
        part = self.sums.part
        if isinstance(self.program, DrivenRows):
            self.program.limits = part.limits
        for r in range(sums.shape[1]):
            drive = None if self._drive is None else self._drive[:, (at + r) % len(self._drive[0])]
            z, found = self.program.row(np.ascontiguousarray(sums[:, r]), drive)
            sent.z[:, sent.history + row + r] = z
            size = np.abs(z.astype(np.int64))
            part.messages += (size > 0).sum(axis=0)
            part.sizes += size.sum(axis=0)
            by_row[:, r] = (size > 0).sum(axis=1)
            for name, values in found.items():
                place = state_places(self.neuron)[name]
                self.states[:, place] = values
                if states is not None:
                    states[:, place, r] = values

    def begin(self, drive: np.ndarray | None = None, keys: np.ndarray | None = None) -> None:
        """Reset the state for new images; sums are kept.

        Parameters
        ----------
        drive : (images, 1 or rows, neurons) int32, of kinds that have one
        keys : (images, 2) int64
            Words of the random source.
        """
        self.states.fill(0)
        self._drive = drive
        if self.program is not None:
            self.program.begin(keys)

    def set_drive(self, drive: np.ndarray) -> None:
        """Set the drive of the following rows: (images, 1 or rows, neurons) int32."""
        self._drive = drive

    def summed(self, sent: "Messages", rows: int, checkpoint: int) -> LayerSums:
        """Sums of all images so far, in the rows up to a checkpoint."""
        kernel = KERNELS.get(type(self.neuron))
        names = () if kernel is None else kernel.limits
        if isinstance(self.program, DrivenRows):
            names = LIMITS
        last = sent.last(self.places, checkpoint)
        return self.sums.summed(self.places, last, rows, checkpoint, names, sent.graded)
