"""Observers of a run, which receive every row of some images while it runs, on any backend.

A backend gives each range of images a separate watcher, perhaps in several threads or processes,
and joins the results in the order of the images.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from ipvae.network.traces.trace import Trace

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Row(Protocol):
    """Variables of every layer at one row of some images.

    Arrays are (N, K) of some integer type. They must not be changed, nor kept after the row.
    """

    def a_in(self, layer: str) -> np.ndarray:
        """Return the input received."""
        ...

    def u(self, layer: str) -> np.ndarray:
        """Return log-rates or potentials after the update."""
        ...

    def z(self, layer: str) -> np.ndarray:
        """Return the output."""
        ...


class Watcher(Protocol[R_co]):
    """Receives the rows 0, 1, ... T of a range of images."""

    def see(self, step: int, row: Row) -> None:
        """Process one row."""
        ...

    def result(self) -> R_co:
        """Return the result for all rows."""
        ...


class Observer(Protocol[R]):
    """Factory of watchers for ranges of images of a run; pickled for a cluster."""

    def watch(self, first: int, n_images: int, n_steps: int) -> Watcher[R] | None:
        """Return a watcher of the images first, first + 1, ... of the run, or None."""
        ...

    def joined(self, parts: Sequence[R]) -> R:
        """Join the results of ranges of images, in their order."""
        ...


Sample = dict[str, dict[str, np.ndarray]]
"""Layer -> variable -> (rows, K) int32, of one image."""


@dataclass(frozen=True)
class Recorder:
    """Recorder of the first images at chosen rows, as in a trace.

    Attributes
    ----------
    variables : dict of layer -> names
        Any of `a_in`, `u` and `z`.
    images : int
    steps : range or tuple of int
        Recorded rows, increasing.
    """

    variables: Mapping[str, Sequence[str]]
    images: int
    steps: Sequence[int]

    def watch(self, first: int, n_images: int, n_steps: int) -> "_Recording | None":  # noqa: ARG002
        """Record the images of a range that are among the first ones."""
        n = min(n_images, self.images - first)
        return _Recording(self, n) if n > 0 else None

    def joined(self, parts: Sequence[list[Sample]]) -> list[Sample]:
        """Return one sample for each image."""
        return [sample for part in parts for sample in part]


class _Recording:
    """Recording of a range of images."""

    def __init__(self, recorder: Recorder, n: int) -> None:
        self._variables, self._n = recorder.variables, n
        self._places = {step: i for i, step in enumerate(recorder.steps)}
        self._held: dict[tuple[str, str], np.ndarray] = {}

    def see(self, step: int, row: Row) -> None:
        """Record one row."""
        place = self._places.get(step)
        if place is None:
            return
        for layer, names in self._variables.items():
            for name in names:
                values = getattr(row, name)(layer)[: self._n]
                self._of(layer, name, values.shape[1])[:, place] = values

    def result(self) -> list[Sample]:
        """Return one sample for each image."""
        return [
            {
                layer: {name: self._held[layer, name][i] for name in names}
                for layer, names in self._variables.items()
            }
            for i in range(self._n)
        ]

    def _of(self, layer: str, name: str, width: int) -> np.ndarray:
        found = self._held.get((layer, name))
        if found is None:
            found = np.zeros((self._n, len(self._places), width), np.int32)
            self._held[layer, name] = found
        return found


class TraceRow:
    """One row of all images of a trace of every step."""

    def __init__(self, stacks: Mapping[str, Mapping[str, np.ndarray]], step: int) -> None:
        self._stacks, self._step = stacks, step

    def a_in(self, layer: str) -> np.ndarray:
        """Return the input received."""
        return self._stacks[layer]["a_in"][:, self._step]

    def u(self, layer: str) -> np.ndarray:
        """Return log-rates or potentials after the update."""
        return self._stacks[layer]["u"][:, self._step]

    def z(self, layer: str) -> np.ndarray:
        """Return the output."""
        return self._stacks[layer]["z"][:, self._step]


def trace_rows(trace: Trace) -> Iterator[TraceRow]:
    """Rows of a trace of any backend; it must contain every step."""
    held = trace.samples[0]
    stacks = {
        layer: {name: trace.stacked(layer, name) for name in variables}
        for layer, variables in held.items()
    }
    return (TraceRow(stacks, step) for step in range(trace.steps + 1))


def observe_trace(trace: Trace, observers: Sequence[Observer[Any]]) -> list[Any]:
    """Pass a trace of every step to observers; return their results."""
    n = len(trace.samples)
    watchers = [observer.watch(0, n, trace.steps) for observer in observers]
    for step, row in enumerate(trace_rows(trace)):
        for watcher in watchers:
            if watcher is not None:
                watcher.see(step, row)
    return [
        observer.joined([] if watcher is None else [watcher.result()])
        for observer, watcher in zip(observers, watchers, strict=True)
    ]
