"""Check of a network against the limits of a target, and placement on its cores."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvae.chip.check import CheckResult
from ipvae.chip.check import check as check_network
from ipvae.chip.core_memory import full_activity, layer_shapes
from ipvae.chip.limits import target_named
from ipvae.chip.placement import Placement
from ipvae.chip.plan import Plan, core_ops, make_plan
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.network.proof.bounds import bounds
from ipvae.network.traces.activity import Activity, activity_of
from ipvae.network.traces.totals import Totals
from ipvae.network.traces.trace import Trace
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.limits import fits_text, limit_text, tightest
from ipvae.workflows.boundary import public
from ipvae.workflows.describe.plan_text import plan_text
from ipvae.workflows.kinds.placing import network_activity
from ipvae.workflows.networks import load_trace
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.run_result import RunResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES, STEPS = 16, 64
"""Images and steps of the run that measures core loads if no trace is given."""

log = logging.getLogger("ipvae")


@dataclass(frozen=True, eq=False, repr=False)
class Check(Result):
    """Result of checking a network against a target.

    Attributes
    ----------
    result : CheckResult
        Every limit with the value found and the value allowed, and every proved interval.
    plan : PlacementPlan or None
        Placement of neurons, if it was requested.
    """

    result: CheckResult
    plan: "PlacementPlan | None" = None

    @property
    def ok(self) -> bool:
        """True if no limit is exceeded."""
        return self.result.ok

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.result.target

    @property
    def violations(self) -> list[Any]:
        """Exceeded limits: `rule`, `found`, `allowed`, `where`."""
        return self.result.violations

    @property
    def overflow_proved(self) -> bool:
        """True if it is proved that every variable and intermediate stays in its range."""
        return self.result.overflow_proved

    @property
    def cores(self) -> int | None:
        """Cores by the conservative memory model; None if the network does not fit."""
        return self.result.cores.high if self.result.cores else None

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("target", self.target),
            ("ok", str(self.ok)),
            ("cores", str(self.cores)),
            ("violations", "; ".join(v.rule for v in self.violations) or "none"),
            ("overflow proved impossible", str(self.overflow_proved)),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae check --json`."""
        data = self.result.as_dict()
        return data if self.plan is None else {**data, "plan": self.plan.to_json()}

    def shown(self, listed_by: str = ".result.bounds") -> list[Table | str]:
        """Return the use of every limit, or the plan, and the verdict.

        `listed_by` is the name of the list of all proved intervals in the text.
        """
        if self.plan is None:
            return [self._first(), self._budget(), self._verdict(listed_by)]
        exceeded = [
            f"exceeded: {v.rule}, found {v.found}, allowed {v.allowed} ({v.where})"
            for v in self.violations
        ]
        return [self._first(), *self.plan.shown(), *exceeded, self._verdict(listed_by)]

    def _first(self) -> str:
        """Line on the fit, with the tightest limit or the first exceeded one."""
        data = self.result.as_dict()
        if self.ok:
            return f"OK: fits {fits_text(data)}"
        first = tightest(data["violations"])
        if first is None:
            return "NOT OK: overflow is not excluded"
        number = number_of(len(self.violations), "violation")
        return f"NOT OK: {number}; first: {limit_text(first)} ({first['where']})"

    def _budget(self) -> Table:
        rows = [
            [line.rule, line.where, str(line.found), str(line.allowed), _yes(line.holds)]
            for line in self.result.lines
        ]
        return Table(f"{self.target} limits", ["rule", "where", "found", "allowed", ""], rows)

    def _verdict(self, listed_by: str) -> str:
        if not self.ok:
            return f"does not fit {self.target}: {len(self.violations)} limit(s) exceeded"
        intervals = f"{len(self.result.bounds)} intervals proved ({listed_by} lists them)"
        if not self.overflow_proved:
            total, unproved = len(self.result.bounds), sum(not b.holds for b in self.result.bounds)
            return (
                f"fits {self.target}; {unproved} of {total} intervals are not proved ({listed_by} "
                "lists them): sums of sigma-delta neurons have no bound, and wrap as in Lava"
            )
        return f"fits {self.target}; overflow is impossible: {intervals}"


@dataclass(frozen=True, eq=False, repr=False)
class PlacementPlan(Result):
    """Placement of neurons on cores, by both memory models.

    Attributes
    ----------
    plan : Plan
    """

    plan: Plan

    @property
    def fits(self) -> bool:
        """True if the network fits by the conservative memory model."""
        return self.plan.fits

    @property
    def cores(self) -> int | None:
        """Cores by the conservative memory model; None if the network does not fit."""
        found = self.plan.conservative
        return found.total_cores if isinstance(found, Placement) else None

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.plan.conservative
        chips = str(found.chips) if isinstance(found, Placement) else "none"
        return [
            ("target", self.plan.target.name),
            ("fits", str(self.fits)),
            ("cores", str(self.cores)),
            ("chips", chips),
            ("activity", self.plan.activity.source),
        ]

    def plot(self) -> "Figure":
        """Return a figure of the cores and their loads; it needs matplotlib.

        It uses the conservative memory model, and shows only the first of many chips.

        Raises
        ------
        InputError
            If the network does not fit.
        """
        from ipvae.workflows.reporting.pictures import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.figures.core_map import core_map

        found = self.plan.conservative
        if not isinstance(found, Placement):
            raise InputError(f"plot: the network does not fit {self.plan.target.name}")
        ops = core_ops(found, self.plan.activity)
        cores = [
            {
                "chip": core.chip_idx,
                "core": core.core_idx,
                "layer": core.layer.name,
                "synaptic_ops": float(ops[i]),
            }
            for i, core in enumerate(found.cores)
        ]
        return core_map(cores).figure

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, as in `ipvae check --plan FILE`."""
        return json_data(self.plan.as_dict())

    def shown(self) -> list[Table | str]:
        """Return a table with a column for each memory model, and the load for more cores."""
        return plan_text(self.plan)


@public
def check(network: IntNetwork | Network, *, target: str = "loihi2") -> Check:
    """Check weight grid, ranges, payload, neurons and memory against a target's limits.

    Parameters
    ----------
    network : IntNetwork
    target : 'loihi2' (one chip), 'kapoho-point' or 'hala-point'

    Raises
    ------
    InputError
        If the target is not known.
    """
    return Check(check_network(network, target))


@public
def place(
    network: IntNetwork | Network,
    *,
    target: str = "loihi2",
    cores: int | None = None,
    run: RunResult | Totals | Trace | str | Path | None = None,
    trace: Trace | str | Path | None = None,
    progress: Listener | None = None,
) -> PlacementPlan:
    """Place a network on the cores of a target.

    Parameters
    ----------
    network : IntNetwork
    target : 'loihi2' (one chip), 'kapoho-point' or 'hala-point'
    cores : int, optional
        Number of cores to spread over; by default the fewest that hold the network.
    run : RunResult, Totals, Trace, or path of a trace file, optional
        Run on any backend, from which core loads are computed; by default the network's test images
        are run, and without any every neuron sends at every update.
    trace : Trace or path, optional
        Older name of `run`.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If the number of cores is not possible, or the trace is of another network.
    """
    shapes, board = layer_shapes(network), target_named(target)
    given = trace if run is None else run
    with listening(progress):
        if isinstance(network, Network):
            busy = network_activity(network, given)
        else:
            busy = _activity(network, given)
    return PlacementPlan(make_plan(shapes, board, busy, cores))


def _yes(holds: bool) -> str:
    return "ok" if holds else "NO"


def _activity(
    network: IntNetwork, given: RunResult | Totals | Trace | str | Path | None
) -> Activity:
    if isinstance(given, RunResult) and given.totals is not None:
        extent = f"{given.images} images of {given.steps} updates"
        return activity_of(network, given.totals, f"{extent} ({given.backend})")
    if isinstance(given, Totals):
        return activity_of(network, given, f"{given.images} images of {given.steps} updates")
    if isinstance(given, RunResult):
        given = given.trace
    if given is not None:
        where = "the trace" if isinstance(given, Trace) else str(given)
        trace = given if isinstance(given, Trace) else load_trace(given)
        require_trace_of(network, trace, where)
        extent = f"{len(trace.samples)} images of {trace.steps} updates"
        source = f"{extent} in {where} ({trace.backend})"
        return activity_of(network, trace, source, plan=True)
    pixels = network.test_images[:IMAGES]
    if not len(pixels) or not all(bound.holds for bound in bounds(network)):
        return full_activity(layer_shapes(network))
    from ipvae.emulator import Emulator

    with stage(f"running {len(pixels)} images to see how busy the cores are"):
        totals = Emulator(network, on_message=log.info).totals(pixels, STEPS, 0)
    source = f"{len(pixels)} images of the file, {STEPS} updates, in the emulator"
    return activity_of(network, totals, source)


def require_trace_of(network: IntNetwork, trace: Trace, where: str) -> None:
    """Raise InputError unless a trace is of this network and has the output of every layer."""
    require_same_network(network, trace, where)
    if not trace.complete:
        raise InputError(f"trace: {where} holds chosen steps or neurons; record it whole")
    missing = [
        source
        for source in {str(s.layer.source) for s in network.schedule.stages} - {"0"}
        if any("z" not in sample.get(source, {}) for sample in trace.samples)
    ]
    if missing:
        raise InputError(f"trace: {where} has no z of layer {min(missing)}; record it whole")


def require_same_network(network: IntNetwork, trace: Trace, where: str) -> None:
    """Raise InputError unless a trace is of this network."""
    if trace.checksum != checksum(network):
        raise InputError(
            f"trace: {where} is of the network {trace.checksum[:12]}..., this one is "
            f"{checksum(network)[:12]}...; record one of this network with trace_file="
        )
