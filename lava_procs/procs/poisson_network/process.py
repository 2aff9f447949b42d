"""A network file as a Lava process, by way of lava-dl's netx."""

from pathlib import Path
from typing import Any

from lava.lib.dl.netx.hdf5 import Network

from ipvae.lava_procs.procs.poisson_block.process import PoissonRecurrent
from ipvae.network.file import read_network


class PoissonNetwork(Network):
    """lava-dl's netx network with the Poisson layer added.

    Parameters
    ----------
    net_config : str or Path
        Network file (docs/format.md). It is validated before netx reads it.
    n_steps : int
        Updates of each image.
    replay : bool
        Whether the neurons take recorded counts in place of drawing their own.

    Raises
    ------
    FormatError
        If the file is not a valid network file.
    """

    def __init__(self, net_config: str | Path, *, n_steps: int, replay: bool = False) -> None:
        read_network(net_config)
        self._n_steps, self._replay = n_steps, replay
        super().__init__(net_config=str(net_config))
        file: Any = self.net_config.f
        file.close()  # netx leaves it open

    def create_dense(self, layer_config, **options):
        """Build a Poisson block for a POISSON layer; leave every other layer to netx."""
        if layer_config["neuron"]["type"] != "POISSON":
            return Network.create_dense(layer_config, **options)
        neuron = layer_config["neuron"].f
        weight_rec = layer_config["weight_rec"]
        block = PoissonRecurrent(
            weight_rec=weight_rec,
            n_pixels=layer_config["weight"].shape[1],
            payload_bits=int(neuron["messageBits"][()]),
            neuron={
                "u_init": neuron["uInit"][()],
                "self_weight": neuron["selfWeight"][()],
                "weight_exp": int(neuron["weight_exp"][()]),
                "u_min": int(neuron["uMin"][()]),
                "u_max": int(neuron["uMax"][()]),
                "du_min": int(neuron["duMin"][()]),
                "du_max": int(neuron["duMax"][()]),
                "frac_bits": int(neuron["fracBits"][()]),
                "n_steps": self._n_steps,
                "replay": self._replay,
            },
        )
        row = self._table_str(type_str="Poisson", width=1, height=1, channel=len(weight_rec))
        return block, row
