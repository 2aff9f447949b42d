"""`ipvae resize`: a convolutional network for images of another size."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import NetArgument, OverwriteOption
from ipvae.cli.output import JsonOption, show


def resize(
    network: NetArgument,
    size: Annotated[str, typer.Option(metavar="HxW", help="Height and width of an image.")],
    out: Annotated[Path, typer.Option(metavar="FILE.h5", help="Network file to write.")],
    overwrite: OverwriteOption = False,
    json: JsonOption = None,
) -> None:
    """Fit a network of convolutions to images of another size, without training."""
    ipvae.resize(network, size).save(out, overwrite=overwrite)
    show(ipvae.describe(out), json)
