"""A plain lava-dl network as a Lava process: netx's own, its dense layers repaired."""

from pathlib import Path
from typing import Any

import numpy as np
from lava.lib.dl.netx.hdf5 import Network

from ipvae.lava_procs.procs.exact_dense.process import ExactDense


class NetxNetwork(Network):
    """netx's network behind its input layer, with dense layers that are exact.

    Parameters
    ----------
    net_config : str or Path
        A file that `lava_procs.netx_file.write_for_netx` has written: its input has no neuron.
    graded : bool
        Whether messages are integers, not true or false.
    reset_interval : int or None
        Steps after which CUBA neurons forget, each layer one step after the one before.
    """

    def __init__(self, net_config: str | Path, *, graded: bool, reset_interval: int | None) -> None:
        super().__init__(
            net_config=str(net_config),
            input_message_bits=16 if graded else 0,
            reset_interval=reset_interval,
            reset_offset=1,  # a layer hears the first message one step after it was sent
        )
        file: Any = self.net_config.f
        file.close()  # netx leaves it open

    @property
    def blocks(self) -> list[Any]:
        """Each layer's block, with its `synapse` and its `neuron`."""
        return self.layers

    def create_dense(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        layer_config,
        input_message_bits=0,
        reset_interval=None,
        reset_offset=0,
        spike_exp=6,
        **options,
    ):
        """Build the block of a dense layer; called by netx."""
        del options
        neuron_params: Any = Network.get_neuron_params(
            layer_config["neuron"],
            reset_interval=reset_interval,
            reset_offset=reset_offset,
            spike_exp=spike_exp,
        )
        keys = layer_config.keys()  # netx's NetDict knows no `in`
        n_out = int(np.prod(layer_config["shape"]))
        block = ExactDense(
            shape=(n_out,),
            neuron_params=neuron_params,
            weight=layer_config["weight"],
            bias=layer_config["bias"] if "bias" in keys else None,
            input_message_bits=input_message_bits,
        )
        return block, self._table_str(type_str="Dense", width=1, height=1, channel=n_out)
