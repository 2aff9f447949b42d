"""`ipvae diff`: what differs between two network files."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.output import JsonOption, emit, table
from ipvae.network.hdf5_child import shown
from ipvae.workflows.networks import NetworkDiff
from ipvae.workflows.networks import diff as diff_networks

LONGEST = 40


def diff(
    first: Annotated[Path, typer.Argument(metavar="A.h5", help="Network file.")],
    second: Annotated[Path, typer.Argument(metavar="B.h5", help="Network file.")],
    json: JsonOption = None,
) -> None:
    """Say what differs between two networks; exit 1 if anything does."""
    found = diff_networks(first, second)
    assert isinstance(found, NetworkDiff)  # files of networks were read
    emit(found.to_json(), json, describe(first, second, found))
    raise typer.Exit(0 if found.same else 1)


def describe(first: Path, second: Path, diff: NetworkDiff) -> list:
    """Table of the differences, and a line that sums them up."""
    found = diff.differences
    if diff.same:
        return [f"{first} and {second} hold the same network"]
    rows = [[shown(d.name), _short(d.first), _short(d.second), d.detail] for d in found]
    alike = "from the same images they compute the same counts"
    if not diff.runs_alike:
        alike = "from the same images they may compute different counts"
    return [
        table(f"{first} against {second}", ["", first.name, second.name, ""], rows),
        f"{len(found)} field(s) differ; {alike}",
    ]


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else shown(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
