"""Sums of the messages of an input without neurons."""

import numpy as np

from ipvae.emulator.event_driven.packing import Places
from ipvae.network.traces.network_totals import LayerSums


class InputSums:
    """Messages of an input without neurons, summed over images and rows."""

    def __init__(self, width: int) -> None:
        self.messages, self.sizes = np.zeros(width, np.int64), np.zeros(width, np.int64)
        self.peak, self.by_row = 0, np.zeros(0, np.int64)

    def begin(self, rows: int) -> None:
        """Begin images of a number of rows; sums are kept."""
        if len(self.by_row) < rows:
            self.by_row = np.zeros(rows, np.int64)

    def add(self, z: np.ndarray, at: int) -> None:
        """Add rows (images, rows, width), of which the first is row `at` of the images."""
        size = np.abs(z.astype(np.int64))
        by_row = (size > 0).sum(axis=2)
        self.messages += (size > 0).sum(axis=(0, 1))
        self.sizes += size.sum(axis=(0, 1))
        self.peak = max(self.peak, int(by_row.max(initial=0)))
        self.by_row[at : at + by_row.shape[1]] += by_row.sum(axis=0)

    def summed(self, places: Places, last: np.ndarray) -> LayerSums:
        """Sums of all images so far; `last` as `Messages.last` returns it."""
        messages, sizes = places.unpacked(self.messages), places.unpacked(self.sizes)
        rows = len(self.by_row)
        return LayerSums(messages, sizes, rows, self.peak, {}, last[0], last[1], self.by_row)
