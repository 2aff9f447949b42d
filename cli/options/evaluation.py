"""Options of evaluations: changes of images, labels, scheduler and early stopping."""

from typing import Annotated

import typer

from ipvae.cli.options.inputs import optional
from ipvae.cli.options.lists import parse_numbers
from ipvae.workflows.cluster import LARGE, LOCAL, NONE
from ipvae.workflows.evaluation.changes import ALLOWED
from ipvae.workflows.evaluation.codes import PROBE_IMAGES
from ipvae.workflows.running.stopping import TOLERANCES

SchedulerOption = Annotated[
    str | None,
    optional(
        f"ADDRESS|{LOCAL}|{NONE}",
        f"Run on a Dask cluster: this scheduler's, or workers of this machine ({LOCAL}, the "
        f"default of runs of {LARGE // 10**6} million image-steps); {NONE}: in this process.",
        f"{NONE}, of long runs {LOCAL}",
    ),
]

StopOption = Annotated[
    str | None,
    optional(
        "|".join(TOLERANCES),
        "Stop each image alone once this has settled; --steps is then the most it gets.",
        "no stop",
    ),
]
ToleranceOption = Annotated[
    float | None,
    optional(
        "X",
        "Change of --stop's figure that counts as settled.",
        ".002 of R2, .5 % of the free energy",
    ),
]
SeedsOption = Annotated[
    int | None,
    optional(
        "N",
        "Number of seeds, from --seed on: figures are means, with their deviations.",
        "1",
        min=1,
    ),
]
ProbeImagesOption = Annotated[
    int | None,
    optional(
        "N", "Training images to fit classifiers on, the first in order.", str(PROBE_IMAGES), min=2
    ),
]
UNCHANGED = "unchanged"
RotateOption = Annotated[
    str | None,
    optional("LIST", "Turn the images: degrees, such as 0,15,90. A line each.", UNCHANGED),
]
ShiftOption = Annotated[
    str | None,
    optional("LIST", "Move them: pixels to the right, such as 2,4; -2: left.", UNCHANGED),
]
InvertOption = Annotated[bool, typer.Option("--invert", help="Dark for light.")]
NoiseOption = Annotated[
    str | None,
    optional("LIST", "Add normal noise: deviations, such as 0.1,0.2 (white 1).", UNCHANGED),
]
SaltOption = Annotated[
    str | None,
    optional("LIST", "Make pixels black or white: fractions, such as 0.05,0.1.", UNCHANGED),
]
ContrastOption = Annotated[
    str | None, optional("LIST", "Multiply pixels: factors, such as 0.25,0.5.", UNCHANGED)
]


def chosen_changes(**given: str | bool | None) -> list[tuple[str, float]]:
    """Return changes by name and value, in the order of the options."""
    found: list[tuple[str, float]] = []
    for name, value in given.items():
        if isinstance(value, str):
            found += [(name, n) for n in parse_numbers(f"--{name}", value, ALLOWED[name])]
        elif value:
            found.append((name, 1.0))
    return found
