"""Options and inputs that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.errors import InputError

NIR = ".nir"
"""Suffix of files of NIR."""


def is_nir(path: Path) -> bool:
    """Tell whether a path is named as a file of NIR, in capitals too."""
    return path.suffix.lower() == NIR


def not_nir(path: Path) -> Path:
    """Return a path; raise InputError if it is a file of NIR, which only `ipvae import` reads."""
    if is_nir(path) and not path.is_dir():
        raise InputError(
            f"{path}: a NIR file, which holds a float model; import it first, with "
            f"'ipvae import {path} --out RUN', and go on with RUN"
        )
    return path


NetArgument = Annotated[
    Path, typer.Argument(metavar="NET.h5", help="Network file.", callback=not_nir)
]
SamplesOption = Annotated[int, typer.Option(min=1, help="Images, the first ones in order.")]
StepsOption = Annotated[int, typer.Option(min=1, help="Updates of each image.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random draws.")]
DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder with the data set (torchvision's layout).")
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        help="Images of your own: an .npy or .npz file (images, labels) or a folder of pictures. "
        "Or those of a set: faces, photographs, digits; faces-framed and so on: smaller, with "
        "background around them."
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        help="Seconds without a sign of life after which the lava backend counts as hung; exit 1."
    ),
]
ReplayOption = Annotated[
    Path | None,
    typer.Option(help="Take the counts from this trace in place of the sampler's; --seed is idle."),
]


def require_distinct(outputs: dict[str, object], inputs: dict[str, object]) -> None:
    """Raise InputError if an output would overwrite an input or another output.

    Parameters
    ----------
    outputs, inputs : dict of option -> path, or None where it was not given; '-' is stdout
    """
    seen: dict[Path, str] = {}
    for options, is_output in ((inputs, False), (outputs, True)):
        for option, given in options.items():
            if given is None or str(given) == "-":
                continue
            place = Path(str(given)).resolve()
            if is_output and place in seen:
                raise InputError(
                    f"{option}: found {given}, which is {seen[place]} too; give another path"
                )
            seen.setdefault(place, option)
