"""Models of the Poisson neuron for Lava's CPU simulator."""

# Lava declares ports and variables by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.models.count_kernel import draw_counts
from ipvae.lava_procs.neuron_base import PyNeuronBase
from ipvae.lava_procs.procs.poisson_neuron.process import KEY_WORDS, PoissonNeuron
from ipvae.network.rules import random_source
from ipvae.network.rules.neuron_step import next_log_rate
from ipvae.network.rules.poisson import thresholds


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "bit_accurate_loihi")
class PyPoissonNeuronFixed(PyNeuronBase):
    """Receive, update, draw (or replay), send; every state is a 24-bit integer."""

    draws: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    image_key: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self._replays: bool = proc_params["replay"]
        self._started: bool = proc_params["started"]
        self._replayed = None
        word = proc_params["key_layer"]
        self._neuron_key = random_source.neuron_keys(word, self._layer.n_neurons)

    def _begin(self, received: np.ndarray) -> None:
        """Store the next image's drives and key; restore the start state."""
        drives, self.image_key = np.split(received, [-KEY_WORDS])
        self.u = self._layer.u_init.copy()
        if self._started:
            drives, self.u = np.split(drives, [-len(self.u)])
        self._take_drives(drives)
        self.z = np.zeros_like(self.u)

    def _update(self, t: int, a_in: np.ndarray) -> None:
        if t > 0 or not self._layer.memory:
            u = next_log_rate(self._layer, self.u, self.z, self.drive, a_in)
            self.u = u.astype(np.int32)

    def _emit(self, t: int) -> None:
        if self._replays:
            self._replay(t)
        else:
            self._draw(t)

    def _draw(self, t: int) -> None:
        self._heartbeat.mark("drawing")
        image_a, image_b = self.image_key.astype(np.uint32)
        u = self.u >> self._layer.finer_bits
        most = self._layer.count_max
        self.z = draw_counts(u, image_a, image_b, *self._neuron_key, t, thresholds(), most)

    def _replay(self, t: int) -> None:
        """Set a recorded count; receive the next message of counts when it is due."""
        row = t % self.draws.shape[0]
        if row == 0:
            self._heartbeat.mark("waiting for draws")
            self._replayed = self.draws.recv().astype(np.int32)
        self.z = self._replayed[row].copy()


@implements(proc=PoissonNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyPoissonNeuronFloat(PyLoihiProcessModel):
    """Poisson neuron without rounding, to measure the effect of integer arithmetic.

    Counts are NumPy's, z ~ Poisson(2**(u / 2**frac_bits)), from a generator with the image's key.
    It runs without end and does not support images.
    """

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    image: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    trace: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    draws: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, float)
    z: np.ndarray = LavaPyType(np.ndarray, float)
    drive: np.ndarray = LavaPyType(np.ndarray, float)
    step: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    image_key: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self._layer = proc_params["layer"]
        if proc_params["schedule"] is not None or self._layer.ceiling:
            raise ValueError(
                "PoissonNeuron, floating_pt: found a schedule or a ceiling, allowed is neither; "
                "select the tag fixed_pt"
            )
        self._generator = None

    def run_spk(self) -> None:
        """Run one step."""
        layer = self._layer
        received = self.a_in.recv()
        if self.step[0] > 0 or not layer.memory:
            change = self.drive + layer.sign * received * 2.0**layer.weight_exp
            change = np.clip(change - layer.self_weight * self.z, layer.du_min, layer.du_max)
            start = self.u if layer.memory else layer.u_init
            self.u = np.clip(start + change, layer.u_min, layer.u_max)
        if self._generator is None:
            self._generator = np.random.default_rng(self.image_key)
        rate = np.exp2(self.u / 2**layer.frac_bits)
        self.z = np.minimum(self._generator.poisson(rate), layer.count_max).astype(float)
        self.s_out.send(self.z)
        self.step[0] += 1
