"""`ipvae check`: limits of a target chip, and placement of a network on its cores."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options import plan as plans
from ipvae.cli.options.inputs import NetArgument, TargetOption, optional
from ipvae.cli.output import JsonOption, show, write_json


def check(
    net: NetArgument,
    target: TargetOption = "loihi2",
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE|-]",
            help="Show which neurons each core holds; write it as JSON where a FILE is named.",
        ),
    ] = None,
    cores: Annotated[
        int | None, optional("N", "Cores for the plan to spread over.", "the fewest", min=1)
    ] = None,
    trace: Annotated[
        Path | None,
        optional("FILE.h5", "Trace that says how busy the cores are.", "test images are run"),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Check weight grid, ranges, payload, neurons and memory; exit 1 if a limit is exceeded."""
    plans.require_options(plan, cores, trace, json)
    network = ipvae.load_network(net)
    found = ipvae.check(network, target=target)
    if plan is not None:
        placed = ipvae.place(network, target=target, cores=cores, trace=trace)
        found = replace(found, plan=placed)
        if plan != plans.SHOW:
            write_json(placed.to_json(), plan, plans.GENERATOR, "--plan")
    if plan != "-":
        show(found, json, listed_by="--json -")
    raise typer.Exit(0 if found.ok else 1)
