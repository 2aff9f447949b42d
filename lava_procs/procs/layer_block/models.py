"""The block is the sum of its parts."""

from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.layer_block.process import LayerBlock


@implements(proc=LayerBlock, protocol=LoihiProtocol)
class PyLayerBlockModel(AbstractPyBlockModel):
    """Sub-process model; the processes inside are built by the block."""
