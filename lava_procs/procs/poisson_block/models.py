"""The block is the sum of its parts."""

from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from ipvae.lava_procs.procs.poisson_block.process import PoissonRecurrent


@implements(proc=PoissonRecurrent, protocol=LoihiProtocol)
class PyPoissonRecurrentModel(AbstractPyBlockModel):
    """Sub-process model; the processes inside are built by the block."""
