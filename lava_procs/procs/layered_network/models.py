"""Sub-process model of the network: Lava matches the exact type, so it needs its own."""

from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork


@implements(proc=LayeredNetwork, protocol=LoihiProtocol)
class PyLayeredNetworkModel(AbstractPyBlockModel):
    """Sub-process model; the layers inside are built by the network."""
