"""Model of the delay line: a ring buffer of messages."""

# Lava declares ports by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportAttributeAccessIssue=false

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.delay_line.process import DelayLine


@implements(proc=DelayLine, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyDelayLine(PyLoihiProcessModel):
    """Store a message, send those that are due."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        delays = proc_params["delays"]
        self._shape = delays.shape
        self._delays = delays.reshape(-1)
        self._elements = np.arange(delays.size)
        self._ring = np.zeros((int(delays.max()) + 1, delays.size), np.int32)
        self._start, self._step = proc_params["start"], 0

    def run_spk(self) -> None:
        """Run one step of the chip."""
        received = np.asarray(self.inp.recv()).reshape(-1)
        now = self._step % len(self._ring)
        self._ring[now] = received if self._step >= self._start else 0
        due = (now - self._delays) % len(self._ring)
        self.out.send(self._ring[due, self._elements].reshape(self._shape))
        self._step += 1
