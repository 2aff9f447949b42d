"""Options for the recorded part of a run and for streams of images."""

from typing import Annotated

import typer

VariablesOption = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Record these of a_in,u,z.", show_default="all"),
]
EveryOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Record steps 0, N, 2N, ... only.")
]
LayersOption = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Record these layers, as in 1,3.", show_default="all"),
]
NeuronsOption = Annotated[
    str | None,
    typer.Option(
        metavar="A-B,C,...",
        help="Record these neurons of the code, as in 0-15,40.",
        show_default="all",
    ),
]
HoldOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Streams: the next image every N steps, without a reset."
    ),
]
MotionOption = Annotated[
    str | None, typer.Option(metavar="rotate|jitter", help="With --hold: each image moves.")
]
