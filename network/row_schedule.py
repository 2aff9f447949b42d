"""Order of the layers within a row, and the chip steps at which they update.

A message with delay 0 is received in the row in which it was sent, so its source updates first. On
the chip every synapse takes one step: a layer's rows begin `phase` chip steps after the input's, so
many that every message can arrive in time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipvae.errors import DescriptionError

if TYPE_CHECKING:
    from ipvae.network.connections import Connection
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
        True if some neurons cannot be reset while the chip runs. Layers then update from the first
        chip step of an image on, `phase` steps before their row 0. Otherwise each layer is reset
        just before its row 0, and no message that was sent earlier is received after that.
    begun : frozenset of str
        Layers that are silent before their row 0 in any case: Poisson and graded neurons.
    """

    order: tuple[str, ...]
    phase: dict[str, int]
    period: int
    free_running: bool
    begun: frozenset[str] = frozenset()

    @property
    def depth(self) -> int:
        """Largest phase: chip steps from an input to the answer of the last layer."""
        return max(self.phase.values())

    def lead_in(self, layer: str) -> int:
        """Rows in which a layer updates before its row 0."""
        return self.phase[layer] if self.free_running and layer not in self.begun else 0


def row_schedule(network: "Network") -> RowSchedule:
    """Compute the schedule of a network.

    Raises
    ------
    DescriptionError
        If layers without any delay form a loop.
    """
    order = _order(network)
    connections = [(layer.id, c) for layer in network.layers for c in layer.connections]
    phase = _phases(order, connections)
    if phase is None:  # a loop is too long for its delays: rows of several chip steps
        phase = _phases(order, [(name, c) for name, c in connections if c.least_delay == 0])
    assert phase is not None, "connections without delay form no loop"
    period = max(
        [
            -(-(1 + phase[c.source] - phase[name]) // c.least_delay)
            for name, c in connections
            if c.least_delay > 0
        ],
        default=1,
    )
    resettable = all(kind.restarts for kind in network.kinds.values())
    begun = frozenset(name for name, kind in network.kinds.items() if kind.driven)
    return RowSchedule(order, phase, max(period, 1), not resettable, begun)


def _order(network: "Network") -> tuple[str, ...]:
    """Return the layers, each after those from which it receives messages of the same row."""
    order: list[str] = []
    waiting = {
        layer.id: {c.source for c in layer.connections if c.least_delay == 0} - {"0"}
        for layer in network.layers
    }
    while waiting:
        ready = [name for name, sources in waiting.items() if sources <= set(order)]
        if not ready:
            raise DescriptionError(
                f"layers {', '.join(sorted(waiting, key=int))}: form a loop without a delay; a "
                "loop needs a delay of 1 or more."
            )
        for name in sorted(ready, key=int):
            del waiting[name]
            order.append(name)
    return tuple(order)


def _phases(
    order: tuple[str, ...], connections: "list[tuple[str, Connection]]"
) -> dict[str, int] | None:
    """Return the least phases with a chip step for every synapse; None if a loop admits none."""
    phase = {"0": 0, **dict.fromkeys(order, 0)}
    for _ in range(len(phase) + 1):
        before = dict(phase)
        for name, c in connections:
            phase[name] = max(phase[name], phase[c.source] + 1 - c.least_delay)
        if phase == before:
            return phase
    return None
