"""Model of a block, which consists of its inner processes."""

from lava.magma.core.decorator import requires, tag
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU


@requires(CPU)
@tag("fixed_pt")
class BlockModel(AbstractSubProcessModel):
    """Empty model, required by Lava; the block builds its processes itself."""

    def __init__(self, proc: AbstractProcess) -> None:
        """Add nothing."""
