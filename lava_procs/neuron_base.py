"""Common base of neuron processes: ports, states, and the steps of an image.

This module is outside `procs`, since Lava imports every file in the folder of a process.
"""

# Lava declares ports and variables by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportIndexIssue=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from abc import abstractmethod
from typing import Any

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess, LogConfig
from lava.magma.core.process.variable import Var

from ipvae.lava_procs.schedule import Schedule, trace_shape
from ipvae.lava_procs.supervision.heartbeat import Heartbeat
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.selection import LayerRecord


class NeuronBase(AbstractProcess):
    """Neurons of one layer, which update at the rows of their schedule and are idle between.

    In each image, of `schedule.length` steps of the chip::

        first step:  drives, ... = image.recv();  u, z = start
        live:        drive = image.recv() where a later frame begins
        all steps:   x = a_in.recv()
        row t:       drive = drives[frame of t];  a_in = 0 if t = 0 and lag = 1, else x
                     u, z = act(t, a_in);  s_out.send(z)
        no row:      s_out.send(0)

    After the last step the next image begins: a reset without rebuilding. Without a schedule the
    neurons run without end: every step is a row, and `image` and `trace` are not used.

    Parameters
    ----------
    layer : PoissonLayer or GradedLayer
        Update rule of the neurons. Its weights are not used; `drive` and `a_in` replace them.
    schedule : Schedule, optional
    record : LayerRecord, optional
        Recorded values, sent through `trace`; nothing by default.
    u_init, drive : (K,) int
        Start values.
    n_image : int
        Number of values that an image sends in addition to the drives of its frames.
    hosted : bool
        True if the host accesses the neurons through variables, as a board allows, and not through
        `image` and `trace` (docs/loihi2.md).
    name, log_config : optional
        As for any Lava process.
    parameters
        Further parameters of the model.

    Ports
    -----
    a_in : (K,) accumulated input; zeros without a connection
    s_out : (K,) output
    image : (frames K + n_image,) drives and the image's other values, received at its first step
    trace : (rows, variables, neurons) recorded rows; an image's last message may end in unused rows
    With `hosted`, the variable `received` replaces the last two ports: (K,) a_in of the last row.
    """

    _runtime = None  # Lava's __del__ requires it even if __init__ has raised

    def __init__(
        self,
        *,
        layer: AnyLayer,
        schedule: Schedule | None,
        record: LayerRecord | None,
        u_init: np.ndarray,
        drive: np.ndarray,
        n_image: int,
        hosted: bool,
        name: str | None,
        log_config: LogConfig | None,
        **parameters: Any,
    ) -> None:
        super().__init__(
            layer=layer,
            schedule=schedule,
            record=record,
            heartbeat=Heartbeat(),
            name=name,
            log_config=log_config,
            **parameters,
        )
        k = layer.n_neurons
        n_frames, n_steps = (1, 1)
        if schedule is not None:
            n_frames, n_steps = schedule.frames, schedule.message_steps
        self.a_in = InPort(shape=(k,))
        self.s_out = OutPort(shape=(k,))
        if hosted:
            self.received = Var(shape=(k,), init=0)
        else:
            self.image = InPort(shape=(n_frames * k + n_image,))
            self.trace = OutPort(shape=trace_shape(record, n_steps))
        self.u = Var(shape=(k,), init=u_init)
        self.z = Var(shape=(k,), init=0)
        self.drive = Var(shape=(k,), init=drive)
        self.step = Var(shape=(1,), init=0)


class PyNeuronBase(PyLoihiProcessModel):
    """Steps of an image; subclasses define the start state, the update and the output."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    image: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # potential or log-rate
    z: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # last output
    drive: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=22)
    step: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # of the chip, in the image

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self._layer = proc_params["layer"]
        self._schedule: Schedule | None = proc_params["schedule"]
        self._record: LayerRecord | None = proc_params["record"]
        self._heartbeat: Heartbeat = proc_params["heartbeat"]
        self._message = None
        self._recorded = 0  # rows of this image

    def run_spk(self) -> None:
        """Run one step of the chip."""
        step, mark = int(self.step[0]), self._heartbeat.mark
        self._heartbeat.begin(step)
        mark("waiting for input")
        received = np.asarray(self.a_in.recv())
        if self._schedule is None:
            self._act(step, received, lag=int(self._layer.memory))
            mark("between two steps")
            self.step[0] = step + 1
            return
        if step == 0:
            mark("waiting for an image")
            self._begin(self.image.recv().astype(np.int32))
            self._recorded = 0
        t = self._schedule.row(step)
        if self._schedule.begins_frame(t):
            mark("waiting for a frame")
            self._take_drives(self.image.recv().astype(np.int32)[: len(self.u)])
        if t < 0:
            self.s_out.send(np.zeros_like(self.z))
        else:
            self.drive = self._drives[self._schedule.frame(t)]
            a_in = self._act(t, received, self._schedule.lag)
            mark("recording")
            self._remember(t, a_in)
        mark("between two steps")
        self.step[0] = self._schedule.following(step)

    def _act(self, t: int, received: np.ndarray, lag: int) -> np.ndarray:
        """Update and send in row t; return the synaptic input used."""
        a_in = received.astype(np.int64)
        if t < lag:
            a_in[:] = 0  # input delayed by the synapse belongs to the image before
        self._heartbeat.mark("updating")
        self._update(t, a_in)
        self._emit(t)
        self._heartbeat.mark("sending")
        self.s_out.send(self.z)
        return a_in

    def _take_drives(self, received: np.ndarray) -> None:
        """Store the drives of all frames."""
        self._drives = received.reshape(-1, self._layer.n_neurons)

    @abstractmethod
    def _begin(self, received: np.ndarray) -> None:
        """Store the next image's values, int32, and restore the start state."""

    @abstractmethod
    def _update(self, t: int, a_in: np.ndarray) -> None:
        """Set `u` in row t; a_in is (K,) int64."""

    @abstractmethod
    def _emit(self, t: int) -> None:
        """Set `z` in row t."""

    def _remember(self, t: int, a_in: np.ndarray) -> None:
        """Store recorded values of this row; send a message when it is full or the image ends."""
        record = self._record
        if record is None or t % record.every:
            return
        if self._message is None:
            self._message = np.zeros(self.trace.shape, dtype=np.int32)
            self._index = record.index
        now = {"a_in": a_in, "u": self.u, "z": self.z}
        row = self._recorded % len(self._message)
        for place, variable in enumerate(record.variables):
            self._message[row, place] = now[variable][self._index]
        self._recorded += 1
        done = t + record.every > self._schedule.n_steps
        if row == len(self._message) - 1 or done:
            self.trace.send(self._message)
