"""`ipvae count`: operations and modelled energy of a recorded run of any backend."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import NetArgument
from ipvae.cli.output import JsonOption, emit, parts


def count(
    net: NetArgument,
    trace: Annotated[Path, typer.Argument(metavar="TRACE.h5", help="Trace of `ipvae run`.")],
    json: JsonOption = None,
) -> None:
    """Count the operations of a recorded run of any backend and model its energy."""
    network = ipvae.load_network(net)
    counts, energy = (of(network, trace) for of in (ipvae.count_operations, ipvae.estimate_energy))
    emit(counts.to_json() | energy.to_json(), json, [*parts(counts), *parts(energy)])
