"""Energy band of Loihi 2: power of published runs times a modelled time.

No energy per operation of Loihi 2 has been published, so this model has no such constant.
"""

from ipvae.chip.limits import LimitCheck
from ipvae.chip.placement import Placement
from ipvae.energy.counting.workload import LayerWorkload, Workload
from ipvae.energy.models.row import EnergyRow, TimeRow

MODEL = "Loihi 2 band"
CHIP = "Loihi 2"

FLOOR_S = 1.164e-6
"""Minimum time of a chip step, with 2 neurons and 1 synapse (NECOTIS)."""
STATIC_W = (0.213, 0.232)
"""Static power of one chip: NECOTIS; PilotNet."""
EMPTY_DYNAMIC_W = (0.023, 0.038)
"""Dynamic power of a chip with 2 neurons and 1 synapse; the uncertainty is +-0.02 (NECOTIS)."""
CORE_DYNAMIC_W = 0.447 / 74
"""Dynamic power of one busy core (PilotNet: 0.447 W on 74 cores)."""
SYNAPTIC_OP_S = 0.66e-9
NEURON_PASS_S = 4e-9
"""Time of one pass of a neuron's microcode."""
CHIPS_BARRIER_S = 10e-6
"""Barrier time of a step over several chips."""
PASSES_LOW = 1
PASSES_DRAWN, PASSES_GRADED = 60, 2
"""Passes of the high estimate: one for each operation at rates below 1 (docs/spec/neuron_cost.md);
a sigma-delta ReLU takes 2 (script)."""

NECOTIS = (
    "floor and static power: NECOTIS, TemporalLearningInRSNNs, loihi_experiment/res.json "
    "(measured, Oheo Gulch, 2 neurons, 1e7 steps)"
)
PILOTNET = (
    "static and dynamic power: lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb "
    "(measured, 74 cores)"
)
PACE = (
    "pace: 0.66 ns per synaptic operation, 4 ns per neuron and pass, 10 us per barrier over chips: "
    "a public benchmark script without a named author, not confirmed by Intel"
)
SOURCE = f"{NECOTIS}; {PILOTNET}; {PACE}"
WIDTH = (
    "no energy per operation is published; few passes of microcode on all cores to many on the "
    "fewest"
)
"""Reason for the width of the band."""

_TIMES = (
    "a step lasts as long as the busiest core takes for its mean load (steps vary: the mean of the "
    "slowest is longer), and 1.164 us at least; layers cost time in the steps in which they act",
    "low: spread over all cores of the chips that it needs, synapses and neurons work in "
    "parallel, one pass of microcode per neuron",
    "high: the fewest cores that hold it, by the slower reading of the memory model; synapses and "
    "neurons one after the other and after the floor; 60 passes per Poisson neuron (one for each "
    "operation) and 2 per graded neuron: how many its microcode would take is unknown, it was "
    "never compiled",
    "left out: links between cores and chips, embedded processors, host and I/O, drive, read-out",
)
_PIPELINED_TIMES = (
    "a step lasts as long as the busiest core takes for its mean load (steps vary: the mean of the "
    "slowest is longer), and 1.164 us at least; all layers update in every step, in parallel",
    _TIMES[1],
    "high: the fewest cores that hold it, by the slower reading of the memory model; synapses and "
    "neurons one after the other and after the floor; 2 passes of microcode per neuron, as of a "
    "sigma-delta ReLU",
    "left out: links between cores and chips, embedded processors, host and I/O, input transform",
)
"""Assumptions for a `Network` of any kinds."""
_STATIC = ("0.213 to 0.232 W per chip that holds a part of the network, idle chips left out",)
_DYNAMIC = (
    "not a bound: the energy per operation is unknown",
    "low: the dynamic power of an all but empty chip, 0.023 W",
    "high: 6.0 mW per core that is used, as in PilotNet, and 0.038 W per chip at least",
)


def loihi2_band(work: Workload) -> tuple[list[EnergyRow], list[TimeRow]]:
    """Static energy, dynamic energy and time of one image; static and dynamic are never added.

    Parameters
    ----------
    work : Workload

    Returns
    -------
    list of EnergyRow, list of TimeRow
        Empty if the network fits no board under one of the memory models.
    """
    packed, loose, spread = work.packed, work.loose, work.spread
    if (
        isinstance(packed, LimitCheck)
        or isinstance(loose, LimitCheck)
        or isinstance(spread, LimitCheck)
    ):
        return [], []
    times = _PIPELINED_TIMES if work.pipelined else _TIMES
    low_s = _quickest(work, spread)
    high = [(_slowest(work, placement), placement) for placement in (packed, loose)]
    rows = [
        _row(
            "static",
            STATIC_W[0] * spread.chips * low_s,
            max(STATIC_W[1] * placement.chips * time_s for time_s, placement in high),
            (*_STATIC, *times),
        ),
        _row(
            "dynamic",
            EMPTY_DYNAMIC_W[0] * spread.chips * low_s,
            max(_busy_w(placement) * time_s for time_s, placement in high),
            (*_DYNAMIC, *times),
        ),
    ]
    high_s = max(time_s for time_s, _ in high)
    return rows, [TimeRow(MODEL, "modelled", CHIP, low_s, high_s, SOURCE, times)]


def _busy_w(placement: Placement) -> float:
    """Dynamic power in watts, high estimate."""
    return max(CORE_DYNAMIC_W * placement.total_cores, EMPTY_DYNAMIC_W[1] * placement.chips)


def _row(part: str, low_j: float, high_j: float, assumed: tuple[str, ...]) -> EnergyRow:
    return EnergyRow(MODEL, "modelled", part, CHIP, low_j, high_j, SOURCE, assumed)


def busiest_load(layer: LayerWorkload, neurons: int) -> float:
    """Mean synaptic operations per row of a core that holds `neurons` neurons of a layer."""
    return layer.received / layer.rows * neurons * layer.shape.reached


def _quickest(work: Workload, placement: Placement) -> float:
    """Seconds of an image with all possible overlap."""
    steps = _steps(work, placement, PASSES_LOW, PASSES_LOW)
    slots = [max(FLOOR_S, *(max(pair) for pair in slot)) for slot in steps]
    idle = max(work.chip_steps - work.rows * len(slots), 0)
    return work.rows * sum(slots) + idle * FLOOR_S + _barriers(work, placement)


def _slowest(work: Workload, placement: Placement) -> float:
    """Seconds of an image without overlap."""
    steps = _steps(work, placement, PASSES_DRAWN, PASSES_GRADED)
    slots = [FLOOR_S + max(sum(pair) for pair in slot) for slot in steps]
    idle = max(work.chip_steps - work.rows * len(slots), 0)
    return work.rows * sum(slots) + idle * FLOOR_S + _barriers(work, placement)


def _steps(
    work: Workload, placement: Placement, drawn: int, graded: int
) -> list[list[tuple[float, float]]]:
    """Seconds of synapses and of neurons by layer, for each chip step at which layers update."""
    slots: dict[int, list[tuple[float, float]]] = {}
    for i, layer in enumerate(work.layers):
        neurons = placement.largest(i)
        passes = drawn if layer.shape.draws else graded
        slots.setdefault(layer.slot, []).append(
            (busiest_load(layer, neurons) * SYNAPTIC_OP_S, neurons * passes * NEURON_PASS_S)
        )
    return list(slots.values())


def _barriers(work: Workload, placement: Placement) -> float:
    return work.chip_steps * CHIPS_BARRIER_S if placement.chips > 1 else 0.0
