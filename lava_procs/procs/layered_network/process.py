"""A network file as a Lava process, by way of lava-dl's netx."""

from pathlib import Path
from typing import Any

from lava.lib.dl.netx.hdf5 import Network

from ipvae.lava_procs.procs.layer_block.process import LayerBlock, message_bits
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.file_io import read_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.record import EVERYTHING, Record


class LayeredNetwork(Network):
    """lava-dl's netx network with layers of Poisson and graded neurons added.

    A single layer is built and walked to by netx itself. netx chains several layers, each to the
    one before; ours hear whom their `source` names, in loops too, so they are connected here.

    Parameters
    ----------
    net_config : str or Path
        Network file (docs/format.md). It is validated before netx reads it.
    n_steps : int
        Updates of each image.
    record : Record
        What the neurons record.
    hold : int, optional
        Updates that each frame of a stream drives.
    replay : bool
        Whether the neurons of the code take recorded counts in place of drawing their own.
    hosted : bool
        Whether the host serves all neurons through variables.

    Attributes
    ----------
    neurons : dict of layer's number -> PoissonNeuron or GradedNeuron

    Raises
    ------
    FormatError
        If the file is not a valid network file.
    """

    def __init__(
        self,
        net_config: str | Path,
        *,
        n_steps: int,
        record: Record = EVERYTHING,
        hold: int | None = None,
        replay: bool = False,
        hosted: bool = False,
    ) -> None:
        self._network = read_network(net_config)
        self._n_steps, self._record, self._hold = n_steps, record, hold
        self._replay, self._hosted = replay, hosted
        super().__init__(net_config=str(net_config))
        file: Any = self.net_config.f
        file.close()  # netx leaves it open
        blocks: list[Any] = self.layers
        self.neurons = {
            name: block.neuron for name, block in zip(self._network.layers, blocks, strict=True)
        }

    def _create(self) -> list[Any]:
        """Build a block for every layer and connect them; called by netx."""
        layers = self._network.layers
        if len(layers) == 1:
            return super()._create()
        blocks, rows = {}, [self._table_str(header=True)]
        for name in layers:
            blocks[name], row = self.create_dense(self.net_config["layer"][int(name)])
            rows.append(row)
        self.net_str = "\n".join(rows)
        for name, layer in layers.items():
            if str(layer.source) not in ("0", name):
                blocks[str(layer.source)].out.connect(blocks[name].heard)
        return list(blocks.values())

    def create_dense(self, layer_config, **options):
        """Build the block of a layer, with the synapses that netx reads."""
        del options
        network = self._network
        name = layer_config.f.name.rsplit("/", 1)[1]
        layer, wiring = network.layers[name], network.wiring
        stage = next(stage for stage in wiring.stages if stage.name == name)
        weight_rec, heard_bits = None, 0
        if layer.weight_rec is not None:
            weight_rec = layer_config["weight" if layer.weight is None else "weight_rec"]
            heard_bits = message_bits(network.layers[str(layer.source)])
        length = wiring.chip_steps(self._n_steps)
        block = LayerBlock(
            layer=layer,
            schedule=Schedule(
                self._n_steps, length, wiring.period, stage.phase, stage.lag, self._hold
            ),
            n_pixels=network.n_pixels,
            weight_rec=weight_rec,
            heard_bits=heard_bits,
            recurrent=str(layer.source) == name,
            record=self._record.of_layer(name, layer.n_neurons),
            replay=self._replay and stage.role == "code",
            hosted=self._hosted,
        )
        kind = "Poisson" if isinstance(layer, PoissonLayer) else "Graded"
        row = self._table_str(type_str=kind, width=1, height=1, channel=layer.n_neurons)
        return block, row
