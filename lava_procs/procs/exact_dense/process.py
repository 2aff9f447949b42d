"""netx's dense block with synapses that multiply by the weights as they are."""

from typing import Any

import numpy as np
from lava.lib.dl.netx.blocks.process import AbstractBlock
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.proc.dense.process import Dense
from lava.utils.weightutils import SignMode

from ipvae.lava_procs.procs.layer_block.process import exact_dense


class ExactDense(AbstractBlock):
    """Dense synapses and the neurons behind them.

    netx's own Dense rewrites the weights (`optimize_weight_bits`) and loses their sign mode. That
    fails where all are zero, is silently wrong where all are negative and one is -256, and wants
    nine bits of a synapse where odd weights of both signs exceed 127.

    Parameters
    ----------
    shape : (n_out,)
    neuron_params : dict
        As netx's `get_neuron_params` makes it.
    weight : (n_out, n_in) int
        Within what `network.plain_net.require_chip_weights` allows.
    bias : (n_out,) int or None
    input_message_bits : int
        0 where messages are true or false.

    Ports
    -----
    inp : (n_in,) messages of the layer before
    out : (n_out,) what the neurons send
    """

    def __init__(
        self,
        *,
        shape: tuple[int],
        neuron_params: dict,
        weight: np.ndarray,
        bias: np.ndarray | None,
        input_message_bits: int,
    ) -> None:
        super().__init__(
            shape=shape, neuron_params=neuron_params, input_message_bits=input_message_bits
        )
        self.synapse = exact_synapse(weight, input_message_bits)
        neuron: Any = self._neuron(bias)  # pyright: ignore[reportArgumentType]
        self.neuron = neuron
        self.inp = InPort(shape=self.synapse.s_in.shape)
        self.out = OutPort(shape=neuron.s_out.shape)
        self.inp.connect(self.synapse.s_in)
        self.synapse.a_out.connect(neuron.a_in)
        neuron.s_out.connect(self.out)
        self._clean()


def exact_synapse(weight: np.ndarray, message_bits: int) -> Dense:
    """Lava's Dense that multiplies by exactly these weights, in the 8 bits of a synapse.

    Parameters
    ----------
    weight : (n_out, n_in) int
        In -128..127, or even and in -256..254, or of one sign and below 256 in size.
    message_bits : int
        0 where messages are true or false.
    """
    low, high = int(weight.min()), int(weight.max())
    if low >= -128 and high <= 127:
        return exact_dense(weight, message_bits)
    if not (weight % 2).any():
        mode = SignMode.MIXED
    else:
        mode = SignMode.EXCITATORY if low >= 0 else SignMode.INHIBITORY
    return Dense(
        weights=np.asarray(weight, dtype=np.int32),
        weight_exp=0,
        num_weight_bits=8,
        sign_mode=mode,
        num_message_bits=message_bits,
    )
