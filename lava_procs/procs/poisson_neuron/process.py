"""Poisson neurons as a Lava process."""

from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var

from ipvae.lava_procs.acting import ActingNeuron
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.layers import PoissonLayer

KEY_WORDS = 2


class PoissonNeuron(ActingNeuron):
    """Neurons whose potential is a log-rate and whose spikes are Poisson counts.

    Realizes, in integers (docs/arithmetic.md, sections 3 to 5), at the rows of its schedule
    (`ActingNeuron`)::

        start:  drive, key = image.recv();  u = u_init;  z = 0
        row 0 with memory:  u stays
        all other rows:     u = next_log_rate(u, z, drive, a_in)
        all rows:           z = min(count(u; key, neuron, t), 2**payload_bits - 1)

    With `replay`, z is received from `draws` in place of being drawn.

    Parameters
    ----------
    layer : PoissonLayer
    schedule : Schedule
    replay : bool
        Whether recorded counts are sent in place of drawn ones.
    name, log_config : optional
        As for every Lava process.

    Ports
    -----
    a_in, s_out, trace : as for `ActingNeuron`
    image : (K + 2,) drive and the image's two key words
    draws : (rows, K) counts of the same rows as a message of `trace`, received before the
        first of them; only with `replay`, else connected to nothing and never asked
    """

    def __init__(
        self,
        *,
        layer: PoissonLayer,
        schedule: Schedule,
        replay: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        k = layer.n_neurons
        super().__init__(layer, schedule, k + KEY_WORDS, name, log_config, replay=replay)
        self.draws = InPort(shape=(self.rows, k))
        self.image_key = Var(shape=(KEY_WORDS,), init=0)
