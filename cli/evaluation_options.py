"""Options of evaluations: where the images run, and when each stops."""

from typing import Annotated

import typer

from ipvae.workflows.cluster import LARGE, LOCAL, NONE
from ipvae.workflows.stopping import TOLERANCES

SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar=f"ADDRESS|{LOCAL}|{NONE}",
        help=f"Run on a Dask cluster: this scheduler's, or workers of this machine ({LOCAL}, the "
        f"default of runs of {LARGE // 10**6} million image-steps); {NONE}: in this process.",
    ),
]

StopOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(TOLERANCES),
        help="Stop each image alone once this has settled; --steps is then the most it gets.",
    ),
]
ToleranceOption = Annotated[
    float | None,
    typer.Option(
        help="Change of --stop's figure that counts as settled; else .002 of R2, .5 % of the free "
        "energy."
    ),
]
