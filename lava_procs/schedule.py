"""When the neurons of one layer act within an image, and how their trace is cut into messages."""

from dataclasses import dataclass

CHUNK_BYTES = 2**20
"""Largest message of a trace: shared memory does not grow with the number of steps."""


def trace_rows(n_neurons: int, n_steps: int) -> int:
    """Rows in one message of the trace: all of an image, or as many as fit."""
    return max(1, min(n_steps + 1, CHUNK_BYTES // (3 * 4 * n_neurons)))


@dataclass(frozen=True)
class Schedule:
    """Rows 0..n_steps of a layer, in steps of the chip counted from an image's first.

    Attributes
    ----------
    n_steps : updates of each image (T)
    length : chip steps that an image takes
    period, phase, lag : as `ipvae.network.wiring` defines them
    """

    n_steps: int
    length: int
    period: int = 1
    phase: int = 0
    lag: int = 1

    def row(self, step: int) -> int:
        """Row that falls on a chip step; -1 where the layer rests."""
        row, between = divmod(step - self.phase, self.period)
        return row if not between and 0 <= row <= self.n_steps else -1

    def following(self, step: int) -> int:
        """Return the chip step after this one; after an image's last, the next image's first."""
        return 0 if step + 1 == self.length else step + 1
