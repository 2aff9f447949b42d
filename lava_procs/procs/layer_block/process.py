"""One layer as a block of lava-dl's netx."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.proc.dense.process import Dense

from ipvae.errors import DescriptionError
from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
from ipvae.lava_procs.schedule import Schedule
from ipvae.lava_procs.synapses import fixed_point
from ipvae.network.layers import PoissonLayer
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.selection import LayerRecord


class LayerBlock(AbstractProcess):
    """Neurons, and the Dense synapse for messages from a layer.

    netx's own Dense and RecurrentDense are not used: they give synapses the input's message bits
    (0, so that graded counts become true or false) and omit their sign mode.

    Parameters
    ----------
    layer : PoissonLayer or GradedLayer
        Update rule of the neurons.
    schedule : Schedule
    n_pixels : int
        Width of `inp`, which represents the image; the host computes the drive.
        weight_rec : (K, J) int in -128..127, None for a layer without synaptic input
    presynaptic_bits : int
        Width of the received messages.
    recurrent : bool
        True if the layer receives its own messages.
    record : LayerRecord, optional
        Recorded values of the neurons.
    replay : bool
        True if Poisson neurons replay recorded counts instead of drawing.
    hosted : bool
        True if the host accesses the neurons through variables.

    Ports
    -----
    inp : (n_pixels,) without a connection inside
    presynaptic : (J,) messages of another layer; only with such a source
    out : (K,) output of the neurons
    """

    def __init__(
        self,
        *,
        layer: AnyLayer,
        schedule: Schedule,
        n_pixels: int,
        weight_rec: np.ndarray | None,
        presynaptic_bits: int,
        recurrent: bool,
        record: LayerRecord | None = None,
        replay: bool = False,
        hosted: bool = False,
    ) -> None:
        super().__init__()
        k = layer.n_neurons
        self.shape = (k,)
        self.input_message_bits = 0
        self.output_message_bits = message_bits(layer)
        self.inp = InPort(shape=(n_pixels,))
        self.out = OutPort(shape=(k,))
        if isinstance(layer, PoissonLayer):
            self.neuron = PoissonNeuron.of(layer, schedule, record, replay, hosted)
        else:
            self.neuron = GradedNeuron(layer=layer, schedule=schedule, record=record, hosted=hosted)
        self.neuron.s_out.connect(self.out)
        if weight_rec is None:
            return
        self.synapse = exact_dense(weight_rec, presynaptic_bits)
        self.synapse.a_out.connect(self.neuron.a_in)
        if recurrent:
            self.neuron.s_out.connect(self.synapse.s_in)
        else:
            self.presynaptic = InPort(shape=(weight_rec.shape[1],))
            self.presynaptic.connect(self.synapse.s_in)


def message_bits(layer: AnyLayer) -> int:
    """Width of a layer's messages, including a sign bit if needed; at least 1."""
    if isinstance(layer, PoissonLayer):
        return layer.payload_bits
    low, high = layer.sent
    return max(1, max(high, -low - 1).bit_length() + (low < 0))


def exact_dense(weight: np.ndarray, message_bits: int) -> Dense:
    """Return Lava's Dense that multiplies by exactly these weights (`synapses.fixed_point`).

    Parameters
    ----------
    weight : (n_out, n_in) int in -128..127
    message_bits : int
        At least 1: with 0, Lava would interpret messages as true or false. Otherwise its model
        multiplies by the messages unchanged, signs included, whatever their width.

    Raises
    ------
    DescriptionError
        If a weight needs a ninth bit.
    """
    weight = np.asarray(weight, dtype=np.int32)
    if weight.min() < -128 or weight.max() > 127:
        raise DescriptionError(
            f"Dense: weights {weight.min()}..{weight.max()}, allowed -128..127, what 8 bits hold"
        )
    return Dense(**fixed_point(weight), num_message_bits=message_bits)
