"""What netx builds of our files and of plain networks is what we build in memory."""

from typing import Any

import numpy as np
import pytest

from ipvae.lava_procs.network_run import run_network
from ipvae.lava_procs.procs.layered_network import process as layered
from ipvae.lava_procs.procs.network import process as network_process
from ipvae.lava_procs.runner import run
from ipvae.network.io.lava_dl_file import read_plain

pytestmark = pytest.mark.lava()
STEPS = 6


def assert_alike(found, wanted):
    """Variables of two processes start alike."""
    assert found and found.keys() == wanted.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, wanted[name], err_msg=name)


def test_netx_builds_our_file_to_the_same_processes(
    make_network, netx_reading, tmp_path, monkeypatch
):
    network = make_network()
    theirs = netx_reading.netx_layered(tmp_path / "n.h5", network, monkeypatch, n_steps=STEPS)
    ours = layered.LayeredNetwork(network, n_steps=STEPS)
    assert [block.shape for block in theirs.layers] == [block.shape for block in ours.layers]
    assert theirs.inp.shape == ours.inp.shape and theirs.out.shape == ours.out.shape
    for one, other in zip(theirs.layers, ours.layers, strict=True):
        assert_alike(netx_reading.starts(one.neuron), netx_reading.starts(other.neuron))
        assert_alike(netx_reading.synapses(one.synapse), netx_reading.synapses(other.synapse))
    np.testing.assert_array_equal(
        netx_reading.synapses(ours.layers[0].synapse)["weights"], network.layer.weight_rec
    )


def test_a_network_that_netx_built_runs_to_the_same_trace(
    make_network, netx_reading, tmp_path, monkeypatch
):
    network = make_network()
    images = network.test_images[:2]
    ours = run(network, images, STEPS, 3)
    built = []

    def from_file(network, **options):
        path = tmp_path / f"{len(built)}.h5"
        built.append(netx_reading.netx_layered(path, network, monkeypatch, **options))
        return built[-1]

    monkeypatch.setattr(layered, "LayeredNetwork", from_file)
    theirs = run(network, images, STEPS, 3)
    assert len(built) == 1
    assert type(built[0]).__module__ == "lava.lib.dl.netx.hdf5"
    for variable in ("a_in", "u", "z"):
        np.testing.assert_array_equal(
            theirs.stacked("1", variable), ours.stacked("1", variable), err_msg=variable
        )
    assert theirs.stacked("1", "z").any()


@pytest.mark.parametrize("name", ["errors + 2 read-outs", "two hidden, graded code"])
def test_every_layer_of_a_file_has_the_weights_that_we_build(kinds, netx_reading, tmp_path, name):
    """netx chains layers and cannot build a loop of them; what it reads of each is compared."""
    from lava.lib.dl.netx.utils import NetDict

    network = kinds.networks(2)[name]
    netx_reading.write_network(tmp_path / "n.h5", network)
    read = NetDict(str(tmp_path / "n.h5"))
    built = layered.LayeredNetwork(network, n_steps=STEPS)
    for number, block in zip(network.layers, built.layers, strict=True):
        layer, config = network.layers[number], read["layer"][int(number)]
        np.testing.assert_array_equal(config["bias"], layer.bias)
        if layer.weight_rec is not None:
            weights = config["weight" if layer.weight is None else "weight_rec"]
            found = netx_reading.synapses(block.synapse)["weights"]
            np.testing.assert_array_equal(found, weights)
    file: Any = read.f
    file.close()


@pytest.mark.parametrize("family", ["CUBA", "SDNN"])
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 12))]
)
def test_netx_builds_plain_networks_to_the_same_processes(
    plain_nets, netx_reading, tmp_path, family, seed
):
    layers = plain_nets.random_layers(np.random.default_rng(seed), family)
    network = read_plain(plain_nets.write(tmp_path / "x.net", layers))
    theirs = netx_reading.netx_plain(tmp_path / "again.net", network, STEPS)
    ours = network_process.LavaNetwork(network, STEPS)
    for one, other in zip(theirs.layers, ours.layers.values(), strict=True):
        (synapse,) = other.synapses
        assert type(one.neuron) is type(other.neuron) and one.shape == other.neuron.s_out.shape
        assert_alike(netx_reading.starts(one.neuron), netx_reading.starts(other.neuron))
        for name in ("reset_interval", "reset_offset"):
            asked = [part.neuron.proc_params.get(name) for part in (one, other)]
            assert asked[0] == asked[1] and (asked[0] is None) == (family == "SDNN")
        assert type(one.synapse) is type(synapse.weights) and synapse.delay_line is None
        assert_alike(netx_reading.synapses(one.synapse), netx_reading.synapses(synapse.weights))


@pytest.mark.parametrize(("family", "top"), [("CUBA", 2), ("SDNN", 4000)])
def test_plain_networks_that_netx_built_send_the_same(
    plain_nets, netx_reading, tmp_path, monkeypatch, rng, family, top
):
    layers = plain_nets.random_layers(np.random.default_rng(1), family)
    network = read_plain(plain_nets.write(tmp_path / "x.net", layers))
    sample = rng.integers(0, top, (STEPS, network.input.size)).astype(np.int32)
    (ours,) = run_network(network, [sample], STEPS, 1)
    monkeypatch.setattr(network_process, "LavaNetwork", netx_reading.builder(tmp_path))
    (theirs,) = run_network(network, [sample], STEPS, 1)
    for name, of in ours.items():
        np.testing.assert_array_equal(theirs[name]["z"], of["z"], err_msg=name)
    assert any(of["z"].any() for of in ours.values())


def test_a_file_for_netx_holds_the_same_network(plain_nets, netx_reading, tmp_path, rng):
    layers = plain_nets.random_layers(rng, "CUBA")
    network = read_plain(plain_nets.write(tmp_path / "x.net", layers))
    netx_reading.write_for_netx(tmp_path / "again.net", network)
    again = read_plain(tmp_path / "again.net")
    assert [layer.shape for layer in again.layers] == [layer.shape for layer in network.layers]
    for one, other in zip(network.layers, again.layers, strict=True):
        (of_one,), (of_other,) = one.connections, other.connections
        np.testing.assert_array_equal(of_one.weights.weight, of_other.weights.weight)
        assert one.neuron == other.neuron
