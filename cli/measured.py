"""A profiler's log in a report: `ipvae report --measured LOG.csv`."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.energy_rows import OWN, replace_modelled
from ipvae.cli.output import table
from ipvae.energy.measured import lay_beside
from ipvae.energy.profiler_log import ProfilerLog, read_log
from ipvae.network.description import IntNetwork
from ipvae.network.trace import Trace

MeasuredOption = Annotated[
    Path | None,
    typer.Option(
        metavar="LOG.csv", help="Log of Lava's profiler for Loihi 2, to lay beside the counts."
    ),
]


def read_measured(path: Path | None) -> ProfilerLog | None:
    """Read the log, if one is given, before any work."""
    return None if path is None else read_log(path)


def add_measured(result: dict, log: ProfilerLog, network: IntNetwork, trace: Trace) -> None:
    """Add to a report's result what a log says beside the run of `trace`."""
    measured = lay_beside(log, network, trace)
    result["status"] = measured.status + (OWN if result["status"].endswith(OWN) else "")
    replace_modelled(result, measured.energy, measured.times)
    result["measured"] = measured.as_dict()


def measured_tables(result: dict) -> list:
    """Show the log beside our figures; nothing where there is no log."""
    measured = result.get("measured")
    if measured is None:
        return []
    rows = [
        [row["name"], row["over"], row["unit"], *(_figure(row[k]) for k in _FIGURES)]
        for row in measured["rows"]
    ]
    heads = [measured["file"], "over", "unit", *_FIGURES]
    return [table("measured beside modelled", heads, rows), *measured["notes"]]


_FIGURES = ("found", "modelled", "ratio")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"
