"""Counts averaged over the last quarter of the steps: the read-out `mean`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.errors import InputError
from ipvae.network.traces.observers import Row

DRAW, MEAN, RATES = READOUTS = ("draw", "mean", "rates")
"""Input of the decoder: drawn counts of the last step, averaged counts, or rates exp(u)."""


def require_readout(readout: str, *, stops: bool) -> None:
    """Raise InputError for an unknown read-out, or an average with early stopping."""
    if readout not in READOUTS:
        raise InputError(f"readout: found '{readout}', allowed {', '.join(READOUTS)}")
    if readout == MEAN and stops:
        raise InputError(
            "readout=mean: images that stop early have no common last steps; omit stop="
        )


def first_averaged(step: int) -> int:
    """First step of the average after a number of steps: the last quarter, at least one step."""
    return step - max(1, step // 4) + 1 if step > 0 else 0


class RunningMeans:
    """Sums of codes over the last quarter of each of several numbers of steps.

    Parameters
    ----------
    steps : ints of 0 and above
    shape : (N, K)
    """

    def __init__(self, steps: Sequence[int], shape: tuple[int, int]) -> None:
        self._sums = {step: np.zeros(shape, np.float32) for step in steps}

    def add(self, step: int, codes: np.ndarray, first: int = 0) -> None:
        """Add the codes of one step, (n, K), of the images from `first` on."""
        for last, total in self._sums.items():
            if first_averaged(last) <= step <= last:
                total[first : first + len(codes)] += codes

    def means(self) -> dict[int, np.ndarray]:
        """Means by number of steps, (N, K) float32."""
        return {s: total / (s - first_averaged(s) + 1) for s, total in self._sums.items()}


@dataclass(frozen=True)
class AveragedCounts:
    """Observer of a run that averages the output of a layer (`ipvae.emulator.observing`).

    Attributes
    ----------
    layer : str
    neurons : int
    steps : tuple of int
    """

    layer: str
    neurons: int
    steps: tuple[int, ...]

    def watch(self, first: int, n_images: int, n_steps: int) -> "_Watcher":  # noqa: ARG002
        """Start a range of images."""
        return _Watcher(self.layer, RunningMeans(self.steps, (n_images, self.neurons)))

    def joined(self, parts: Sequence[dict[int, np.ndarray]]) -> dict[int, np.ndarray]:
        """Join the means of several ranges of images."""
        return {step: np.concatenate([part[step] for part in parts]) for step in self.steps}


@dataclass(frozen=True)
class _Watcher:
    layer: str
    running: RunningMeans

    def see(self, step: int, row: Row) -> None:
        """Add one row."""
        self.running.add(step, row.z(self.layer))

    def result(self) -> dict[int, np.ndarray]:
        """Return the means."""
        return self.running.means()
