"""Fixed-point model of the graded neuron for Lava's CPU simulator."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.neuron_base import PyNeuronBase
from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
from ipvae.network.rules.neuron_step import graded_output, next_potential


@implements(proc=GradedNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "bit_accurate_loihi")
class PyGradedNeuronFixed(PyNeuronBase):
    """Receive, update, send; every state is a 24-bit integer."""

    def _begin(self, received: np.ndarray) -> None:
        """Store the next image's drives; restore the start state."""
        self._take_drives(received)
        self.u = np.zeros_like(self.u)

    def _update(self, t: int, a_in: np.ndarray) -> None:
        if t > 0 or not self._layer.memory:
            u = next_potential(self._layer, self.u, self.drive, a_in)
            self.u = u.astype(np.int32)

    def _emit(self, t: int) -> None:
        del t
        self.z = graded_output(self._layer, self.u).astype(np.int32)
