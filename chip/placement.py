"""Which neurons go on which core, so that the busiest core is as little busy as can be.

A layer has cores of its own, as in the compiler logs, and each holds neighbouring neurons. Nothing
is lost by that: every neuron of a dense layer hears the same messages through as many synapses, so
what a core has to do depends on how many neurons it holds, not on which.
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
        Chip, and core on it: filled one after another.
    layer : LayerShape
    first, neurons : int
        Its neurons are first .. first + neurons - 1 of the layer.
    """

    chip_idx: int
    core_idx: int
    layer: LayerShape
    first: int
    neurons: int

    @property
    def own(self) -> slice:
        """Its neurons within the layer."""
        return slice(self.first, self.first + self.neurons)


@dataclass(frozen=True)
class Placement:
    """All neurons on cores, by one reading of the memory model.

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
        """Every core; those of a layer differ by one neuron at most."""
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
        """Chips that hold at least one core."""
        return math.ceil(self.total_cores / USABLE_CORES)

    def largest(self, i: int) -> int:
        """Neurons on the fullest core of layer i."""
        return math.ceil(self.shapes[i].neurons / self.n_cores[i])

    @property
    def lines(self) -> list[LimitCheck]:
        """Every limit, at the fullest core of each layer and over all cores."""
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
        """The limit of which the largest part is used."""
        return max(self.lines, key=lambda line: line.share)

    def next_broken(self, i: int) -> LimitCheck | None:
        """Limit that one neuron more than a core of layer i can hold would exceed.

        None where one core could hold the whole layer.
        """
        shape = self.shapes[i]
        most = most_neurons(shape, self.reading)
        if most == shape.neurons:
            return None
        where = f"layer {shape.name}: {most + 1} neurons on a core"
        lines = core_lines(shape, most + 1, self.reading, where)
        return max(lines, key=lambda line: line.share)

    def busiest(self, received: Mapping[str, float]) -> float:
        """Synaptic operations of the busiest core, given the messages that each layer receives."""
        return max(received[shape.name] * self.largest(i) for i, shape in enumerate(self.shapes))


def place(
    shapes: tuple[LayerShape, ...],
    target: Target,
    reading: MemoryModel,
    received: Mapping[str, float],
    most_cores: int | None = None,
) -> Placement | LimitCheck:
    """Place a network on as few cores as hold it, or on up to `most_cores` of them.

    Parameters
    ----------
    shapes : tuple of LayerShape
    target : Target
    reading : MemoryModel
    received : mapping of layer -> float
        Messages that a layer receives in one update: each costs one synaptic operation per
        neuron of the layer, wherever the neuron is.
    most_cores : int, optional
        Cores to spread over. Of all placements on so many, one with the least busy busiest core
        is taken, and of these the one of the fewest cores.

    Returns
    -------
    Placement, or the Line of the limit that does not hold
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
    """Cores of each layer, `most_cores` at most, with which the busiest core is least busy."""
    loads = [received[shape.name] for shape in shapes]
    caps = [math.ceil(shape.neurons / n) for shape, n in zip(shapes, least, strict=True)]
    bounds = sorted(
        {load * n for load, cap in zip(loads, caps, strict=True) for n in range(cap + 1)}
    )

    def needed(bound: float) -> list[int] | None:
        """Cores with which no core has more to do than `bound`; None if a neuron alone has."""
        held = [_within(bound, load, cap) for load, cap in zip(loads, caps, strict=True)]
        if 0 in held:
            return None
        return [math.ceil(shape.neurons / n) for shape, n in zip(shapes, held, strict=True)]

    def fits(bound: float) -> bool:
        cores = needed(bound)
        return cores is not None and sum(cores) <= most_cores

    found = needed(bounds[bisect_left(bounds, True, key=fits)])
    assert found is not None  # the fewest cores meet the largest bound
    return found


def _within(bound: float, load: float, cap: int) -> int:
    """Most neurons, `cap` at most, with which a core has no more than `bound` to do."""
    return bisect_right(range(cap + 1), bound, key=lambda n: load * n) - 1
