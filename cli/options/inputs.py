"""Options and inputs that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ipvae.errors import InputError
from ipvae.workflows.running.number import AtMost

TIMEOUT_SECONDS = 120.0
NIR = ".nir"
"""Suffix of NIR files."""


def is_nir(path: Path) -> bool:
    """Return whether a path has the suffix of NIR, in upper or lower case."""
    return path.suffix.lower() == NIR


def not_nir(path: Path) -> Path:
    """Return a path; raise InputError for a NIR file, which only `ipvae import` reads."""
    if is_nir(path) and not path.is_dir():
        raise InputError(
            f"{path}: a NIR file, which holds a float model; import it first, with "
            f"'ipvae import {path} --out RUN', and continue with RUN"
        )
    return path


def chosen_from(*names: str) -> Any:
    """Return the arguments of an option that list its choices in help and completion."""
    return {"metavar": "|".join(names), "autocompletion": lambda: list(names)}


def optional(metavar: str, help: str, default: str = "none", **more: Any) -> Any:
    """Option that may be omitted; `default` says what happens then."""
    return typer.Option(metavar=metavar, help=help, show_default=default, **more)


OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier result; nothing else ever is.")
]
NetArgument = Annotated[
    Path, typer.Argument(metavar="NET.h5", help="Network file.", callback=not_nir)
]
CertificateOption = Annotated[
    Path | None, optional("FILE.json", "Certificate of the network (certify --json) to show too.")
]
BackendOption = Annotated[
    str,
    typer.Option(
        help="emulator: bit-exact, no Lava needed; lava: Lava's CPU simulator, with our "
        "event-driven synapses; lava-stock: with Lava's own; loihi2: a board.",
        **chosen_from("emulator", "lava", "lava-stock", "loihi2"),
    ),
]
TargetOption = Annotated[
    str,
    typer.Option(help="loihi2 is one chip.", **chosen_from("loihi2", "kapoho-point", "hala-point")),
]
LayoutOption = Annotated[
    str,
    typer.Option(
        help="Of an iterative model: K x K synapses, or 2 M K.",
        **chosen_from("recurrent", "error-units"),
    ),
]
InferenceOption = Annotated[
    str,
    typer.Option(
        help="model: its own; lca: sparse coding on the model's dictionary.",
        **chosen_from("model", "lca"),
    ),
]
ThresholdOption = Annotated[
    float | None, optional("X", "Of LCA in pixel units, of ReLU a fraction.", "0.1, 0.02")
]


def _at_most(context: typer.Context, parameter: typer.CallbackParam, value: int) -> int:
    source = context.get_parameter_source(str(parameter.name))
    return AtMost(value) if source is not None and source.name == "DEFAULT" else value


SamplesOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Images, the first in order.", callback=_at_most)
]
StepsOption = Annotated[
    int, typer.Option(min=1, metavar="T", help="Updates of each image.", callback=_at_most)
]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of all random draws.")]
DataDirOption = Annotated[
    Path | None, optional("DIR", "Folder with the data set (torchvision's layout).")
]
ImagesOption = Annotated[
    Path | None,
    optional(
        "FILE|DIR|SET",
        "Images of your own: an .npy or .npz file (images, labels) or a folder of pictures. "
        "Or the images of a set: faces, photographs, digits; faces-framed and so on: smaller, with "
        "background around them.",
        "stored ones, or the preset's",
    ),
]
LabelsOption = Annotated[
    Path | None,
    optional(
        "FILE.npy",
        "Classes of --images: integers, one for each image.",
        "the labels of the images, if any",
    ),
]
IntegersOption = Annotated[
    str,
    typer.Option(
        help="Meaning of integers in --images, for a lava-dl network: what its input neurons take, "
        "or real numbers.",
        **chosen_from("input", "real"),
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Seconds without a sign of life after which the lava backend counts as hung; exit 1.",
    ),
]
ReplayOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.h5",
        help="Replay the counts of this trace instead of sampling; --seed is ignored.",
    ),
]
