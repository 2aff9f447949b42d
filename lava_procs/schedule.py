"""Times of a layer's updates within an image, and division of its trace into messages."""

from dataclasses import dataclass

from ipvae.network.rules.stream import frame, frames
from ipvae.network.traces.selection import LayerRecord

CHUNK_BYTES = 2**20
"""Largest message of a trace: shared memory does not grow with the number of steps."""


def message_rows(row_values: int, rows: int) -> int:
    """Rows of int32 values in one message: all rows of an image, or as many as fit."""
    return max(1, min(rows, CHUNK_BYTES // (4 * row_values)))


def trace_shape(record: LayerRecord | None, n_steps: int) -> tuple[int, int, int]:
    """Shape of a trace message: rows, variables, neurons; (1, 1, 1) without a record."""
    if record is None:
        return (1, 1, 1)
    values = len(record.variables), record.width
    return message_rows(values[0] * values[1], record.rows(n_steps)), *values


@dataclass(frozen=True)
class Schedule:
    """Rows 0..n_steps of a layer, in chip steps counted from an image's first step.

    Attributes
    ----------
    n_steps : updates of each image (T)
    length : chip steps that an image takes
    period, phase, lag : as `ipvae.network.schedule` defines them
    hold : updates that each frame of a stream drives; None for single images
    live : the same for a stream whose frames arrive one by one, each as it begins
    """

    n_steps: int
    length: int
    period: int = 1
    phase: int = 0
    lag: int = 1
    hold: int | None = None
    live: int | None = None

    def row(self, step: int) -> int:
        """Row at a chip step; -1 where the layer is idle."""
        row, between = divmod(step - self.phase, self.period)
        return row if not between and 0 <= row <= self.n_steps else -1

    def following(self, step: int) -> int:
        """Return the chip step after this one; after an image's last, the next image's first."""
        return 0 if step + 1 == self.length else step + 1

    @property
    def frames(self) -> int:
        """Number of drives of an image, one for each frame."""
        return frames(self.n_steps, self.hold)

    def frame(self, row: int) -> int:
        """Index of the frame that drives a row."""
        return frame(row, self.lag, self.n_steps, self.hold)

    def begins_frame(self, row: int) -> bool:
        """Return whether a row takes a frame that arrives only now."""
        return self.live is not None and row > self.lag and (row - self.lag) % self.live == 0

    @property
    def message_steps(self) -> int:
        """Steps of which one message of a trace can hold all rows; 0 sends each row at once."""
        return 0 if self.live is not None else self.n_steps


@dataclass(frozen=True)
class EveryFrame(Schedule):
    """Rows of a layer in a `Network`, which lead to no further image.

    Attributes
    ----------
    drives : 1, or the number of rows: one drive for each
    """

    drives: int = 1

    @property
    def frames(self) -> int:
        """Number of drives of an image."""
        return self.drives

    def frame(self, row: int) -> int:
        """Index of the drive of a row."""
        return row % self.drives
