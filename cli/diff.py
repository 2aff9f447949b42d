"""`ipvae diff`: what differs between two network files."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.output import JsonOption, emit, table
from ipvae.network.difference import RUNS, Difference, differences
from ipvae.network.file import checksum, read_network
from ipvae.network.hdf5_child import shown

LONGEST = 40


def diff(
    first: Annotated[Path, typer.Argument(metavar="A.h5", help="Network file.")],
    second: Annotated[Path, typer.Argument(metavar="B.h5", help="Network file.")],
    json: JsonOption = None,
) -> None:
    """Say what differs between two networks; exit 1 if anything does."""
    networks = [read_network(path) for path in (first, second)]
    found = differences(*networks)
    result = {
        "same": not found,
        "runs_alike": not any(d.part == RUNS for d in found),
        "checksums": [checksum(network) for network in networks],
        "differences": [vars(d) for d in found],
    }
    emit(result, json, describe(first, second, found))
    raise typer.Exit(1 if found else 0)


def describe(first: Path, second: Path, found: list[Difference]) -> list:
    """Table of the differences, and a line that sums them up."""
    if not found:
        return [f"{first} and {second} hold the same network"]
    rows = [[shown(d.name), _short(d.first), _short(d.second), d.detail] for d in found]
    alike = "from the same images they compute the same counts"
    if any(d.part == RUNS for d in found):
        alike = "from the same images they may compute different counts"
    return [
        table(f"{first} against {second}", ["", first.name, second.name, ""], rows),
        f"{len(found)} field(s) differ; {alike}",
    ]


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else shown(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
