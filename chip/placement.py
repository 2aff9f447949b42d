"""Placement of neurons on cores that minimizes the largest core load.

A core has neurons of one layer only, as in the compiler logs, and they are contiguous. This costs
nothing: every neuron of a dense layer receives the same messages through equally many synapses,
so the load of a core depends only on its number of neurons.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from ipvae.chip.core_memory import LayerShape, MemoryModel, core_lines, least_cores, most_neurons
from ipvae.chip.limits import USABLE_CORES, LimitCheck, Target


@dataclass(frozen=True)
class Core:
    """One core and its neurons.

    Attributes
    ----------
    chip_idx, core_idx : int
        Chip, and core on it; chips are filled one after another.
    layer : LayerShape
    first, neurons : int
        The core has the neurons first .. first + neurons - 1 of the layer.
    """

    chip_idx: int
    core_idx: int
    layer: LayerShape
    first: int
    neurons: int

    @property
    def own(self) -> slice:
        """Slice of its neurons within the layer."""
        return slice(self.first, self.first + self.neurons)


@dataclass(frozen=True)
class Placement:
    """Assignment of all neurons to cores, under one memory model.

    Attributes
    ----------
    target : Target
    reading : MemoryModel
    shapes : tuple of LayerShape
    n_cores : tuple of int
        Cores of each layer.
    """

    target: Target
    reading: MemoryModel
    shapes: tuple[LayerShape, ...]
    n_cores: tuple[int, ...]

    @property
    def cores(self) -> list[Core]:
        """All cores; the cores of a layer differ by at most one neuron."""
        found: list[Core] = []
        for shape, parts in zip(self.shapes, self.n_cores, strict=True):
            small, larger = divmod(shape.neurons, parts)
            first = 0
            for i in range(parts):
                chip, core = divmod(len(found), USABLE_CORES)
                neurons = small + (i < larger)
                found.append(Core(chip, core, shape, first, neurons))
                first += neurons
        return found

    @property
    def total_cores(self) -> int:
        """Cores of all layers."""
        return sum(self.n_cores)

    @property
    def chips(self) -> int:
        """Chips with at least one core in use."""
        return math.ceil(self.total_cores / USABLE_CORES)

    def largest(self, i: int) -> int:
        """Neurons on the fullest core of layer i."""
        return math.ceil(self.shapes[i].neurons / self.n_cores[i])

    @property
    def lines(self) -> list[LimitCheck]:
        """All limits, for the fullest core of each layer and for all cores together."""
        found = [
            line
            for i, shape in enumerate(self.shapes)
            for line in core_lines(
                shape, self.largest(i), self.reading, f"layer {shape.name}: fullest core"
            )
        ]
        where = f"all layers: {self.target.title}"
        return [*found, LimitCheck("cores", self.total_cores, self.target.cores, where)]

    @property
    def binding(self) -> LimitCheck:
        """Limit with the largest used fraction."""
        return max(self.lines, key=lambda line: line.share)

    def next_broken(self, i: int) -> LimitCheck | None:
        """Limit that one neuron beyond the capacity of a core of layer i would exceed.

        None if one core has room for the whole layer.
        """
        shape = self.shapes[i]
        most = most_neurons(shape, self.reading)
        if most == shape.neurons:
            return None
        where = f"layer {shape.name}: {most + 1} neurons on a core"
        lines = core_lines(shape, most + 1, self.reading, where)
        return max(lines, key=lambda line: line.share)

    def busiest(self, received: Mapping[str, float]) -> float:
        """Largest core load in synaptic operations, from the messages that each layer receives."""
        return max(
            received[shape.name] * shape.reached * self.largest(i)
            for i, shape in enumerate(self.shapes)
        )


def place(
    shapes: tuple[LayerShape, ...],
    target: Target,
    reading: MemoryModel,
    received: Mapping[str, float],
    most_cores: int | None = None,
) -> Placement | LimitCheck:
    """Place a network on as few cores as possible, or on up to `most_cores` of them.

    Parameters
    ----------
    shapes : tuple of LayerShape
    target : Target
    reading : MemoryModel
    received : mapping of layer -> float
        Messages that a layer receives in one update. Each causes one synaptic operation per neuron
        that it reaches: all neurons of a layer with dense synapses, on any core.
    most_cores : int, optional
        Cores to spread over. The result is a placement with the smallest possible largest core
        load, and among those the one with the fewest cores.

    Returns
    -------
    Placement, or the LimitCheck of the limit that is exceeded
    """
    least: list[int] = []
    for shape in shapes:
        cores = least_cores(shape, reading)
        if isinstance(cores, LimitCheck):
            return cores
        least.append(cores)
    if most_cores is not None and most_cores > sum(least):
        least = _spread(shapes, least, received, most_cores)
    placement = Placement(target, reading, shapes, tuple(least))
    too_many = placement.lines[-1]
    return placement if too_many.holds else too_many


def _spread(
    shapes: tuple[LayerShape, ...],
    least: list[int],
    received: Mapping[str, float],
    most_cores: int,
) -> list[int]:
    """Cores of each layer, `most_cores` in total at most, with the smallest largest core load."""
    loads = [received[shape.name] * shape.reached for shape in shapes]
    caps = [math.ceil(shape.neurons / n) for shape, n in zip(shapes, least, strict=True)]
    bounds = sorted(
        {load * n for load, cap in zip(loads, caps, strict=True) for n in range(cap + 1)}
    )

    def needed(bound: float) -> list[int] | None:
        """Cores for a load of at most `bound` per core; None if a single neuron exceeds it."""
        held = [_within(bound, load, cap) for load, cap in zip(loads, caps, strict=True)]
        if 0 in held:
            return None
        return [math.ceil(shape.neurons / n) for shape, n in zip(shapes, held, strict=True)]

    def fits(bound: float) -> bool:
        cores = needed(bound)
        return cores is not None and sum(cores) <= most_cores

    found = needed(bounds[bisect_left(bounds, True, key=fits)])
    assert found is not None  # the fewest cores satisfy the largest bound
    return found


def _within(bound: float, load: float, cap: int) -> int:
    """Most neurons, `cap` at most, for which a core's load is at most `bound`."""
    return bisect_right(range(cap + 1), bound, key=lambda n: load * n) - 1
