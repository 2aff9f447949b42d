"""`ipvae certify`: a network's numbers, derived again from its model."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import (
    DataDirOption,
    ImagesOption,
    NetArgument,
    SeedOption,
    not_nir,
)
from ipvae.cli.output import JsonOption, show


def certify(
    net: NetArgument,
    model: Annotated[
        Path,
        typer.Option(metavar="MODEL", help="Model of the export.", callback=not_nir),
    ],
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Derive a network's numbers again from its model, by other code; exit 1 if one differs.

    Give the same images and seed as to the export.
    """
    result = ipvae.certify(ipvae.load_network(net), model, images, data_dir=data_dir, seed=seed)
    show(result, json)
    raise typer.Exit(0 if result.passed else 1)
