"""`ipvae doctor`: diagnosis of the toolchain on this machine."""

from typing import Annotated

import typer

import ipvae
from ipvae.cli.arguments import with_options
from ipvae.cli.output import JsonOption, show


def doctor(
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Run a step on Lava's simulator too, some seconds.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Report which parts of the toolchain work on this machine, and how to get the others.

    Exit 1 if the core chain lacks something, or something that is installed is broken.
    """
    found = ipvae.doctor(thorough=thorough).with_advice(with_options)
    show(found, json)
    raise typer.Exit(0 if found.ok else 1)
