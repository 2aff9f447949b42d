"""`ipvae info`: description of a network file or a trained model."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import not_nir
from ipvae.cli.output import JsonOption, show


def info(
    path: Annotated[
        Path,
        typer.Argument(metavar="NET.h5|MODEL", help="Network file or model.", callback=not_nir),
    ],
    json: JsonOption = None,
) -> None:
    """Describe a network file or a trained model."""
    show(ipvae.describe(path), json)
