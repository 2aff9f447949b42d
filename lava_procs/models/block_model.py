"""Model of a block: the sum of the processes inside."""

from lava.magma.core.decorator import requires, tag
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU


@requires(CPU)
@tag("fixed_pt")
class BlockModel(AbstractSubProcessModel):
    """A block has built its processes itself; Lava wants a model of it all the same."""

    def __init__(self, proc: AbstractProcess) -> None:
        """Add nothing."""
