"""Comparison of a measured log with the counts of a run: measured, modelled, and their ratio."""

from dataclasses import asdict, dataclass

from ipvae.chip.core_memory import CONSERVATIVE, READINGS, layer_shapes
from ipvae.chip.limits import TARGETS
from ipvae.chip.placement import Placement, place
from ipvae.energy.counting.core_counts import CoreCounts, core_counts
from ipvae.energy.measurement.profiler_log import ProfilerLog
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.network.description import IntNetwork
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.profiler_columns import CHIP, COLUMNS, CORE, CORES, STEPS
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace

COUNTED = ("syn_ops", "dendrite_updates", "axon_out", "spikes_in")
"""Columns of the log that have a modelled count."""

ENERGY = {
    "total": ("energy", ("total_power", "power")),
    "static": ("static_energy", ("static_total_power", "static_power")),
    "dynamic": ("dynamic_energy", ("dynamic_power",)),
}
"""For each part of the energy: its energy column, and its power columns."""

LOGGED_CHIP = "Loihi 2 (as logged)"

_BY_POWER = " x time per step"

MATCHED = (
    "cores are matched by chip and core index with a plan on as many cores; where the compiler put "
    "other neurons there, only totals and the busiest core can be compared"
)
NEGATIVE = (
    "dynamic energy is below zero: the run drew less than the idle power measured around it, so "
    "what the network added is less than the noise (this occurs in published logs)"
)


@dataclass(frozen=True)
class Compared:
    """One value of the log, with the modelled value if there is one.

    Attributes
    ----------
    name : str
        Column name.
    unit : str
    over : str
        Scope of the value, such as a step or the run.
    found : float
    modelled, ratio : float or None
        Modelled value, and found / modelled; None without a modelled value or if it is zero.
    """

    name: str
    unit: str
    over: str
    found: float
    modelled: float | None = None

    @property
    def ratio(self) -> float | None:
        """Measured value divided by the modelled value."""
        return self.found / self.modelled if self.modelled else None

    def as_dict(self) -> dict:
        """JSON data."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True, eq=False)
class Measured:
    """Comparison of a log with a run."""

    log: ProfilerLog
    rows: list[Compared]
    cores: list[dict]
    energy: list[EnergyRow]
    times: list[TimeRow]
    notes: list[str]

    @property
    def status(self) -> str:
        """Status line, the first line of a report."""
        return (
            f"Measured figures were read from {self.log.path}; this tool did not measure them and "
            "did not check where they come from. Counts come from the emulator; rows marked "
            "modelled are modelled."
        )

    def as_dict(self) -> dict:
        """JSON data."""
        return {
            "file": self.log.path,
            "sha256": self.log.sha256,
            "columns": list(self.log.columns),
            "columns_left_out": list(self.log.left_out),
            "columns_empty": list(self.log.empty),
            "rows": [row.as_dict() for row in self.rows],
            "cores": self.cores,
            "notes": self.notes,
        }


def lay_beside(log: ProfilerLog, network: IntNetwork, run: Activity | Totals | Trace) -> Measured:
    """Compare a log with the counts of a run.

    Parameters
    ----------
    log : ProfilerLog
    network : IntNetwork
    run : Activity, Totals or Trace
        Run that the log should describe; its step count applies if the log has none.

    Returns
    -------
    Measured
        Counts per chip step on both sides, so that a log of another length is comparable.
    """
    activity = activity_of(network, run)
    per_image = network.schedule.chip_steps(activity.steps)
    run_steps = per_image * activity.images
    logged = log.figure(STEPS)
    steps = float(run_steps) if logged is None else logged
    counts, known = _counts(log, network, activity)
    rows, cores = _compared(log, counts, steps, run_steps)
    energy, made = _energy(log, per_image, steps)
    notes = [*known, *made]
    if logged is None and any(name in log.columns for name in (*COUNTED, "energy")):
        notes.append(
            f"the log has no {STEPS}: it is taken to be of the run reported here, {run_steps} "
            "chip steps"
        )
    if log.left_out:
        notes.append(
            f"columns left out, not known: {', '.join(repr(name[:40]) for name in log.left_out)}"
        )
    if log.empty:
        notes.append(f"columns without a value: {', '.join(log.empty)}")
    powers = [name for _, names in ENERGY.values() for name in names if name in log.columns]
    if powers and not energy:
        notes.append("no energy: the log has power, but no time per step to multiply it by")
    if any(row.part == "dynamic" and row.low_j < 0 for row in energy):
        notes.append(NEGATIVE)
    return Measured(log, rows, cores, energy, _times(log, per_image), notes)


def _counts(
    log: ProfilerLog, network: IntNetwork, activity: Activity
) -> tuple[CoreCounts | None, list[str]]:
    """Modelled counts on the log's number of cores, else on the fewest; None if on none."""
    shapes, board = layer_shapes(network), TARGETS["hala-point"]
    received = activity.received
    wanted = None if log.cores is None else len(log.cores)
    for reading in reversed(READINGS):
        found = place(shapes, board, reading, received, wanted)
        if isinstance(found, Placement) and wanted in (None, found.total_cores):
            return core_counts(network, activity, found), [] if wanted is None else [MATCHED]
    found = place(shapes, board, CONSERVATIVE, received)
    if isinstance(found, Placement):
        return core_counts(network, activity, found), [
            f"the log has {wanted} cores, and the nearest plan another number: totals are "
            "compared, cores are not"
        ]
    return None, [f"the memory model does not fit the network ({found.rule}): nothing is compared"]


def _compared(
    log: ProfilerLog, counts: CoreCounts | None, steps: float, run_steps: int
) -> tuple[list[Compared], list[dict]]:
    rows: list[Compared] = []
    by_core = counts is not None and log.cores is not None and len(log.cores) == len(counts.cores)
    for name, values in log.columns.items():
        column = COLUMNS[name]
        if name in (CHIP, CORE):
            continue
        if name in COUNTED:
            unit = f"{column.unit} per chip step"
            ours = None if counts is None else getattr(counts, name) / run_steps
            # Each core that receives a message counts it once.
            total = None if ours is None or (name == "spikes_in" and not by_core) else ours.sum()
            rows.append(Compared(name, unit, "all cores", float(values.sum()) / steps, total))
            if log.cores is not None:
                most = float(ours.max()) if ours is not None and by_core else None
                rows.append(Compared(name, unit, "busiest core", float(values.max()) / steps, most))
        elif column.of == CORES:
            ours = counts.total_mpds if counts is not None and name == "total_mpds" else None
            mean = float(ours.mean()) if ours is not None and by_core else None
            rows.append(Compared(name, column.unit, "mean core", float(values.mean()), mean))
        else:
            over = "run" if len(values) == 1 else f"mean of {len(values)}"
            ours = run_steps if name == STEPS else None
            rows.append(Compared(name, column.unit, over, float(values.mean()), ours))
    return rows, _core_by_core(log, counts, steps, run_steps)


def _core_by_core(
    log: ProfilerLog, counts: CoreCounts | None, steps: float, run_steps: int
) -> list[dict]:
    """Loads of each core if the log's cores equal the planned ones; else an empty list."""
    if counts is None or log.cores is None or set(log.cores) != set(counts.cores):
        return []
    place_of = {core: i for i, core in enumerate(log.cores)}
    return [
        {
            CHIP: core[0],
            CORE: core[1],
            **{
                name: Compared(
                    name,
                    COLUMNS[name].unit,
                    "core",
                    float(log.columns[name][place_of[core]]) / steps,
                    float(getattr(counts, name)[i]) / run_steps,
                ).as_dict()
                for name in COUNTED
                if name in log.columns
            },
        }
        for i, core in enumerate(counts.cores)
    ]


def _times(log: ProfilerLog, per_image: int) -> list[TimeRow]:
    """Time of an image, if the log has the time of a step."""
    if log.step_time_us is None:
        return []
    seconds = log.step_time_us * 1e-6 * per_image
    source = f"{log.path}, {per_image} chip steps an image; origin not checked"
    return [TimeRow("profiler log", "measured", LOGGED_CHIP, seconds, seconds, source)]


def _energy(log: ProfilerLog, per_image: int, steps: float) -> tuple[list[EnergyRow], list[str]]:
    """Total, static and dynamic energy of an image, as far as logged, with the method."""
    found: dict[str, tuple[float, str]] = {}
    for part, (energy, powers) in ENERGY.items():
        joules = log.figure(energy)
        if joules is not None:
            found[part] = joules / steps * per_image, energy
            continue
        power = next((name for name in powers if name in log.columns), None)
        if power is not None and log.step_time_us is not None:
            watts = float(log.columns[power].mean())
            found[part] = watts * log.step_time_us * 1e-6 * per_image, power + _BY_POWER
    if "dynamic" not in found and {"total", "static"} <= found.keys():
        (total, how), (static, how_static) = found["total"], found["static"]
        if how.endswith(_BY_POWER) == how_static.endswith(_BY_POWER):
            found["dynamic"] = total - static, f"{how} - {how_static}"
    source = (
        f"{log.path} (columns {', '.join(log.columns)}), {per_image} chip steps an image; of the "
        "whole board as logged, idle chips included; origin not checked"
    )
    rows = [
        EnergyRow(
            model="profiler log",
            kind="measured",
            part=part,
            chip=LOGGED_CHIP,
            low_j=joules,
            high_j=joules,
            source=source,
        )
        for part, (joules, _) in found.items()
    ]
    return rows, [f"{part} energy: {how}" for part, (_, how) in found.items()]
