"""Model of a layer block."""

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.models.block_model import BlockModel
from ipvae.lava_procs.procs.layer_block.process import LayerBlock


@implements(proc=LayerBlock, protocol=LoihiProtocol)
class PyLayerBlockModel(BlockModel):
    """Sub-process model; the block builds its inner processes."""
