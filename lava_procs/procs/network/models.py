"""Sub-process model of the network; Lava matches the exact type, so each network has one."""

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.models.block_model import BlockModel
from ipvae.lava_procs.procs.network.process import LavaNetwork


@implements(proc=LavaNetwork, protocol=LoihiProtocol)
class PyLavaNetworkModel(BlockModel):
    """Sub-process model; the network builds its processes."""
