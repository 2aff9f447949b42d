"""Layer of a plain lava-dl network as Lava processes: synapses and their target neurons."""

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIFReset
from lava.proc.sdn.process import Sigma, SigmaDelta
from lava.utils.weightutils import SignMode

from ipvae.lava_procs.procs.layer_block.process import exact_dense
from ipvae.network.lava_dl_network import (
    SIGMA_SHIFT,
    SPIKE_EXP,
    STATE_SHIFT,
    ConvSynapses,
    CubaNeuron,
    Neuron,
    PlainLayer,
)

GRADED_BITS = 16
"""Width of a sigma-delta message; CUBA messages are boolean, 0 bits."""


class PlainBlock(AbstractProcess):
    """Synapses and neurons of one layer, as lava-dl's netx would build them, but exact.

    netx's own dense block rewrites the weights (`optimize_weight_bits`) and loses their sign mode.
    That fails if all weights are zero, and is silently wrong if all are negative and one is -256.
    It also needs nine bits for a synapse if odd weights of both signs exceed 127.

    Parameters
    ----------
    layer : PlainLayer
    graded : bool
        True if messages are integers, False if they are boolean.
    reset : (interval, offset) or None
        Interval of the CUBA neurons' resets in chip steps, and the step of the first reset.

    Attributes
    ----------
    shape : (n,), or (width, height, channels) as in Lava

    Ports
    -----
    inp : messages of the previous layer, (n_in,) or (width, height, channels)
    out : output of the neurons
    """

    def __init__(self, *, layer: PlainLayer, graded: bool, reset: tuple[int, int] | None) -> None:
        super().__init__()
        bits = GRADED_BITS if graded else 0
        self.shape = tuple(int(n) for n in layer.shape[::-1])
        self.synapse: Any = _synapse(layer, bits)
        self.neuron: Any = _neuron(layer.neuron, self.shape, layer.bias, reset)
        self.inp = InPort(shape=self.synapse.s_in.shape)
        self.out = OutPort(shape=self.neuron.s_out.shape)
        self.inp.connect(self.synapse.s_in)
        self.synapse.a_out.connect(self.neuron.a_in)
        self.neuron.s_out.connect(self.out)


def _synapse(layer: PlainLayer, message_bits: int) -> Dense | Conv:
    synapses = layer.synapses
    if not isinstance(synapses, ConvSynapses):
        return exact_synapse(synapses.weight, message_bits)
    # Lava uses (width, height) where lava-dl uses (height, width), and a flipped kernel.
    kernel = synapses.weight.astype(int)[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)
    return Conv(
        weight=kernel,
        input_shape=_reversed(synapses.in_shape),
        stride=_reversed(synapses.stride),
        padding=_reversed(synapses.padding),
        dilation=_reversed(synapses.dilation),
        groups=synapses.groups,
        num_message_bits=message_bits,
    )


def _reversed(sizes: tuple[int, ...]) -> Any:
    """Convert sizes along (y, x) to sizes along (x, y)."""
    return sizes[::-1]


def _neuron(
    neuron: Neuron, shape: tuple[int, ...], bias: np.ndarray | None, reset: tuple[int, int] | None
) -> LIFReset | Sigma | SigmaDelta:
    """Neurons of a layer; `bias` is (n,), or one for each channel."""
    each: Any = None if bias is None else np.broadcast_to(bias, shape).astype(np.int32)
    if isinstance(neuron, CubaNeuron):
        assert reset is not None
        return LIFReset(
            shape=shape,
            vth=neuron.threshold,
            du=neuron.current_decay - 1,
            dv=neuron.voltage_decay,
            bias_exp=STATE_SHIFT,
            reset_interval=reset[0],
            reset_offset=reset[1],
            bias_mant=0 if each is None else each,
        )
    if neuron.sums:
        return Sigma(shape=shape)
    return SigmaDelta(
        shape=shape,
        vth=neuron.threshold,
        spike_exp=SPIKE_EXP,
        state_exp=SIGMA_SHIFT - SPIKE_EXP,
        bias=0 if each is None else each,
    )


def exact_synapse(weight: np.ndarray, message_bits: int) -> Dense:
    """Return Lava's Dense that multiplies by exactly these weights, within 8-bit synapses.

    Parameters
    ----------
    weight : (n_out, n_in) int
        In -128..127, or even and in -256..254, or of one sign and below 256 in magnitude.
    message_bits : int
        0 for boolean messages.
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
