"""Selection of the recorded part of a run."""

from pathlib import Path

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.layers import MAX_NEURONS
from ipvae.network.network import Network
from ipvae.network.traces.selection import EVERYTHING, Record
from ipvae.network.traces.trace import VARIABLES
from ipvae.workflows.kinds.recorded import require_record


def record_of(
    network: IntNetwork | Network,
    variables: str | None = None,
    every: int = 1,
    layers: str | None = None,
    neurons: str | None = None,
) -> Record:
    """Return the record selected by lists in text form, for `ipvae.run(record=)`.

    Parameters
    ----------
    network : IntNetwork or Network
    variables, layers : str, optional
        Comma-separated names: 'u,z', '1,3'; all by default.
    every : int
        Steps 0, every, 2 * every, ... are recorded.
    neurons : str, optional
        Neurons of the code, or of a lava-dl network's last layer: '0-15,40'; all by default.

    Raises
    ------
    InputError
        If the network does not have these variables, layers or neurons.
    """
    if variables is None and every == 1 and layers is None and neurons is None:
        return EVERYTHING
    named = VARIABLES if variables is None else _names(variables)
    numbers = None if layers is None else _names(layers)
    code = network.readout.id if isinstance(network, Network) else network.code
    indices = {} if neurons is None else {code: neuron_indices(neurons)}
    record = Record(named, every, indices, numbers)
    if isinstance(network, Network):
        require_record(network, record)
    else:
        record.require_fits(network)
    return record


def neuron_indices(words: str) -> tuple[int, ...]:
    """Return the indices of '0-15,40', in increasing order."""
    found: set[int] = set()
    for word in words.split(","):
        first, dash, last = (part.strip() for part in word.partition("-"))
        last = last if dash else first
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < MAX_NEURONS):
            raise InputError(
                f"neurons: found '{words}', allowed numbers and ranges below {MAX_NEURONS} as in "
                "0-15,40"
            )
        found.update(range(int(first), int(last) + 1))
    return tuple(sorted(found))


def _names(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(","))


def require_trace_file(
    variables: str | None,
    every: int,
    layers: str | None,
    neurons: str | None,
    trace_file: Path | None,
    draws_file: Path | None,
) -> None:
    """Raise InputError if a part of a run is selected without the file of a trace."""
    given = {"variables=": variables, "layers=": layers, "neurons=": neurons}
    names = [name for name, value in given.items() if value is not None]
    names += ["every="] if every > 1 else []
    if not names:
        return
    if draws_file is not None:
        raise InputError(
            f"draws_file= records every count and cannot be combined with {', '.join(names)}. "
            "Omit one of them."
        )
    if trace_file is None:
        raise InputError(
            f"{', '.join(names)}: choose what trace_file= holds; give trace_file=OUT.h5"
        )
