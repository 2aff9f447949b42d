"""Sums of a layer's messages over images and rows, at one or more checkpoints of a run."""

from collections.abc import Sequence

import numpy as np

from ipvae.emulator.event_driven.packing import Places
from ipvae.network.traces.network_totals import LayerSums

WORDS = 3
"""Place of the number of uniforms among values at limits."""


class PartSums:
    """Sums over all images in the rows between two checkpoints; arrays are packed.

    Attributes
    ----------
    messages, sizes : (width,) int64
        Nonzero messages of each neuron, and sums of their magnitudes.
    limits : (4,) int64
        Values at limits; at the last place uniforms that were drawn.
    peak : int
        Largest number of messages in one row of one image.
    """

    def __init__(self, width: int) -> None:
        self.messages, self.sizes = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self.limits, self.peak = np.zeros(4, np.int64), 0


class RunSums:
    """Sums of one layer, apart for the rows before each checkpoint.

    Attributes
    ----------
    part : PartSums
        Sums to which rows are added now.
    """

    def __init__(self, width: int, checkpoints: int = 1) -> None:
        self._parts = [PartSums(width) for _ in range(checkpoints)]
        self.part, self._by_row = self._parts[0], np.zeros(0, np.int64)

    def begin(self, rows: int) -> None:
        """Begin images of a number of rows; sums are kept."""
        self.part = self._parts[0]
        if len(self._by_row) < rows:
            self._by_row = np.zeros(rows, np.int64)

    def advance(self, checkpoint: int) -> None:
        """Add the next rows to the part that ends with a checkpoint."""
        self.part = self._parts[checkpoint]

    def add_rows(self, by_row: np.ndarray, at: int) -> None:
        """Add nonzero messages of each image and row, of which the first is row `at`."""
        self.part.peak = max(self.part.peak, int(by_row.max(initial=0)))
        self._by_row[at : at + by_row.shape[1]] += by_row.sum(axis=0)

    def add(self, z: np.ndarray, at: int) -> None:
        """Add messages (images, rows, width), of which the first row is row `at` of the images."""
        size = np.abs(z.astype(np.int64))
        self.part.messages += (size > 0).sum(axis=(0, 1))
        self.part.sizes += size.sum(axis=(0, 1))
        self.add_rows((size > 0).sum(axis=2), at)

    def summed(
        self,
        places: Places,
        last: np.ndarray,
        rows: int,
        checkpoint: int,
        limits: Sequence[str] = (),
        graded: bool = True,
    ) -> LayerSums:
        """Sums of all images so far, in the first rows up to a checkpoint.

        `last` is as `Messages.last` returns it; the size of a message that is not graded is 1.
        """
        parts = self._parts[: checkpoint + 1]
        messages = places.unpacked(np.sum([part.messages for part in parts], axis=0))
        sizes = np.sum([part.sizes for part in parts], axis=0)
        sizes = places.unpacked(sizes) if graded else messages
        at_limits = np.sum([part.limits for part in parts], axis=0)
        named = {name: int(n) for name, n in zip(limits, at_limits, strict=False)}
        peak = max(part.peak for part in parts)
        by_row, words = self._by_row[:rows], int(at_limits[WORDS])
        return LayerSums(messages, sizes, rows, peak, named, last[0], last[1], by_row, words)
