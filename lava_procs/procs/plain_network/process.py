"""Plain lava-dl network as a Lava process, built from its description in memory."""

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess

from ipvae.lava_procs.procs.plain_block.process import PlainBlock
from ipvae.network.lava_dl_network import PlainNetwork


class LavaDlNetwork(AbstractProcess):
    """Layers after the input; the host sends the input's messages.

    Parameters
    ----------
    network : PlainNetwork
    n_steps : int
        Steps between resets of CUBA neurons; each layer's reset is one step after the previous
        layer's. Sigma-delta neurons have no reset.

    Attributes
    ----------
    blocks : list of PlainBlock
        Block of each layer, with its `synapse` and its `neuron`.

    Ports
    -----
    inp : messages of the input
    out : output of the last layer
    """

    def __init__(self, network: PlainNetwork, n_steps: int) -> None:
        super().__init__()
        self.blocks = [
            PlainBlock(
                layer=layer,
                graded=network.sigma_delta,
                # A layer receives the first message one step after it is sent; steps begin at 1.
                reset=None if network.sigma_delta else (n_steps, depth + 1),
            )
            for depth, layer in enumerate(network.layers, 1)
        ]
        for before, after in zip(self.blocks, self.blocks[1:], strict=False):
            sent = before.out
            if len(before.shape) > len(after.inp.shape):  # lava-dl's order: (C, H, W)
                sent = sent.transpose([2, 1, 0]).flatten()
            sent.connect(after.inp)
        self.inp = InPort(shape=self.blocks[0].inp.shape)
        self.out = OutPort(shape=self.blocks[-1].out.shape)
        self.inp.connect(self.blocks[0].inp)
        self.blocks[-1].out.connect(self.out)
