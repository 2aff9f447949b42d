"""`ipvae diff`: differences between two networks, or a float and an integer layer."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import ImagesOption, optional
from ipvae.cli.output import JsonOption, show


def diff(
    first: Annotated[Path, typer.Argument(metavar="A.h5|RUN", help="Network file, or import.")],
    second: Annotated[Path, typer.Argument(metavar="B.h5", help="Network file.")],
    trace: Annotated[
        bool, typer.Option("--trace", help="Compare a layer of RUN with its integers by step.")
    ] = False,
    images: ImagesOption = None,
    image: Annotated[int, typer.Option(metavar="N", help="Image of --trace, from 0.")] = 0,
    layer: Annotated[str | None, optional("ID", "Layer of --trace.", "first to differ")] = None,
    json: JsonOption = None,
) -> None:
    """List the differences between two networks; exit 1 if there are any.

    With --trace: potentials and spikes of a layer of an imported network, float and integer.
    """
    words = {"images": images, "image": image, "layer": layer} if trace else {}
    found = ipvae.diff(first, second, **words)
    show(found, json, first=str(first), second=str(second))
    raise typer.Exit(0 if found.same or trace else 1)
