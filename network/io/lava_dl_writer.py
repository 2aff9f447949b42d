"""Writer of plain networks in lava-dl's layout, which its netx runs with the same spikes."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.errors import InputError
from ipvae.files import atomic_path
from ipvae.network.connections import Connection, Convolution, Dense
from ipvae.network.io.hdf5_output import Output
from ipvae.network.kinds import ACCUMULATOR, CubaNeuron
from ipvae.network.network import INPUT, Layer, Network
from ipvae.outputs import LAVA_DL_MARK, lava_dl_output, require_outputs


def write_plain(path: str | Path, network: Network, *, overwrite: bool = False) -> None:
    """Write a network of CUBA layers in a chain, completely or not at all.

    Parameters
    ----------
    path : .net file
    network : Network
        Each layer receives the one before, by dense weights or a convolution without exponent, and
        dense layers their own spikes one row later.
    overwrite : bool
        Whether an earlier file of ipvae may be replaced.

    Raises
    ------
    InputError
        If lava-dl's layout cannot hold the network, with the layer and the reason, or the file
        cannot be written.
    """
    require_outputs([lava_dl_output(path, overwrite=overwrite)])
    chain = [_parts(network, number) for number in range(len(network.layers))]
    if network.input.graded or network.input.neuron is not None:
        raise InputError(
            f"{path}: the input sends numbers, allowed are spikes in lava-dl's layout; encode the "
            "images with ipvae.encode_rate, or save an .h5 file"
        )
    with (
        atomic_path(path) as temporary,
        Output(temporary) as output,
        h5py.File(output, "w") as file,
    ):
        file.attrs["written_by"] = np.bytes_(LAVA_DL_MARK)
        _start(file, 0, "input", network.input.shape)
        number, flat = 1, len(network.input.shape) == 1
        for layer, forward, loop in chain:
            dense = isinstance(forward.weights, Dense)
            if dense and not flat:
                _start(file, number, "flatten", (forward.weights.n_in,))
                number += 1
            flat = dense
            kind = "conv" if not dense else ("dense" if loop is None else "dense_rec")
            _fill(_start(file, number, kind, layer.shape), layer, forward, loop)
            number += 1


def _parts(network: Network, number: int) -> tuple[Layer, Connection, Connection | None]:
    """A layer, what it receives from the layer before, and from itself."""
    layer = network.layers[number]
    before = INPUT if number == 0 else network.layers[number - 1].id
    forward = [c for c in layer.connections if c.source == before]
    loops = [c for c in layer.connections if c.source == layer.id]
    reason = ""
    if not isinstance(layer.neuron, CubaNeuron):
        reason = f"{layer.neuron.name} neurons, allowed are CUBA neurons"
    elif len(forward) != 1 or len(loops) > 1 or len(layer.connections) > 1 + len(loops):
        reason = "connections from other layers than the one before and itself"
    elif any(c.exponent for c in layer.connections):
        reason = "weights with an exponent, allowed is 0"
    elif not isinstance(forward[0].weights, (Dense, Convolution)):
        reason = f"{forward[0].weights.kind} weights, allowed are dense and conv"
    elif np.max(forward[0].delay) > 0:
        reason = "a delay"
    elif loops and not _plain_loop(loops[0]):
        reason = "a loop of other weights than dense ones with a delay of 1"
    if reason:
        raise InputError(
            f"layer {layer.id}: {reason}; lava-dl's layout cannot hold it. Save an .h5 file"
        )
    return layer, forward[0], loops[0] if loops else None


def _plain_loop(loop: Connection) -> bool:
    return isinstance(loop.weights, Dense) and np.max(loop.delay) == np.min(loop.delay) == 1


def _start(file: h5py.File, number: int, kind: str, shape: tuple[int, ...]) -> h5py.Group:
    group = file.create_group(f"layer/{number}")
    group["type"] = np.array([kind.encode()])
    group["shape"] = np.array(shape, np.int64)
    return group


def _fill(group: Any, layer: Layer, forward: Connection, loop: Connection | None) -> None:
    weights = forward.weights
    group["weight"] = weights.weight
    if layer.bias is not None:
        group["bias"] = layer.bias
    if loop is not None:
        group["weight_rec"] = loop.weights.weight
    if isinstance(weights, Convolution):
        for name in ("stride", "padding", "dilation"):
            group[name] = np.array(getattr(weights, name), np.int64)
        group["groups"] = weights.groups
    else:
        group["inFeatures"], group["outFeatures"] = weights.n_in, weights.n_out
    if layer.neuron == ACCUMULATOR:
        return
    neuron: Any = layer.neuron
    group["neuron/type"] = b"CUBA"
    group["neuron/vThMant"] = neuron.threshold
    group["neuron/iDecay"] = neuron.current_decay
    group["neuron/vDecay"] = neuron.voltage_decay
