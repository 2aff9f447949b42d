"""`ipvae check`: whether a network fits its target."""

from typing import Annotated

import typer

from ipvae.cli.inputs import NetArgument
from ipvae.cli.output import JsonOption, emit, table
from ipvae.network.check import CheckResult
from ipvae.network.check import check as check_network
from ipvae.network.file import read_network


def check(
    net: NetArgument,
    target: Annotated[str, typer.Option(help="Chip: loihi2.")] = "loihi2",
    json: JsonOption = None,
) -> None:
    """Check weight grid, ranges, payload, neurons and memory; exit 1 if a limit is exceeded."""
    result = check_network(read_network(net), target)
    emit(result.as_dict(), json, [budget(result), verdict(result)])
    raise typer.Exit(0 if result.ok else 1)


def budget(result: CheckResult):
    """Table of what is used of every limit."""
    rows = [
        [line.rule, line.where, str(line.found), str(line.allowed), "ok" if line.holds else "NO"]
        for line in result.lines
    ]
    return table(f"{result.target} limits", ["rule", "where", "found", "allowed", ""], rows)


def verdict(result: CheckResult) -> str:
    """One line."""
    return (
        f"fits {result.target}; overflow is impossible: {len(result.bounds)} intervals proved "
        "(--json - lists them)"
        if result.ok
        else f"does not fit {result.target}: {len(result.violations)} limit(s) exceeded"
    )
