"""Recorded variables of a run on any backend, image by image."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.frames import Frames, in_rows
from ipvae.network.io.network_file import checksum
from ipvae.network.network import INPUT, Network
from ipvae.network.rules.input_messages import sent_messages
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import Trace
from ipvae.workflows.running.backends import require_known

Sample = dict[str, dict[str, np.ndarray]]
"""Recorded variables of an image: layer -> variable -> (rows, n) int32, lead-in rows first."""

BACKENDS = ("emulator", "lava", "lava-stock")


def require_backend(backend: str) -> None:
    """Raise InputError unless the backend runs networks of any kind."""
    require_known(backend)
    if backend not in BACKENDS:
        raise InputError(
            f"backend: found '{backend}', which has no CUBA and sigma-delta neurons here, and "
            f"Poisson ones of file versions 1 and 2; allowed are {', '.join(BACKENDS)}"
        )


def all_variables(network: Network) -> tuple[str, ...]:
    """Variables of all kinds of neurons in a network, each once."""
    found = [name for kind in network.kinds.values() for name in kind.variables[:-1]]
    return (*dict.fromkeys(found), "z")


def samples_of(
    network: Network,
    frames: Frames,
    steps: int,
    backend: str,
    record: Sequence[str],
    timeout: float = TIMEOUT_SECONDS,
    seed: int = 0,
) -> Iterator[Sample]:
    """Run images on a backend and yield what is recorded of each, in order.

    Parameters
    ----------
    record : names of variables
        Layers whose kind lacks a variable record the others; `z` is always recorded.
    """
    wanted = tuple(dict.fromkeys([*record, "z"]))
    values, rows = in_rows(network, frames.values), network.rows(steps)
    if backend == "emulator":
        from ipvae.emulator.event_driven.engine import NetworkEmulator

        yield from NetworkEmulator(network).records(values, rows, wanted, seed=seed)
        return
    from ipvae.lava_procs.importing import import_lava
    from ipvae.lava_procs.network_run import run_network

    import_lava()
    sent = (sent_messages(network, of_image, rows) for of_image in values)
    running: Any = run_network(
        network,
        sent,
        rows,
        len(frames),
        timeout,
        stock=backend == "lava-stock",
        record=tuple(name for name in wanted if name != "z"),
        frames=values,
        seed=seed,
    )
    with contextlib.closing(running) as samples:
        for of_image, sample in zip(values, samples, strict=True):
            of_input = {"z": sent_messages(network, of_image, rows)}
            yield {INPUT: of_input, **sample}


def rows_of(network: Network, sample: Sample) -> Sample:
    """Return the rows of a sample from row 0 on, without lead-in rows."""
    lead_in = {INPUT: 0, **{n: network.schedule.lead_in(n) for n in network.by_id}}
    return {
        name: {variable: values[lead_in[name] :] for variable, values in of.items()}
        for name, of in sample.items()
    }


def require_record(network: Network, record: Record | None) -> None:
    """Raise InputError unless a selection fits the network."""
    if record is None:
        return
    allowed = all_variables(network)
    record.require_fits_layers({INPUT: network.input.size} | _sizes(network), allowed)


def _sizes(network: Network) -> dict[str, int]:
    return {layer.id: layer.n_neurons for layer in network.layers}


def selected(record: Record, sample: Sample) -> Sample:
    """Return the selected variables, layers, neurons and rows of a sample."""
    found: Sample = {}
    for name, of in sample.items():
        part = record.of_layer(name, next(iter(of.values())).shape[1])
        if part is None:
            continue
        kept = {
            variable: np.ascontiguousarray(values[:: record.every][:, part.index])
            for variable, values in of.items()
            if record.takes(variable)
        }
        if kept:
            found[name] = kept
    return found


def header(network: Network, record: Record, backend: str, seed: int) -> Trace:
    """Trace without samples: backend, seed, checksum and selection."""
    return record.trace(backend, seed, checksum(network), [])
