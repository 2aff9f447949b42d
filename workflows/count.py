"""Operations of a run, with energy and time from cost models."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvae.energy.counting.counts import Counts, count_run
from ipvae.energy.counting.layer_counts import LayerCounts, layer_counts
from ipvae.energy.counting.network_counts import LayerCounts as NetworkLayerCounts
from ipvae.energy.counting.network_counts import NetworkCounts, network_counts
from ipvae.energy.counting.workload import work_of
from ipvae.energy.headline import headline
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.loihi2 import CHIP as LOIHI2
from ipvae.energy.models.table import left_out, model_table
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.network_totals import NetworkTotals
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace
from ipvae.report.html.verdicts import headline_verdicts
from ipvae.report.numbers import band, count
from ipvae.workflows.boundary import public
from ipvae.workflows.kinds.costs import network_costs
from ipvae.workflows.kinds.placing import require_run_of, trace_totals_of
from ipvae.workflows.kinds.result import NetworkRun
from ipvae.workflows.networks import load_trace
from ipvae.workflows.place import require_same_network
from ipvae.workflows.results import Result
from ipvae.workflows.run import RunResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class OperationCounts(Result):
    """Operations per image, means over the images of a run (docs/energy.md defines each).

    Attributes
    ----------
    total : Counts
        Counts of the whole network.
    layers : tuple of LayerCounts
        Counts of each layer, including the input of a lava-dl network.
    images : int
        Images of the run.
    """

    total: Counts
    layers: tuple[LayerCounts | NetworkLayerCounts, ...]
    images: int

    @property
    def synaptic_ops(self) -> float:
        """Stored synapses of every nonzero message, per image."""
        return self.total.synaptic_ops

    @property
    def spikes(self) -> float:
        """Sum of the code's counts at steps 0..T-1, per image."""
        return self.total.spikes

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts per image: pairs of name and text."""
        return [(name, count(value)) for name, value in self.total.as_dict().items()]

    def plot(self) -> "Figure":
        """Return a figure with a bar for each count; it needs matplotlib."""
        from ipvae.workflows.reporting.pictures import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.figures.operations import operations_figure

        return operations_figure(self.total.as_dict())

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: the counts of `ipvae report --json`, in total and for each layer."""
        return {
            "images": self.images,
            "counts": self.total.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
        }


@dataclass(frozen=True, eq=False, repr=False)
class EnergyEstimate(Result):
    """Modelled energy and time of one image.

    Attributes
    ----------
    energy : tuple of EnergyRow
        Joules per image: Loihi 2's band, other chips, dense baselines.
    time : tuple of TimeRow
        Seconds per image.
    notes : tuple of str
        Models that could not be applied, with the reason.
    """

    energy: tuple[EnergyRow, ...]
    time: tuple[TimeRow, ...]
    notes: tuple[str, ...]

    @property
    def loihi2(self) -> tuple[EnergyRow, ...]:
        """Rows of Loihi 2: the band, with dynamic and static parts."""
        return tuple(row for row in self.energy if row.chip == LOIHI2)

    @property
    def headline(self) -> dict[str, Any]:
        """Figures of Loihi 2: energy by part (J), latency (s), rate, energy-delay product (J s).

        As `ipvae.energy.headline.headline`; `reason` explains why they are bands.
        """
        return headline(self.energy, self.time, self.notes)

    def rows(self) -> list[tuple[str, str]]:
        """Return energies, time, rate and energy x time of Loihi 2, then all energies."""
        first = [*self.loihi2, *(row for row in self.energy if row.chip != LOIHI2)]
        energies = [
            (f"{row.model}, {row.chip}, {row.kind}, {row.part}", _microjoules(row)) for row in first
        ]
        return [
            *((found.title, found.text) for found in headline_verdicts(self.headline)),
            *energies,
        ]

    def plot(self) -> "Figure":
        """Return a figure of all models' energies on one axis; it needs matplotlib.

        Raises
        ------
        InputError
            If fewer than two models give an energy above 0.
        """
        from ipvae.workflows.reporting.pictures import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.figures.energy import energy

        drawn = energy([row.as_dict() for row in self.energy])
        if drawn is None:
            raise InputError("plot: two energies above 0 are needed; there are fewer")
        return drawn.figure

    def to_json(self) -> dict[str, Any]:
        """Return JSON data: `headline`, `energy`, `time`, `energy_notes` as in `ipvae report`."""
        return {
            "headline": self.headline,
            "energy": [row.as_dict() for row in self.energy],
            "time": [row.as_dict() for row in self.time],
            "energy_notes": list(self.notes),
        }


@public
def count_operations(
    network: IntNetwork | Network, result: RunResult | Trace | Totals | str | Path
) -> OperationCounts:
    """Count the operations of a run on any backend.

    Parameters
    ----------
    network : IntNetwork or lava-dl network
        The network that ran.
    result : RunResult, Trace, Totals, or path of a trace file

    Raises
    ------
    InputError
        If the run or trace is of another network, or lacks variables that are counted.
    """
    if isinstance(network, Network):
        totals, found = _counted(network, result)
        return OperationCounts(found.total, found.layers, totals.images)
    activity = _activity(network, result)
    layers = tuple(layer_counts(network, activity))
    return OperationCounts(count_run(network, activity), layers, activity.images)


@public
def estimate_energy(
    network: IntNetwork | Network, result: RunResult | Trace | Totals | str | Path
) -> EnergyEstimate:
    """Model the energy and time of a run on Loihi 2, other chips and dense hardware.

    Every row names its kind (modelled), part (dynamic, static or total), source and assumptions;
    docs/energy.md describes the models.

    Parameters
    ----------
    network : IntNetwork or lava-dl network
        The network that ran.
    result : RunResult, Trace, Totals, or path of a trace file
        Run on any backend.

    Raises
    ------
    InputError
        If the run or trace is of another network, or lacks variables that are counted.
    """
    if isinstance(network, Network):
        costs = network_costs(network, *_counted(network, result))
        return EnergyEstimate(costs.energy, costs.time, costs.notes)
    work = work_of(network, _activity(network, result))
    energy, time = model_table(network, work)
    return EnergyEstimate(tuple(energy), tuple(time), tuple(left_out(work)))


def _activity(network: IntNetwork, result: object) -> Activity:
    """Activity of a run of a network with one code, or of a trace."""
    found = ran(result)
    if isinstance(found, Trace):
        where = str(result) if isinstance(result, (str, Path)) else "the trace"
        require_same_network(network, found, where)
    return activity_of(network, found)


def _counted(network: Network, result: object) -> tuple[NetworkTotals, NetworkCounts]:
    """Totals and counts of a run of a network of any kinds, or of a trace."""
    if isinstance(result, NetworkRun):
        require_run_of(network, result)
        return result.network_totals, result.counted
    trace = ran(result)
    if not isinstance(trace, Trace):
        raise InputError("result: found other totals, allowed a run or a trace of this network")
    totals = trace_totals_of(network, trace)
    return totals, network_counts(network, totals)


def ran(result: object) -> Trace | Totals:
    """Return the trace or totals of a run, or the trace in a file.

    Raises
    ------
    InputError
        If it is not a run, or a file that cannot be read as a trace.
    """
    if isinstance(result, RunResult):
        found = result.totals or result.trace
        if found is not None:
            return found
    if isinstance(result, (Trace, Totals)):
        return result
    if isinstance(result, (str, Path)):
        return load_trace(result)
    raise InputError(
        f"result: found {type(result).__name__}, allowed what ipvae.run returns, a trace or totals"
    )


def _microjoules(row: EnergyRow) -> str:
    return f"{band(row.low_j, row.high_j)} uJ"
