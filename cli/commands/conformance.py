"""`ipvae conformance`: any implementation, compared with the conformance suite."""

from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import chosen_from
from ipvae.cli.output import JsonOption, show

LEVELS = (
    *("random source", "sampler", "one layer", "several layers", "CUBA", "convolutions"),
    *("sigma-delta", "Poisson and graded", "LIF", "streams", "refusals"),
)


def conformance(
    impl: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            help="Program, with {network}, {images}, {steps}, {seed}, {out} and {first_image}.",
        ),
    ],
    levels: Annotated[
        str, typer.Option(help="One or more of the levels.", **chosen_from(*LEVELS))
    ] = ",".join(LEVELS),
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For one run.")] = 60.0,
    json: JsonOption = None,
) -> None:
    """Test an implementation of the specification, in any language; exit 1 if it differs.

    It runs the networks of docs/vectors and reads files, one rule broken in each.
    """
    chosen = [name.strip() for name in levels.split(",")]
    result = ipvae.conformance(impl, levels=chosen, timeout=timeout)
    show(result, json)
    raise typer.Exit(0 if result.conforms else 1)
