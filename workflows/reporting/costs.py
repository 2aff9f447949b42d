"""Keys of a report for the cost of a run: counts, energies and times of an image."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ipvae.energy.counting.cores import cores_as_dict
from ipvae.energy.counting.counts import Counts, count_run, network_drive_macs
from ipvae.energy.counting.layer_counts import layer_counts
from ipvae.energy.counting.workload import work_of
from ipvae.energy.headline import headline
from ipvae.energy.measurement.comparison import Measured, lay_beside
from ipvae.energy.measurement.profiler_log import ProfilerLog
from ipvae.energy.measurement.rapl import processor_name
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.loihi2 import CHIP as LOIHI2
from ipvae.energy.models.table import left_out, model_table
from ipvae.network.description import IntNetwork
from ipvae.network.traces.activity import Activity
from ipvae.network.traces.trace import Trace
from ipvae.report.html.counted_nouns import STATUS
from ipvae.workflows.progress import stage
from ipvae.workflows.reporting.once import Seen
from ipvae.workflows.reporting.quality import spread
from ipvae.workflows.reporting.request import ReportRequest

OWN = " This machine's own was measured."
"""Sentence in the first line of a report if the kernel provides energy counters."""


@dataclass
class Costs:
    """Tables of energy and time, with notes on them."""

    energy: list[EnergyRow]
    times: list[TimeRow]
    notes: list[str]
    status: str = STATUS
    sanafe: dict[str, Any] | None = None
    measured: Measured | None = None

    def keys(self) -> dict[str, Any]:
        """Keys `energy`, `time` and `energy_notes`, and `sanafe` if it was run."""
        return {
            **({} if self.sanafe is None else {"sanafe": self.sanafe}),
            "energy": [row.as_dict() for row in self.energy],
            "time": [row.as_dict() for row in self.times],
            "energy_notes": self.notes,
        }

    def headline(self) -> dict[str, Any]:
        """Main figures of Loihi 2."""
        return headline(self.energy, self.times, self.notes)


def modelled(network: IntNetwork, activity: Activity) -> Costs:
    """All modelled energies and times of one image."""
    work = work_of(network, activity)
    energy, times = model_table(network, work)
    return Costs(energy, times, left_out(work))


def costs(
    request: ReportRequest, seen: Seen, activity: Activity, profile: ProfilerLog | None
) -> Costs:
    """All energies and times: modelled, measured on this machine, from SANA-FE, and from a log."""
    found = modelled(request.network, activity)
    machine = seen.machine.row(request.samples, processor_name())
    if machine is None:
        found.notes.append(f"this machine: {seen.machine.missing}")
    else:
        found.energy.append(machine)
        found.status += OWN
    if seen.spikes is not None:
        _add_simulated(found, request.network, seen.spikes)
    if profile is not None:
        _add_log(found, lay_beside(profile, request.network, activity))
    return found


def _add_simulated(costs: Costs, network: IntNetwork, spikes: Trace) -> None:
    """Run the first images in SANA-FE, add its rows, and compare its counts."""
    from ipvae.energy.sanafe import simulate

    with stage("simulating in SANA-FE"):
        found = simulate(network, spikes)
    row, of_time = found.rows()
    costs.energy.append(row)
    costs.times.append(of_time)
    ours = count_run(network, spikes)
    costs.sanafe = {
        "version": found.version,
        "images": found.images,
        "synaptic_events": found.synaptic_events / found.images,
        "synaptic_ops": ours.synaptic_ops,
        "equal": found.synaptic_events == round(ours.synaptic_ops * found.images),
    }


def _add_log(costs: Costs, measured: Measured) -> None:
    """Replace the modelled Loihi 2 band by measurements in a log.

    If the log has energies, they replace all modelled energies of Loihi 2; the same holds for
    times.
    """
    costs.status = measured.status + (OWN if costs.status.endswith(OWN) else "")
    costs.measured = measured
    if measured.energy:
        costs.energy = [*filter(_stays, costs.energy), *measured.energy]
        costs.notes.append("no Loihi 2 band of energy: the log has its own")
    if measured.times:
        costs.times = [*filter(_stays, costs.times), *measured.times]
        costs.notes.append("no Loihi 2 band of time: the log has its own")


def _stays(row: EnergyRow | TimeRow) -> bool:
    return (row.chip, row.kind) != (LOIHI2, "modelled")


def details(request: ReportRequest, seen: Seen, activity: Activity) -> dict[str, Any]:
    """Keys `layers`, `by_step`, `by_image` and `cores` of a report (docs/energy.md)."""
    network, totals = request.network, seen.totals
    return {
        "layers": [layer.as_dict() for layer in layer_counts(network, activity)],
        "by_step": {
            "step": list(range(totals.steps + 1)),
            **{name: (sums / totals.images).tolist() for name, sums in seen.counts.steps.items()},
        },
        "by_image": _by_image(network, seen.counts.images),
        "cores": cores_as_dict(network, seen.placement, activity, seen.counts),
    }


def _by_image(network: IntNetwork, sums: dict[str, np.ndarray]) -> dict[str, Any]:
    """Mean, minimum, maximum and standard deviation over the images of the run, by count."""
    n = len(next(iter(sums.values())))
    every = {**sums, "drive_macs": np.full(n, network_drive_macs(network))}
    return {field.name: spread(every[field.name]) for field in fields(Counts)}
