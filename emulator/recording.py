"""Runs that are recorded in memory, or written to disk during the run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ipvae.emulator.engine import Emulator, OnMessage, Row
from ipvae.emulator.tile import IMAGES
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.traces.replay import check_draws
from ipvae.network.traces.selection import EVERYTHING, LayerRecord, Record
from ipvae.network.traces.streaming import CHUNK_ROWS, open_trace
from ipvae.network.traces.trace import Trace

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
    on_message: OnMessage | None = None,
    first_image: int = 0,
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
        Counts to replay instead of sampling; the seed is then only recorded in the trace.
    record : Record
    hold : int, optional
        Updates that each frame of a stream drives.
    on_message : callable, optional
        Receives a line of text before a long operation (`Emulator`).
    first_image : int in [0, 2**32)
        Index of the first image in the random source; the others follow it.

    Returns
    -------
    Trace

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    record.require_fits(network)
    emulator = Emulator(network, on_message=on_message)
    samples: list[Sample] = []
    batches = _batches(emulator, images, n_steps, seed, batch, draws, hold, first_image)
    for first, rows in batches:
        n_images = len(images[first : first + batch])
        layers = _chosen(network, record)
        whole = _blank(layers, n_images, n_steps // record.every + 1)
        for row, part in _parts(layers, rows, n_images, record.every):
            for name, variable, values in part:
                whole[name][variable][:, row : row + values.shape[1]] = values
        samples += [_image(whole, i) for i in range(n_images)]
    return record.trace("emulator", seed, checksum(network), samples, hold)


def run_to_file(
    path: str | Path,
    network: IntNetwork,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    batch: int = IMAGES,
    draws: np.ndarray | None = None,
    record: Record = EVERYTHING,
    hold: int | None = None,
    on_message: OnMessage | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Record like `run`, but write the trace file during the run.

    Memory contains 64 rows of a batch of images, for any number of images and steps.

    Parameters
    ----------
    path : str or Path
        Trace file; an old one is replaced only when the new one is complete.
    network, images, n_steps, seed, batch, draws, record, hold, tell
        As `run`.
    progress : callable, optional
        Receives the number of images of each batch written.

    Raises
    ------
    InputError, DescriptionError, UnprovedOverflowError
    """
    record.require_fits(network)
    emulator = Emulator(network, on_message=on_message)
    layers = _chosen(network, record)
    header = record.trace("emulator", seed, checksum(network), [], hold)
    with open_trace(path, header, n_steps // record.every + 1) as file:
        for first, rows in _batches(emulator, images, n_steps, seed, batch, draws, hold):
            n_images = len(images[first : first + batch])
            for row, part in _parts(layers, rows, n_images, record.every):
                for name, variable, values in part:
                    for i in range(n_images):
                        file.write(first + i, name, variable, row, values[i])
            if progress is not None:
                progress(n_images)


def _batches(
    emulator: Emulator,
    images: np.ndarray,
    n_steps: int,
    seed: int,
    batch: int,
    draws: np.ndarray | None,
    hold: int | None,
    first_image: int = 0,
) -> Iterator[tuple[int, Iterator[Row]]]:
    """Place of the first image in `images`, and rows, for each batch."""
    if draws is not None:
        check_draws(draws, emulator.network, len(images), n_steps + 1)
    for first in range(0, len(images), batch):
        part = slice(first, first + batch)
        replayed = None if draws is None else draws[part]
        index = first_image + first
        yield first, emulator.rows(images[part], n_steps, seed, index, replayed, hold)


def _chosen(network: IntNetwork, record: Record) -> dict[str, LayerRecord]:
    layers = {n: record.of_layer(n, layer.n_neurons) for n, layer in network.layers.items()}
    return {name: part for name, part in layers.items() if part is not None}


def _parts(
    layers: dict[str, LayerRecord], rows: Iterator[Row], n_images: int, every: int
) -> Iterator[tuple[int, list[tuple[str, str, np.ndarray]]]]:
    """Recorded rows in parts: index of the first row, then layer, variable, (N, rows, K)."""
    first, n = 0, 0
    held = _blank(layers, n_images, CHUNK_ROWS)

    def taken() -> tuple[int, list[tuple[str, str, np.ndarray]]]:
        return first, [(name, v, a[:, :n]) for name, of in held.items() for v, a in of.items()]

    for t, row in enumerate(rows):
        if t % every:
            continue
        for name, part in layers.items():
            for v in part.variables:
                held[name][v][:, n] = getattr(row[name], v)[:, part.index]
        n += 1
        if n == CHUNK_ROWS:
            yield taken()
            first, n = first + n, 0
    if n:
        yield taken()


def _blank(
    layers: dict[str, LayerRecord], n_images: int, n_rows: int
) -> dict[str, dict[str, np.ndarray]]:
    """Memory for recorded rows: layer, variable, (N, rows, K) int32."""
    return {
        name: {v: np.empty((n_images, n_rows, part.width), np.int32) for v in part.variables}
        for name, part in layers.items()
    }


def _image(whole: dict[str, dict[str, np.ndarray]], image: int) -> Sample:
    return {name: {v: values[image] for v, values in of.items()} for name, of in whole.items()}
