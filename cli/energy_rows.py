"""Energy and time of a report: what is modelled, what this machine took, what SANA-FE says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np
import typer

from ipvae.cli.output import note, table, working
from ipvae.emulator.recording import run
from ipvae.energy.counts import count_run
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.loihi2 import CHIP as LOIHI2
from ipvae.energy.models.table import left_out, model_table
from ipvae.energy.rapl import Meter, metered, processor_name
from ipvae.energy.sanafe import require_sanafe, simulate
from ipvae.energy.work import work_of
from ipvae.network.description import IntNetwork
from ipvae.network.totals import Totals
from ipvae.report.numbers import band
from ipvae.report.numbers import count as count_text
from ipvae.workflows.cluster import LOCAL, NONE

OWN = " This machine's own was measured."
"""Of a report's first line, where the kernel offers counters."""

SANAFE_IMAGES = 4

SanafeOption = Annotated[
    bool,
    typer.Option("--sanafe", help="Simulate the same spikes in SANA-FE too (if it is installed)."),
]


def require_simulator(sanafe: bool) -> None:
    """Refuse --sanafe where it is not installed, before any work."""
    if sanafe:
        require_sanafe()


@contextmanager
def this_machine(scheduler: str | None) -> Iterator[Meter]:
    """Watch the energy counters while the emulator runs.

    Where the run is on a cluster its energy is not this machine's, and none is given.
    """
    with metered() as meter:
        yield meter
    if scheduler not in (None, LOCAL, NONE):
        meter.joules, meter.missing = {}, "its energy was not read: the run was on a cluster"


def add_energy(
    result: dict,
    network: IntNetwork,
    totals: Totals,
    pixels: np.ndarray,
    machine: Meter,
    sanafe: bool,
) -> None:
    """Add to a report's result its tables of energy and time, per image.

    Parameters
    ----------
    result : dict
        With `seed` and `status`; gets `energy`, `time`, `energy_notes` and, if asked for, `sanafe`.
    network : IntNetwork
    totals : Totals
        Of the run of `pixels`.
    machine : Meter
        What the run took.
    sanafe : bool
        Whether to simulate the first images in SANA-FE.
    """
    work = work_of(network, totals)
    energy, times = model_table(network, work)
    notes = left_out(work)
    measured = machine.row(totals.images, processor_name())
    if measured is None:
        notes.append(f"this machine: {machine.missing}")
    else:
        energy.append(measured)
        result["status"] += OWN
    if sanafe:
        result["sanafe"] = _simulated(network, pixels, totals.steps, result["seed"], energy, times)
    result["energy"] = [row.as_dict() for row in energy]
    result["time"] = [row.as_dict() for row in times]
    result["energy_notes"] = notes


def _simulated(
    network: IntNetwork,
    pixels: np.ndarray,
    steps: int,
    seed: int,
    energy: list[EnergyRow],
    times: list[TimeRow],
) -> dict:
    """Run the first images in SANA-FE, add its rows, and lay its counts beside ours."""
    with working("simulating in SANA-FE"):
        trace = run(network, pixels[:SANAFE_IMAGES], steps, seed, tell=note)
        found = simulate(network, trace)
    row, of_time = found.rows()
    energy.append(row)
    times.append(of_time)
    ours = count_run(network, trace)
    return {
        "version": found.version,
        "images": found.images,
        "synaptic_events": found.synaptic_events / found.images,
        "synaptic_ops": ours.synaptic_ops,
        "equal": found.synaptic_events == round(ours.synaptic_ops * found.images),
    }


def replace_modelled(result: dict, energy: list[EnergyRow], times: list[TimeRow]) -> None:
    """Put what a log measured on Loihi 2 in the place of the modelled band.

    Parameters
    ----------
    result : dict
    energy, times : list of EnergyRow, list of TimeRow
        The log's. If it has energies, no modelled energy of Loihi 2 stays; times likewise.
    """
    for name, rows in {"energy": energy, "time": times}.items():
        if rows:
            result[name] = [*_without_band(result[name]), *(row.as_dict() for row in rows)]
            result["energy_notes"].append(f"no Loihi 2 band of {name}: the log has its own")


def _without_band(rows: list[dict]) -> list[dict]:
    return [row for row in rows if (row["chip"], row["kind"]) != (LOIHI2, "modelled")]


def energy_tables(result: dict) -> list:
    """Show energies, times and what is to be said of them."""
    heads = ["model", "chip", "kind", "part", "microjoules"]
    names = ("model", "chip", "kind", "part")
    energy = [
        [*(row[name] for name in names), band(row["low_j"], row["high_j"])]
        for row in result["energy"]
    ]
    times = [
        [*(row[name] for name in names[:3]), band(row["low_s"], row["high_s"])]
        for row in result["time"]
    ]
    shown: list = [
        table("energy per image (sources and assumptions: report.json)", heads, energy),
        table("time per image", [*heads[:3], "microseconds"], times),
        *result["energy_notes"],
    ]
    if "sanafe" in result:
        shown.append(_said(result["sanafe"]))
    return shown


def _said(found: dict) -> str:
    equal = "equal to" if found["equal"] else "NOT equal to"
    return (
        f"SANA-FE {found['version']}: {count_text(found['synaptic_events'])} synaptic events per "
        f"image of the first {found['images']}, {equal} our {count_text(found['synaptic_ops'])} "
        "synaptic operations"
    )
