"""Fixed-point model of the Poisson neuron for Lava's CPU simulator."""

# Lava declares ports and variables by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportIndexIssue=false, reportOptionalSubscript=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
from ipvae.network import poisson, random_source
from ipvae.network.arithmetic import FRAC_BITS, clip, scale_input, self_inhibition


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "bit_accurate_loihi")
class PyPoissonNeuronFixed(PyLoihiProcessModel):
    """Receive, update, draw (or replay), send; every state a 24-bit integer."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    image: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    draws: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    u_init: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # Q11.12 octaves
    self_weight: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # Q11.12 octaves
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # log-rate, Q11.12 octaves
    z: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # last count
    drive: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)  # Q11.12 octaves
    image_key: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    step: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self._n_steps = proc_params["n_steps"]
        self._count = self._replay if proc_params["replay"] else self._draw
        self._replayed = None
        self._neuron_key = None
        self._record = None

    def run_spk(self) -> None:
        """Run one step."""
        a_in = self.a_in.recv().astype(np.int64)
        t = int(self.step[0])
        if t == 0:
            a_in[:] = 0  # what the synapse held back belongs to the image before
            self._reset()
        else:
            self._update(a_in)
        self._count(t)
        self.s_out.send(self.z)
        self._remember(t, a_in)
        self.step[0] = 0 if t == self._n_steps else t + 1

    def _reset(self) -> None:
        """Take the next image's drive and key; restore the start of a run."""
        received = self.image.recv()
        self.drive = received[:-2].astype(np.int32)
        self.image_key = received[-2:].astype(np.int32)
        self.u = self.u_init.copy()
        self.z = np.zeros_like(self.u)

    def _update(self, a_in: np.ndarray) -> None:
        params = self.proc_params
        change = (
            self.drive.astype(np.int64)
            - scale_input(a_in, params["weight_exp"])
            - self_inhibition(self.self_weight, self.z)
        )
        change = clip(change, params["du_min"], params["du_max"])
        self.u = clip(self.u + change, params["u_min"], params["u_max"]).astype(np.int32)

    def _draw(self, t: int) -> None:
        if self._neuron_key is None:
            self._neuron_key = random_source.neuron_keys(self.proc_params["layer"], len(self.u))
        neuron_a, neuron_b = self._neuron_key
        image_key = self.image_key[:1].astype(np.uint32), self.image_key[1:].astype(np.uint32)

        def uniform(sub_draw: int, index: np.ndarray | None) -> np.ndarray:
            chosen = slice(None) if index is None else index
            keys = neuron_a[chosen], neuron_b[chosen]
            return random_source.uniforms(image_key, keys, t, sub_draw)

        fine = self.proc_params["frac_bits"] - FRAC_BITS
        count = poisson.draw(self.u >> fine, uniform)
        self.z = np.minimum(count, self.proc_params["count_max"]).astype(np.int32)

    def _replay(self, t: int) -> None:
        """Take a recorded count; receive the next message of them when it is due."""
        row = t % self.draws.shape[0]
        if row == 0:
            self._replayed = self.draws.recv().astype(np.int32)
        self.z = self._replayed[row].copy()

    def _remember(self, t: int, a_in: np.ndarray) -> None:
        """Keep this step for the trace; send a message when it is full or the image done."""
        if self._record is None:
            self._record = np.zeros(self.trace.shape, dtype=np.int32)
        row = t % len(self._record)
        self._record[row] = a_in, self.u, self.z
        if row == len(self._record) - 1 or t == self._n_steps:
            self.trace.send(self._record)
