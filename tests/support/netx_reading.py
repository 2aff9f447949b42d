"""Networks as lava-dl's netx builds them from files: what ours, built in memory, are compared with.

Plain networks are written for netx first: only what was read and checked, in its own words.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ipvae.network.connections import Convolution
from ipvae.network.description import IntNetwork
from ipvae.network.io.hdf5_output import Output
from ipvae.network.io.network_file import write_network
from ipvae.network.kinds import CubaNeuron, SigmaNeuron
from ipvae.network.network import Layer
from ipvae.network.network import Network as AnyNetwork


def write_for_netx(path: str | Path, network: AnyNetwork) -> None:
    """Write the layers behind the input; the input keeps its shape and loses its neuron.

    netx does not wire an input layer that has a neuron: its messages are made on the host
    (`network.rules.input_messages`).
    """
    flat_is_due = len(network.input.shape) == 1
    with Output(Path(path)) as output, h5py.File(output, "w") as file:
        _write_layer(file, 0, "input", network.input.shape)
        number = 1
        for layer in network.layers:
            dense = len(layer.shape) == 1
            if dense and not flat_is_due and number > 1:
                _write_layer(file, number, "flatten", (layer.connections[0].weights.n_in, 1, 1))
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


def _write_contents(group: Any, layer: Layer) -> None:
    (connection,) = layer.connections
    weights = connection.weights
    group["weight"] = weights.weight
    if layer.bias is not None:
        group["bias"] = layer.bias
    if isinstance(weights, Convolution):
        for name in ("stride", "padding", "dilation"):
            group[name] = np.array(getattr(weights, name), dtype=np.int64)
        group["groups"] = weights.groups
    for key, value in _neuron_fields(layer.neuron).items():
        group[f"neuron/{key}"] = value


def _neuron_fields(neuron: Any) -> dict[str, Any]:
    if isinstance(neuron, CubaNeuron):
        return {
            "type": b"CUBA",
            "vThMant": neuron.threshold,
            "iDecay": neuron.current_decay,
            "vDecay": neuron.voltage_decay,
        }
    if isinstance(neuron, SigmaNeuron):
        return {"type": b"SDNN", "vThMant": 1, "sigma_output": True}
    return {"type": b"SDNN", "vThMant": neuron.threshold}


def netx_plain(path: Path, network: AnyNetwork, n_steps: int) -> Any:
    """The Lava network that netx builds of a plain network, dense layers as netx has them."""
    from lava.lib.dl.netx.hdf5 import Network

    write_for_netx(path, network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built: Any = Network(
            str(path),
            input_message_bits=16 if network.schedule.free_running else 0,
            reset_interval=None if network.schedule.free_running else n_steps,
            reset_offset=1,  # a layer receives the first message one step after it was sent
        )
    built.net_config.f.close()  # netx leaves it open
    return built


def builder(folder: Path) -> Any:
    """Function that takes the place of our Lava network: netx builds it, from a file."""
    from ipvae.lava_procs.procs.network.process import Entry, LayerProcesses

    def build(
        network: AnyNetwork, n_steps: int, record: tuple[str, ...], stock: bool, _drives: int
    ) -> Any:
        built = netx_plain(folder / "netx.net", network, n_steps)
        blocks = list(built.layers)
        built.entry = Entry(blocks[0].synapse.s_in, network.input.shape)
        built.layers = {
            layer.id: LayerProcesses(block.neuron, (), [])
            for layer, block in zip(network.layers, blocks, strict=True)
        }
        return built

    return build


def netx_layered(path: Path, network: IntNetwork, monkeypatch: Any, **options: Any) -> Any:
    """The Lava network that netx builds of an ipvae file with one layer, from what it reads."""
    from lava.lib.dl.netx.hdf5 import Network

    from ipvae.lava_procs.procs.layered_network.process import layer_block

    (stage,) = network.schedule.stages

    def create(self: Any, layer_config: Any, **_: Any) -> Any:
        layer = replace(
            stage.layer,
            weight=layer_config["weight"].astype(np.int16),
            weight_rec=layer_config["weight_rec"].astype(np.int8),
            bias=layer_config["bias"].astype(np.int32),
        )
        read = replace(network, layer=layer)
        (of_file,) = read.schedule.stages
        row = self._table_str(type_str="Poisson", width=1, height=1, channel=layer.n_neurons)
        return layer_block(read, of_file, **options), row

    write_network(path, network)
    with monkeypatch.context() as patch:
        patch.setattr(Network, "create_dense", create)
        built: Any = Network(str(path))
    built.net_config.f.close()
    built.neurons = {stage.name: built.layers[0].neuron}
    return built


def starts(process: Any) -> dict[str, np.ndarray]:
    """Start values of all variables of a process."""
    return {name: np.asarray(var.init) for name, var in process.vars._members.items()}


def synapses(process: Any) -> dict[str, np.ndarray]:
    """Start values of a Dense or a Conv; its weights as what a message is multiplied by.

    How many bits they take, and the exponent that goes with them, is for each builder to choose.
    """
    found = starts(process)
    found.pop("num_weight_bits", None)
    name = "weights" if "weights" in found else "weight"
    exponent = found.pop("weight_exp", process.proc_params.get("weight_exp", 0))
    found[name] = found[name] * 2.0 ** float(np.asarray(exponent).reshape(()))
    return found
