"""Options for the recorded part of a run and for streams of images."""

from typing import Annotated

import typer

from ipvae.cli.options.inputs import optional

VariablesOption = Annotated[str | None, optional("A,B,...", "Record these of a_in,u,z.", "all")]
EveryOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="Record steps 0, N, 2N, ... only.")
]
LayersOption = Annotated[str | None, optional("A,B,...", "Record these layers, as in 1,3.", "all")]
NeuronsOption = Annotated[
    str | None, optional("A-B,C,...", "Record these neurons of the code, as in 0-15,40.", "all")
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
