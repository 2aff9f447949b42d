"""The recurrent Poisson layer as a block of lava-dl's netx."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.proc.dense.process import Dense
from lava.utils.weightutils import SignMode

from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron


class PoissonRecurrent(AbstractProcess):
    """Poisson neurons and the Dense synapse through which they inhibit each other.

    netx's own RecurrentDense is not used: it gives the recurrent synapse the input's
    message bits (0, so that graded counts become true or false) and drops its sign mode.

    Parameters
    ----------
    weight_rec : (K, K) int in -128..127
    n_pixels : int
        Width of `inp`, which stands for the image; the drive is computed on the host.
    payload_bits : int
    neuron : dict
        Arguments of `PoissonNeuron`.
    """

    def __init__(
        self, *, weight_rec: np.ndarray, n_pixels: int, payload_bits: int, neuron: dict
    ) -> None:
        super().__init__()
        k = len(weight_rec)
        self.shape = (k,)
        self.input_message_bits = 0
        self.output_message_bits = payload_bits
        self.inp = InPort(shape=(n_pixels,))
        self.out = OutPort(shape=(k,))
        self.neuron = PoissonNeuron(payload_bits=payload_bits, **neuron)
        self.synapse = exact_dense(weight_rec, payload_bits)
        self.neuron.s_out.connect(self.synapse.s_in)
        self.synapse.a_out.connect(self.neuron.a_in)
        self.neuron.s_out.connect(self.out)


def exact_dense(weight: np.ndarray, payload_bits: int) -> Dense:
    """Lava's Dense that multiplies by exactly these weights.

    With mixed signs Lava's 8-bit Dense keeps even numbers only: it is given twice the
    weights and half the scale, so that every product is exact. The sign mode is named,
    since Lava would otherwise guess it from the values.

    Parameters
    ----------
    weight : (n_out, n_in) int in -128..127
    payload_bits : int
    """
    return Dense(
        weights=2 * np.asarray(weight, dtype=np.int32),
        weight_exp=-1,
        num_weight_bits=8,
        sign_mode=SignMode.MIXED,
        num_message_bits=payload_bits,
    )
