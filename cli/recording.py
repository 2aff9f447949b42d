"""What of a run is recorded, and what streams of images are made of."""

from typing import Annotated

import typer

from ipvae.network.description import IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.layers import MAX_NEURONS
from ipvae.network.record import EVERYTHING, Record
from ipvae.network.trace import VARIABLES

VariablesOption = Annotated[
    str | None, typer.Option(help="Record these of a_in,u,z; all without it.")
]
EveryOption = Annotated[int, typer.Option(min=1, help="Record steps 0, N, 2N, ... only.")]
LayersOption = Annotated[str | None, typer.Option(help="Record these layers: 1,3.")]
NeuronsOption = Annotated[
    str | None, typer.Option(help="Record these neurons of the code: 0-15,40.")
]
HoldOption = Annotated[
    int | None,
    typer.Option(min=1, help="Streams: the next image every N steps, without a reset."),
]


def chosen_record(
    network: IntNetwork, variables: str | None, every: int, layers: str | None, neurons: str | None
) -> Record:
    """Record that the options choose; InputError if the network has not what they name."""
    if variables is None and every == 1 and layers is None and neurons is None:
        return EVERYTHING
    named = VARIABLES if variables is None else tuple(v.strip() for v in variables.split(","))
    numbers = None if layers is None else tuple(n.strip() for n in layers.split(","))
    indices = {} if neurons is None else {network.code: neuron_indices(neurons)}
    record = Record(named, every, indices, numbers)
    record.require_fits(network)
    return record


def neuron_indices(words: str) -> tuple[int, ...]:
    """Indices of '0-15,40', in increasing order."""
    found: set[int] = set()
    for word in words.split(","):
        first, dash, last = (part.strip() for part in word.partition("-"))
        last = last if dash else first
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < MAX_NEURONS):
            raise InputError(
                f"--neurons: found '{words}', allowed numbers and ranges below {MAX_NEURONS} as in "
                "0-15,40"
            )
        found.update(range(int(first), int(last) + 1))
    return tuple(sorted(found))
