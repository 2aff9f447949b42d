"""`ipvae check`: whether a network fits its target, and on which cores."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli import plan as plans
from ipvae.cli.inputs import NetArgument
from ipvae.cli.output import JsonOption, emit, table
from ipvae.workflows.networks import load_own_network
from ipvae.workflows.place import Check, place
from ipvae.workflows.place import check as check_network


def check(
    net: NetArgument,
    target: Annotated[
        str, typer.Option(help="loihi2 (one chip), kapoho-point or hala-point.")
    ] = "loihi2",
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE|-]",
            help="Show which neurons go on which cores; write it as JSON where a FILE is named.",
        ),
    ] = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Cores for the plan to spread over; else the fewest.")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(help="Trace that says how busy the cores are; else test images are run."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Check weight grid, ranges, payload, neurons and memory; exit 1 if a limit is exceeded."""
    plans.require_options(net, plan, cores, trace, json)
    network = load_own_network(net)
    result = check_network(network, target=target)
    data, text = result.to_json(), [budget(result), verdict(result)]
    if plan is not None:
        made = place(network, target=target, cores=cores, trace=trace).plan
        plans.write_plan(made, plan)
        data["plan"] = made.as_dict()
        text = [*plans.screen(made, result), verdict(result)]
    if plan != "-":
        emit(data, json, text)
    raise typer.Exit(0 if result.ok else 1)


def budget(check: Check):
    """Table of what is used of every limit."""
    rows = [
        [line.rule, line.where, str(line.found), str(line.allowed), "ok" if line.holds else "NO"]
        for line in check.result.lines
    ]
    return table(f"{check.target} limits", ["rule", "where", "found", "allowed", ""], rows)


def verdict(check: Check) -> str:
    """One line."""
    return (
        f"fits {check.target}; overflow is impossible: {len(check.result.bounds)} intervals proved "
        "(--json - lists them)"
        if check.ok
        else f"does not fit {check.target}: {len(check.violations)} limit(s) exceeded"
    )
