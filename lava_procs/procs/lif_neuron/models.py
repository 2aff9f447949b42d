"""Model of the neurons in NumPy, written apart from the kind's program."""

# Lava declares ports and variables by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.lif_neuron.process import LifNeuron

MOST = 2**23 - 1
"""Largest magnitude of current and voltage."""


@implements(proc=LifNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLifNeuron(PyLoihiProcessModel):
    """Current, voltage, spikes and reset of all neurons in int64."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    current: np.ndarray = LavaPyType(np.ndarray, np.int64)
    voltage: np.ndarray = LavaPyType(np.ndarray, np.int64)
    last: np.ndarray = LavaPyType(np.ndarray, np.int64)
    current_keep: np.ndarray = LavaPyType(np.ndarray, np.int64)
    voltage_keep: np.ndarray = LavaPyType(np.ndarray, np.int64)
    bias: np.ndarray = LavaPyType(np.ndarray, np.int64)
    current_bias: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def run_spk(self) -> None:
        """Run one step."""
        a_in, of = self.a_in.recv().astype(np.int64), self.proc_params["constants"]
        self._restart()
        current = _decayed(self.current, self.current_keep) + a_in * of["scale"]
        self.current = np.clip(current + self.current_bias, -MOST, MOST)
        voltage = _decayed(self.voltage, self.voltage_keep) + self.current + self.bias
        if of["next_row"]:
            voltage = self._after(voltage, self.last)
        voltage = np.clip(voltage, -MOST, MOST)
        self.last = np.clip(voltage // of["threshold"], 0, of["most"])
        if not of["next_row"]:
            voltage = self._after(voltage, self.last)
        self.voltage = np.clip(voltage, -MOST, MOST)
        self.s_out.send(self.last.astype(np.int32))
        if record := self.proc_params["record"]:
            found = {
                "a_in": a_in,
                "current": self.current,
                "voltage": self.voltage,
                "last": self.last,
            }
            self.trace.send(np.stack([found[name] for name in record]).astype(np.int32))

    def _restart(self) -> None:
        """Reset all states where an image begins, as Lava's LIFReset does."""
        restart = self.proc_params["restart"]
        if restart is not None and self.time_step % restart[0] == restart[1] % restart[0]:
            for state in (self.current, self.voltage, self.last):
                state[:] = 0

    def _after(self, voltage: np.ndarray, spikes: np.ndarray) -> np.ndarray:
        """Voltage after the reset for a number of spikes."""
        of = self.proc_params["constants"]
        if of["to_zero"]:
            return np.where(spikes > 0, 0, voltage)
        return voltage - spikes * of["amount"]


def _decayed(state: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Keep a part of a state, rounded toward zero."""
    return np.sign(state) * ((np.abs(state) * keep) >> 12)
