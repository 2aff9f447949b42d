"""Network as a Lava process, built from its description in memory."""

from typing import Any

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess

from ipvae.lava_procs.procs.layer_block.process import LayerBlock, message_bits
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.description import IntNetwork
from ipvae.network.schedule import ScheduledLayer
from ipvae.network.traces.selection import EVERYTHING, Record


class LayeredNetwork(AbstractProcess):
    """Layers of Poisson and graded neurons, each connected to the layer that its `source` names.

    Parameters
    ----------
    network : IntNetwork
    n_steps : int
        Updates of each image.
    record : Record
        Recorded values of the neurons.
    hold : int, optional
        Updates that each frame of a stream drives.
    live : int, optional
        The same for frames that arrive one by one, through `image` of each layer's neurons.
    replay : bool
        True if the neurons of the code replay recorded counts instead of drawing.
    hosted : bool
        True if the host accesses all neurons through variables.

    Attributes
    ----------
    layers : list of LayerBlock, by the layers' numbers
    neurons : dict of layer's number -> PoissonNeuron or GradedNeuron

    Ports
    -----
    inp : (M,) represents the image; without a connection inside
    out : output of the last layer
    """

    def __init__(
        self,
        network: IntNetwork,
        *,
        n_steps: int,
        record: Record = EVERYTHING,
        hold: int | None = None,
        live: int | None = None,
        replay: bool = False,
        hosted: bool = False,
    ) -> None:
        super().__init__()

        def block_of(stage: ScheduledLayer) -> LayerBlock:
            return layer_block(
                network,
                stage,
                n_steps=n_steps,
                record=record,
                hold=hold,
                live=live,
                replay=replay,
                hosted=hosted,
            )

        stages = sorted(network.schedule.stages, key=lambda stage: int(stage.name))
        blocks = {stage.name: block_of(stage) for stage in stages}
        for stage in stages:
            if str(stage.layer.source) not in ("0", stage.name):
                blocks[str(stage.layer.source)].out.connect(blocks[stage.name].presynaptic)
        self.layers = list(blocks.values())
        self.neurons: dict[str, Any] = {name: block.neuron for name, block in blocks.items()}
        self.inp = InPort(shape=self.layers[0].inp.shape)
        self.out = OutPort(shape=self.layers[-1].out.shape)
        self.inp.connect(self.layers[0].inp)
        self.layers[-1].out.connect(self.out)


def layer_block(
    network: IntNetwork,
    stage: ScheduledLayer,
    *,
    n_steps: int,
    record: Record = EVERYTHING,
    hold: int | None = None,
    live: int | None = None,
    replay: bool = False,
    hosted: bool = False,
) -> LayerBlock:
    """Build the block of a layer; options as for `LayeredNetwork`."""
    layer, rows = stage.layer, network.schedule
    length = rows.chip_steps(n_steps)
    presynaptic = None if layer.weight_rec is None else network.layers[str(layer.source)]
    return LayerBlock(
        layer=layer,
        schedule=Schedule(n_steps, length, rows.period, stage.phase, stage.input_delay, hold, live),
        n_pixels=network.n_pixels,
        weight_rec=layer.weight_rec,
        presynaptic_bits=0 if presynaptic is None else message_bits(presynaptic),
        recurrent=str(layer.source) == stage.name,
        record=record.of_layer(stage.name, layer.n_neurons),
        replay=replay and stage.role == "code",
        hosted=hosted,
    )
