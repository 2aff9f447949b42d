"""Graded neurons as a Lava process."""

from lava.magma.core.process.process import LogConfig

from ipvae.lava_procs.acting import ActingNeuron
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.layers import GradedLayer


class GradedNeuron(ActingNeuron):
    """Neurons that compute the integer that they send.

    Realizes, in integers (docs/arithmetic.md, section 3), at the rows of its schedule
    (`ActingNeuron`)::

        start:  drive = image.recv();  u = 0
        row 0 with memory (leak > 0):  u stays
        all other rows:                u = next_potential(u, drive, a_in)
        all rows:                      z = graded_output(u)

    Parameters
    ----------
    layer : GradedLayer
    schedule : Schedule
    name, log_config : optional
        As for every Lava process.

    Ports
    -----
    a_in, s_out, trace : as for `ActingNeuron`
    image : (K,) drive
    """

    def __init__(
        self,
        *,
        layer: GradedLayer,
        schedule: Schedule,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(layer, schedule, layer.n_neurons, name, log_config)
