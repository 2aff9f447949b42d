"""Runs that are recorded: in memory, or to disk as they go."""

from collections.abc import Iterator

import numpy as np

from ipvae.emulator.engine import Emulator, Row, Tell
from ipvae.network.description import IntNetwork
from ipvae.network.draws import check_draws
from ipvae.network.file import checksum
from ipvae.network.record import EVERYTHING, LayerRecord, Record
from ipvae.network.trace import Trace

BATCH = 256
"""Images that `run` advances together; results do not depend on it."""

Sample = dict[str, dict[str, np.ndarray]]


def run(
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    batch: int = BATCH,
    draws: np.ndarray | None = None,
    record: Record = EVERYTHING,
    hold: int | None = None,
    tell: Tell | None = None,
) -> Trace:
    """Run images and record every variable at every step, or what `record` chooses.

    Parameters
    ----------
    network : IntNetwork
    images : (N, M) int; (N, frames, M) with `hold`
    n_steps : int in [1, 2**19)
    seed : int in [0, 2**48)
    batch : int
        Images per batch; the result does not depend on it.
    draws : (N, n_steps + 1, K) int, optional
        Counts to replay in place of the sampler's; the seed is then only a name in the trace.
    record : Record
    hold : int, optional
        Updates that each frame of a stream drives.
    tell : callable, optional
        Gets a line of text before something takes seconds (`Emulator`).

    Returns
    -------
    Trace

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    emulator = Emulator(network, tell=tell)
    record.require_fits(network)
    if draws is not None:
        check_draws(draws, network, len(images), n_steps + 1)
    samples: list[Sample] = []
    for first in range(0, len(images), batch):
        part = slice(first, first + batch)
        replayed = None if draws is None else draws[part]
        rows = emulator.rows(images[part], n_steps, seed, first, replayed, hold)
        samples += _recorded(_chosen(network, record), rows, len(images[part]), n_steps)
    return record.trace("emulator", seed, checksum(network), samples)


def _chosen(network: IntNetwork, record: Record) -> dict[str, LayerRecord]:
    layers = {n: record.of_layer(n, layer.n_neurons) for n, layer in network.layers.items()}
    return {name: part for name, part in layers.items() if part is not None}


def _recorded(
    layers: dict[str, LayerRecord], rows: Iterator[Row], n_images: int, n_steps: int
) -> list[Sample]:
    """What is recorded of a batch's images, (rows, neurons) int32 each."""
    whole = {
        name: {
            v: np.empty((n_images, part.rows(n_steps), part.width), np.int32)
            for v in part.variables
        }
        for name, part in layers.items()
    }
    for t, row in enumerate(rows):
        for name, part in layers.items():
            if t % part.every == 0:
                for v, values in whole[name].items():
                    values[:, t // part.every] = getattr(row[name], v)[:, part.index]
    return [
        {name: {v: values[i] for v, values in of.items()} for name, of in whole.items()}
        for i in range(n_images)
    ]
