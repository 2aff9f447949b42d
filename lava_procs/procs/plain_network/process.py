"""A plain lava-dl network as a Lava process, built from its description in memory."""

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess

from ipvae.lava_procs.procs.plain_block.process import PlainBlock
from ipvae.network.lava_dl_network import PlainNetwork


class LavaDlNetwork(AbstractProcess):
    """The layers behind the input, whose messages come from the host.

    Parameters
    ----------
    network : PlainNetwork
    n_steps : int
        Steps after which CUBA neurons forget, each layer one step after the one before. Sigma-delta
        neurons have no reset.

    Attributes
    ----------
    blocks : list of PlainBlock
        Each layer's, with its `synapse` and its `neuron`.

    Ports
    -----
    inp : messages of the input
    out : what the last layer sends
    """

    def __init__(self, network: PlainNetwork, n_steps: int) -> None:
        super().__init__()
        self.blocks = [
            PlainBlock(
                layer=layer,
                graded=network.sigma_delta,
                # A layer hears the first message one step after it was sent; steps begin with 1.
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
