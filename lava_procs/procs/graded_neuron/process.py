"""Graded neurons as a Lava process."""

from lava.magma.core.process.process import LogConfig

from ipvae.lava_procs.neuron_base import NeuronBase
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.layers import GradedLayer
from ipvae.network.traces.selection import LayerRecord


class GradedNeuron(NeuronBase):
    """Neurons with a deterministic integer output.

    Implements, in integers (docs/spec/neurons/graded.md), at the rows of its schedule
    (`NeuronBase`)::

        start:  u = 0
        row 0 with memory (leak > 0):  u stays
        all other rows:                u = next_potential(u, drive, a_in)
        all rows:                      z = graded_output(u)

    Parameters
    ----------
    layer : GradedLayer
    schedule : Schedule, optional
        Without it the neurons run without end, driven by the layer's bias.
    record : LayerRecord, optional
        Recorded values, sent through `trace`.
    hosted : bool
        As for `NeuronBase`.
    name, log_config : optional
        As for any Lava process.

    Ports
    -----
    a_in, s_out, trace : as for `NeuronBase`
    image : (frames K,) drives
    """

    def __init__(
        self,
        *,
        layer: GradedLayer,
        schedule: Schedule | None = None,
        record: LayerRecord | None = None,
        hosted: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(
            layer=layer,
            schedule=schedule,
            record=record,
            u_init=0 * layer.bias,
            drive=layer.bias,
            n_image=0,
            hosted=hosted,
            name=name,
            log_config=log_config,
        )
