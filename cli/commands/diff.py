"""`ipvae diff`: differences between two network files."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.output import JsonOption, show


def diff(
    first: Annotated[Path, typer.Argument(metavar="A.h5", help="Network file.")],
    second: Annotated[Path, typer.Argument(metavar="B.h5", help="Network file.")],
    json: JsonOption = None,
) -> None:
    """List the differences between two networks; exit 1 if there are any."""
    found = ipvae.diff(first, second)
    show(found, json, first=str(first), second=str(second))
    raise typer.Exit(0 if found.same else 1)
