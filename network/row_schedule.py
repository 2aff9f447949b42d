"""Order of the layers within a row, and the chip steps at which they update.

A message with delay 0 is received in the row in which it was sent, so its source updates first. On
the chip every synapse takes one step: a layer's rows begin `phase` chip steps after the input's,
where `phase` is the longest path of such connections from the input.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipvae.errors import DescriptionError

if TYPE_CHECKING:
    from ipvae.network.network import Network


@dataclass(frozen=True)
class RowSchedule:
    """When each layer updates.

    Attributes
    ----------
    order : tuple of str
        Ids of the layers in the order of their updates within a row.
    phase : dict of str -> int
        Chip steps from the input's row to the layer's.
    period : int
        Chip steps of a row; above 1 where a loop is too long for its delay.
    free_running : bool
        True if layers begin to update at the first chip step of an image, `phase` steps before
        their row 0: where a neuron cannot be reset while the chip runs, or a delay carries messages
        from one row to another. Otherwise each layer is reset just before its row 0.
    """

    order: tuple[str, ...]
    phase: dict[str, int]
    period: int
    free_running: bool

    @property
    def depth(self) -> int:
        """Largest phase: chip steps from an input to the answer of the last layer."""
        return max(self.phase.values())

    def lead_in(self, layer: str) -> int:
        """Rows in which a layer updates before its row 0."""
        return self.phase[layer] if self.free_running else 0


def row_schedule(network: "Network") -> RowSchedule:
    """Compute the schedule of a network.

    Raises
    ------
    DescriptionError
        If layers without any delay form a loop.
    """
    phase = {"0": 0}
    order: list[str] = []
    waiting = {
        layer.id: {c.source for c in layer.connections if c.least_delay == 0}
        for layer in network.layers
    }
    while waiting:
        ready = [name for name, sources in waiting.items() if sources <= phase.keys()]
        if not ready:
            raise DescriptionError(
                f"layers {', '.join(sorted(waiting, key=int))}: form a loop without a delay; a "
                "loop needs a delay of 1 or more."
            )
        for name in sorted(ready, key=int):
            sources = waiting.pop(name)
            phase[name] = max((phase[source] + 1 for source in sources), default=0)
            order.append(name)
    connections = [(layer.id, c) for layer in network.layers for c in layer.connections]
    period = max(
        [
            -(-(1 + phase[c.source] - phase[name]) // c.least_delay)
            for name, c in connections
            if c.least_delay > 0
        ],
        default=1,
    )
    resettable = all(kind.restarts for kind in network.kinds.values())
    delayed = any(c.longest_delay > 0 for _, c in connections)
    return RowSchedule(tuple(order), phase, max(period, 1), not resettable or delayed)
