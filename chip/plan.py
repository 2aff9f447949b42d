"""Partition plan: a network on the cores of a target, under both memory models."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ipvae.chip.core_memory import MODEL, READINGS, LayerShape, core_words
from ipvae.chip.limits import USABLE_CORES, LimitCheck, Target
from ipvae.chip.placement import Core, Placement, place
from ipvae.errors import InputError
from ipvae.network.traces.activity import Activity

VERSION = 1


@dataclass(frozen=True, eq=False)
class Plan:
    """Placements under each memory model, or the limit that is exceeded.

    Attributes
    ----------
    target : Target
    shapes : tuple of LayerShape
    activity : Activity
    optimistic, conservative : Placement or LimitCheck
    """

    target: Target
    shapes: tuple[LayerShape, ...]
    activity: Activity
    optimistic: Placement | LimitCheck
    conservative: Placement | LimitCheck

    @property
    def readings(self) -> dict[str, Placement | LimitCheck]:
        """Both placements, by name of the memory model."""
        return {"optimistic": self.optimistic, "conservative": self.conservative}

    @property
    def fits(self) -> bool:
        """True if the network fits under the conservative memory model."""
        return isinstance(self.conservative, Placement)

    def as_dict(self) -> dict:
        """JSON data."""
        return {
            "version": VERSION,
            "target": self.target.name,
            "chips": self.target.chips,
            "cores_per_chip": USABLE_CORES,
            "model": MODEL,
            "activity": self.activity.source,
            "fits": self.fits,
            "readings": {
                name: _not_placed(found)
                if isinstance(found, LimitCheck)
                else _placed(found, self.activity)
                for name, found in self.readings.items()
            },
        }


def make_plan(
    shapes: tuple[LayerShape, ...],
    target: Target,
    activity: Activity,
    n_cores: int | None = None,
) -> Plan:
    """Place a network under both memory models.

    Parameters
    ----------
    shapes : tuple of LayerShape
    target : Target
    activity : Activity
    n_cores : int, optional
        Cores to spread over; by default as few as the network fits on.

    Raises
    ------
    InputError
        If `n_cores` exceeds the target's cores, or is fewer than the network needs.
    """
    received = activity.received
    optimistic, conservative = (
        place(shapes, target, reading, received, n_cores) for reading in READINGS
    )
    plan = Plan(target, shapes, activity, optimistic, conservative)
    if n_cores is not None:
        _require_cores(plan, n_cores)
    return plan


def _require_cores(plan: Plan, n_cores: int) -> None:
    if n_cores > plan.target.cores:
        raise InputError(
            f"cores: found {n_cores}, {plan.target.title} has {plan.target.cores}; give fewer, "
            "or another target="
        )
    found = plan.conservative
    if isinstance(found, Placement) and found.total_cores > n_cores:
        raise InputError(
            f"cores: found {n_cores}, the conservative reading needs {found.total_cores} "
            f"(binding: {found.binding.rule}); give at least as many"
        )


def pace(placement: Placement, activity: Activity) -> Iterator[dict]:
    """Largest core load and deliveries, on the fewest cores and on more.

    Yields
    ------
    dict of `cores`, `busiest_synaptic_ops` and `deliveries` (messages times the cores that
    receive them), all per update
    """
    received, most = activity.received, 0
    wanted: int | None = None
    while True:
        found = place(placement.shapes, placement.target, placement.reading, received, wanted)
        assert isinstance(found, Placement)  # it fits on fewer cores
        if found.total_cores > most:
            most = found.total_cores
            yield {
                "cores": most,
                "busiest_synaptic_ops": found.busiest(received),
                "deliveries": deliveries(found, activity),
            }
        if wanted == placement.target.cores:
            return
        wanted = min(2 * (wanted or found.total_cores), placement.target.cores)


def deliveries(placement: Placement, activity: Activity) -> float:
    """Messages of one update, counted once for each core that receives them."""
    received = activity.received
    return sum(
        received[shape.name] * max(1.0, parts * shape.reached)
        for shape, parts in zip(placement.shapes, placement.n_cores, strict=True)
    )


def between_chips(placement: Placement, activity: Activity) -> tuple[float, float]:
    """Messages of one update that leave a chip: once per target chip, and once per target core.

    It is not public which of the two a chip sends.
    """
    cores = placement.cores
    on_chip: dict[str, Counter[int]] = {shape.name: Counter() for shape in placement.shapes}
    for core in cores:
        on_chip[core.layer.name][core.chip_idx] += 1
    low = high = 0.0
    for shape in placement.shapes:
        target_cores = on_chip[shape.name]
        received_rates = np.concatenate([[0.0], np.cumsum(activity.received_fractions[shape.name])])
        first = 0
        for source in shape.sources:
            own = [core for core in cores if core.layer.name == source]
            for core in own:
                sent = float(
                    received_rates[first + core.own.stop] - received_rates[first + core.own.start]
                )
                here = target_cores[core.chip_idx]
                low += sent * (len(target_cores) - (here > 0))
                high += sent * (target_cores.total() - here)
            first += sum(core.neurons for core in own)
    return low, high


def core_ops(placement: Placement, activity: Activity) -> np.ndarray:
    """Mean synaptic operations of each core in one update: (cores,) float64."""
    received = activity.received
    return np.array(
        [received[core.layer.name] * core.layer.reached * core.neurons for core in placement.cores]
    )


def peak_ops(placement: Placement, activity: Activity) -> int:
    """Largest number of synaptic operations of a core in one update of one image."""
    return max(
        math.ceil(activity.peak[shape.name] * shape.reached * placement.largest(i))
        for i, shape in enumerate(placement.shapes)
    )


def limit(line: LimitCheck) -> dict:
    """JSON data of a limit and its margin, as a fraction of the limit."""
    return {**asdict(line), "margin": 1 - line.share}


def _not_placed(line: LimitCheck) -> dict:
    return {"fits": False, "cores": None, "binding": limit(line)}


def _placed(placement: Placement, activity: Activity) -> dict:
    ops = core_ops(placement, activity)
    low, high = between_chips(placement, activity)
    return {
        "fits": True,
        "cores": placement.total_cores,
        "chips": placement.chips,
        "binding": limit(placement.binding),
        "synaptic_ops_per_core": {
            "least": float(ops.min()),
            "mean": float(ops.mean()),
            "busiest": float(ops.max()),
            "busiest_in_any_update": peak_ops(placement, activity),
        },
        "deliveries": deliveries(placement, activity),
        "between_chips": {"once_per_chip": low, "once_per_core": high},
        "pace": list(pace(placement, activity)),
        "layers": [_layer(placement, i) for i in range(len(placement.shapes))],
        "placement": [_core(core, placement, activity) for core in placement.cores],
    }


def _layer(placement: Placement, i: int) -> dict:
    shape, broken = placement.shapes[i], placement.next_broken(i)
    return {
        "layer": shape.name,
        "neurons": shape.neurons,
        "cores": placement.n_cores[i],
        "neurons_on_fullest": placement.largest(i),
        "one_neuron_too_many": None if broken is None else limit(broken),
    }


def _core(core: Core, placement: Placement, activity: Activity) -> dict:
    words = core_words(core.layer, core.neurons, placement.reading)
    words.pop("neurons_per_core")
    return {
        "chip_idx": core.chip_idx,
        "core_idx": core.core_idx,
        "layer": core.layer.name,
        "first_neuron": core.first,
        "neurons": core.neurons,
        "syn_ops": activity.received[core.layer.name] * core.layer.reached * core.neurons,
        **{rule.removesuffix("_per_core"): found for rule, found in words.items()},
    }
