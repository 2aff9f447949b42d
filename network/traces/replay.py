"""Recorded draws: the counts of a trace, checked, for replay in place of the sampler.

A draw is the count that a neuron sends at one step of one image. A file of draws is a trace file
(docs/spec/trace.md) that contains `z`; other variables in it are ignored here.
"""

from pathlib import Path

import numpy as np

from ipvae.errors import FormatError, InputError
from ipvae.network.description import IntNetwork
from ipvae.network.io.hdf5_child import shown
from ipvae.network.io.network_file import checksum
from ipvae.network.traces.trace import Trace, read_trace


def only_draws(trace: Trace, network: IntNetwork) -> Trace:
    """Return a trace that contains only the counts of the code."""
    code = network.code
    samples = [{code: {"z": sample[code]["z"]}} for sample in trace.samples]
    return Trace(trace.backend, trace.seed, trace.checksum, samples, hold=trace.hold)


def read_draws(
    path: str | Path, network: IntNetwork, n_images: int, n_steps: int
) -> tuple[np.ndarray, int]:
    """Read the draws of the first images and steps from a trace file.

    Returns
    -------
    draws : (n_images, n_steps + 1, K) int64
    seed : int
        Seed of the draws, as recorded in the file.

    Raises
    ------
    FormatError
        If the file is not a trace, or contains no counts.
    InputError
        If it belongs to another network, is too short, or contains an impossible count.
    """
    trace = read_trace(path)
    draws = draws_of(trace, network, str(path))
    for option, asked, held, of in (
        ("samples", n_images, len(draws), "images"),
        ("steps", n_steps, draws.shape[1] - 1, "steps after step 0"),
    ):
        if asked > held:
            raise InputError(
                f"{option}: found {asked}, allowed up to {held}, the {of} whose draws {path} "
                f"holds; give {option}={held} or record more"
            )
    return draws[:n_images, : n_steps + 1], trace.seed


def draws_of(trace: Trace, network: IntNetwork, where: str) -> np.ndarray:
    """All draws of a trace.

    Parameters
    ----------
    trace : Trace
    network : IntNetwork
        Network to which the trace must belong.
    where : str
        Name of the trace in messages.

    Returns
    -------
    (N, T + 1, K) int64

    Raises
    ------
    FormatError, InputError
        As for `read_draws`.
    """
    if trace.checksum != checksum(network):
        raise InputError(
            f"{where}: draws of another network (checksum found {shown(trace.checksum[:12])}..., "
            f"needed {checksum(network)[:12]}...); record them with this network"
        )
    if not network.draws:
        raise InputError(f"{where}: the network draws nothing, there is nothing to replay")
    if not trace.complete:
        raise InputError(
            f"{where}: holds chosen steps or neurons; a replay needs the counts of all of them: "
            "record them with draws_file="
        )
    counts = integers_of(trace, network.code, "z", where)
    shapes = {c.shape for c in counts}
    k = network.n_neurons
    shape = min(shapes)
    if len(shapes) > 1 or len(shape) != 2 or shape[0] < 2 or shape[1] != k:
        raise FormatError(
            f"{where}: layer {network.code}, variable z: found the shapes {sorted(shapes)[:3]}, "
            f"allowed one shape (steps + 1, {k}) for all images, with at least 1 step"
        )
    draws = np.stack(counts)
    check_draws(draws, network, *draws.shape[:2], where=where)
    return draws.astype(np.int64)


def integers_of(trace: Trace, layer: str, variable: str, where: str) -> list[np.ndarray]:
    """One variable of a layer for every image, as recorded; FormatError unless integer."""
    if not trace.samples:
        raise FormatError(f"{where}: holds no images; record at least one")
    found = [np.asarray(sample.get(layer, {}).get(variable)) for sample in trace.samples]
    for i, values in enumerate(found):
        if values.dtype.kind not in "iu":
            raise FormatError(
                f"{where}: no integers at samples/{i}/{layer}/{variable}; a trace that holds "
                f"{variable} holds it for every image"
            )
    return found


def check_draws(
    draws: np.ndarray, network: IntNetwork, n_images: int, n_rows: int, where: str = "draws"
) -> None:
    """Raise InputError unless draws have a run's shape and possible values.

    Parameters
    ----------
    draws : (n_images, n_rows, K) int
        One row for each step 0..T.
    """
    if not network.draws:
        raise InputError(f"{where}: the network draws nothing, there is nothing to replay")
    expected = (n_images, n_rows, network.n_neurons)
    most = network.layer.sent[1]
    if draws.shape != expected or draws.dtype.kind not in "iu":
        raise InputError(
            f"{where}: found {draws.dtype} {draws.shape}, allowed integers {expected}: "
            "images, steps + 1, neurons"
        )
    wrong = np.argwhere((draws < 0) | (draws > most))
    if len(wrong):
        image, step, neuron = (int(i) for i in wrong[0])
        raise InputError(
            f"{where}: count {draws[image, step, neuron]} of image {image}, step {step}, neuron "
            f"{neuron}: allowed 0 to {most}; record the draws again"
        )
