"""Write a plain network for netx: only what was read and checked, in the words that netx knows."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.network.hdf5_output import Output
from ipvae.network.plain_net import ConvSynapses, CubaNeuron, Neuron, PlainLayer, PlainNetwork


def write_for_netx(path: str | Path, network: PlainNetwork) -> None:
    """Write the layers behind the input; the input keeps its shape and loses its neuron.

    netx does not wire an input layer that has a neuron: its messages are made on the host
    (`network.plain_input`).
    """
    flat_is_due = len(network.input.shape) == 1
    with Output(Path(path)) as output, h5py.File(output, "w") as file:
        _write_layer(file, 0, "input", network.input.shape)
        number = 1
        for layer in network.layers:
            dense = len(layer.shape) == 1
            if dense and not flat_is_due and number > 1:
                _write_layer(file, number, "flatten", (layer.synapses.n_in, 1, 1))
                number += 1
            flat_is_due = dense
            group = _write_layer(file, number, "dense" if dense else "conv", layer.shape)
            _write_contents(group, layer)
            number += 1


def _write_layer(file: h5py.File, number: int, kind: str, shape: tuple[int, ...]) -> Any:
    group = file.create_group(f"layer/{number}")
    group["type"] = np.array([kind.encode("ascii")])
    group["shape"] = np.array(shape, dtype=np.int64)
    return group


def _write_contents(group: Any, layer: PlainLayer) -> None:
    group["weight"] = layer.synapses.weight
    if layer.bias is not None:
        group["bias"] = layer.bias
    if isinstance(layer.synapses, ConvSynapses):
        for name in ("stride", "padding", "dilation"):
            group[name] = np.array(getattr(layer.synapses, name), dtype=np.int64)
        group["groups"] = layer.synapses.groups
    for key, value in _neuron_fields(layer.neuron).items():
        group[f"neuron/{key}"] = value


def _neuron_fields(neuron: Neuron) -> dict[str, Any]:
    if isinstance(neuron, CubaNeuron):
        return {
            "type": b"CUBA",
            "vThMant": neuron.threshold,
            "iDecay": neuron.current_decay,
            "vDecay": neuron.voltage_decay,
        }
    fields: dict[str, Any] = {"type": b"SDNN", "vThMant": neuron.threshold}
    return fields | {"sigma_output": True} if neuron.sums else fields
