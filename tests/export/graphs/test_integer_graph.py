# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Integer networks as NIR: exact numbers, the same spikes where no product is rounded."""

import contextlib
import importlib.util
import io
import warnings
from pathlib import Path

import nir
import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, sum_pooling
from ipvae.network.io.network_file import checksum
from ipvae.network.kinds import CubaNeuron, LifNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network

GRAPHS = Path(__file__).parents[3] / "models" / "graphs"
MOST_DIFFERENT = 0.002
"""Fraction of messages that rounded products of decays change; measured 0.0002 on digits."""
STEPS, IMAGES = 20, 2
EXACT_DECAYS = [(4096, 0), (4096, 4096)]
"""Of current and voltage: all or nothing is kept, so no product is rounded."""


def weights(rng, *shape):
    return rng.integers(-70, 80, shape).astype(np.int16)


def network_of(neuron, pooled, seed=0):
    """Convolution, sum pooling, skip, recurrence, delays, and a read-out that never spikes."""
    rng = np.random.default_rng(seed)
    first = Convolution(weights(rng, 4, 1, 3, 3), (1, 8, 8), padding=(1, 1))
    hidden = (
        Connection("2", Dense(weights(rng, 12, 64)), exponent=1),
        Connection("3", Dense(weights(rng, 12, 12)), delay=1),
        Connection("1", Dense(weights(rng, 12, 256)), delay=2),
    )
    last = (
        Connection("3", Dense(weights(rng, 5, 12)), delay=rng.integers(0, 4, 5)),
        Connection("3", Dense(weights(rng, 5, 12)), delay=1),
    )
    biases = [rng.integers(-100, 150, n).astype(np.int32) for n in (4, 12, 5)]
    layers = (
        Layer("1", neuron, (Connection("0", first),), biases[0]),
        Layer("2", pooled, (Connection("1", sum_pooling((4, 8, 8), (2, 2), (2, 2))),)),
        Layer("3", neuron, hidden, biases[1]),
        Layer("4", CubaNeuron(2**18, 4096, 0), last, biases[2], purpose="readout"),
    )
    return Network(Input((1, 8, 8)), layers)


def both(network, path, seed=1):
    """Messages of each layer in integers, and of the file in float; and the last potentials."""
    shape = network.input.shape
    spikes = (np.random.default_rng(seed).random((IMAGES, STEPS, *shape)) < 0.4).astype(np.int32)
    ipvae.save_nir(network, path)
    real = ipvae.import_model(path).run(spikes)
    flat = spikes.reshape(IMAGES, STEPS, -1)
    trace = ipvae.run(network, flat, steps=STEPS, record="all").trace
    pairs = {
        layer.id: (
            trace.stacked(layer.id, "z"),
            real.sent[f"layer_{layer.id}"].reshape(IMAGES, STEPS, -1),
        )
        for layer in network.layers
    }
    return pairs, trace, real


def lif(reset, decays, threshold=6400, amount=6400, **more):
    return LifNeuron(threshold, amount, *decays, reset=reset, **more)


RESETS = {
    "cuba": lambda d: (CubaNeuron(200, *d), CubaNeuron(2, 4096, 4096)),
    "zero": lambda d: (lif("zero", d), lif("zero", (4096, 4096), 128)),
    "zero, later": lambda d: (
        lif("zero", d, next_row=True),
        lif("zero", (4096, 4096), 128, next_row=True),
    ),
    "zero, many": lambda d: (lif("zero", d, most=15), lif("zero", (4096, 4096), 64, most=15)),
    "subtract": lambda d: (lif("subtract", d), lif("subtract", (4096, 4096), 128, 128)),
    "subtract, many": lambda d: (
        lif("subtract", d, most=15),
        lif("subtract", (4096, 4096), 128, 128, most=15),
    ),
    "subtract, later, above": lambda d: (
        lif("subtract", d, 6401, next_row=True),
        lif("subtract", (4096, 4096), 129, 128, next_row=True),
    ),
    "none": lambda d: (lif("subtract", d, 6400, 0), lif("subtract", (4096, 4096), 128, 0)),
}


@pytest.mark.parametrize("decays", EXACT_DECAYS)
@pytest.mark.parametrize("name", RESETS)
def test_spikes_are_equal_where_no_product_is_rounded(name, decays, tmp_path):
    neuron, pooled = RESETS[name](decays)
    network = network_of(neuron, pooled)
    pairs, trace, _ = both(network, tmp_path / "x.nir")
    states = [trace.stacked("3", name) for name in ("current", "voltage")]
    assert max(np.abs(s).max() for s in states) < 2**23 - 1  # nothing wraps or saturates
    for layer in "123":
        integer, real = pairs[layer]
        assert integer.mean() > 0
        np.testing.assert_array_equal(integer, real)
    assert not pairs["4"][0].any()  # a potential only


@pytest.mark.parametrize("decays", [(4096, 2048), (4096, 400), (1024, 400)])
def test_rounded_products_move_voltages_by_less_than_the_stated_bound(decays, tmp_path):
    """A layer that never spikes, so that only the rounding toward zero is left."""
    rng = np.random.default_rng(3)
    silent = CubaNeuron(2**18, *decays)
    layer = Layer("1", silent, (Connection("0", Dense(weights(rng, 20, 12))),), purpose="readout")
    network = Network(Input((12,)), (layer,))
    _, trace, real = both(network, tmp_path / "x.nir")
    facts = nir.read(tmp_path / "x.nir").nodes["layer_1"].metadata
    voltages = trace.stacked("1", "voltage")[:, -1]
    distance = np.abs(real.potentials["layer_1"] / facts["state_scale"] - voltages).max()
    current, voltage = (4096 / d for d in decays)
    bound = voltage * (1 + current * (decays[0] < 4096))
    assert 0 < distance < bound
    lost = nir.read(tmp_path / "x.nir").metadata["lost"]
    assert f"voltages differ by less than {bound:.4g}" in lost


def test_metadata_hold_the_integers(tmp_path):
    network = network_of(*RESETS["cuba"]((1024, 300)))
    made = ipvae.save_nir(network, tmp_path / "x.nir")
    graph = nir.read(tmp_path / "x.nir")
    found = graph.metadata
    assert found["integers"] == "ipvae-loihi integer network"
    assert (found["integers_version"], found["dt"]) == (1, 1e-4)
    assert found["checksum"] == checksum(network)
    assert found["origin"] == "nir,dt=0.0001,reset=zero"
    assert found["lost"].split("\n") == list(made.lost)
    neuron = graph.nodes["layer_3"].metadata
    assert (neuron["current_decay"], neuron["voltage_decay"]) == (1024, 300)
    assert (neuron["threshold"], neuron["threshold_exponent"]) == (200, 6)
    assert (neuron["state_width"], neuron["decay_bits"]) == (24, 12)
    assert neuron["state_scale"] == 1 / 64
    for number, connection in enumerate(network.layers[2].connections):
        node = graph.nodes[f"weights_3_{number}"]
        assert node.metadata["exponent"] == connection.exponent
        exact = connection.weights.weight * 2.0**connection.exponent
        np.testing.assert_array_equal(node.weight.astype(np.float64), exact)
    assert type(graph.nodes["weights_2_0"]).__name__ == "SumPool2d"
    decays = 4096 * (1 - 1e-4 / graph.nodes["layer_3"].tau_mem)
    np.testing.assert_allclose(decays, 4096 - 300, atol=1e-9)


def test_mixed_shapes_input_neurons_and_diagonals(tmp_path):
    """A convolution and dense weights to one layer; images as the bias of input neurons."""
    rng = np.random.default_rng(4)
    conv = Convolution(weights(rng, 2, 1, 3, 3), (1, 6, 6), padding=(1, 1))
    layers = (
        Layer(
            "1",
            CubaNeuron(150, 4096, 0),
            (Connection("0", conv), Connection("1", Dense(weights(rng, 72, 72) // 8), delay=1)),
            rng.integers(-50, 50, 72).astype(np.int32),
        ),
        Layer(
            "2",
            CubaNeuron(90, 4096, 0),
            (Connection("1", Diagonal(rng.integers(20, 60, 72).astype(np.int16))),),
            purpose="readout",
        ),
    )
    network = Network(Input((1, 6, 6), neuron=CubaNeuron(3, 4096, 0), bias=0.0), layers)
    ipvae.save_nir(network, tmp_path / "x.nir")
    images = rng.integers(0, 4, (IMAGES, 36)).astype(np.int32)
    trace = ipvae.run(network, images, steps=STEPS, record="all").trace
    real = ipvae.import_model(tmp_path / "x.nir").run(images.reshape(-1, 1, 6, 6), steps=STEPS)
    for layer, node in (("0", "input_neurons"), ("1", "layer_1"), ("2", "layer_2")):
        integer = trace.stacked(layer, "z")
        assert 0 < integer.mean() < 1
        np.testing.assert_array_equal(integer, real.sent[node].reshape(integer.shape))


@pytest.mark.parametrize("tool", ["norse", "sinabs"])
def test_an_imported_network_that_goes_out_and_in_again_has_the_same_weights(tool, tmp_path):
    """And nearly all of its spikes: only products of decays are rounded in integers."""
    spikes = (np.random.default_rng(2).random((8, 16, 64)) < 0.3).astype(np.int32)
    graph = GRAPHS / f"digits_{tool}.nir"
    network = ipvae.quantize(ipvae.import_model(graph, origin=tool), spikes).network
    ipvae.save_nir(network, tmp_path / "x.nir")
    model = ipvae.import_model(tmp_path / "x.nir")
    trace = ipvae.run(network, spikes, steps=16, record="all").trace
    for layer in network.layers:
        real = model.run(spikes).sent[f"layer_{layer.id}"].reshape(8, 16, -1)
        assert real.any()
        different = (trace.stacked(layer.id, "z") != real).mean()
        assert different <= MOST_DIFFERENT * (tool == "norse")  # sinabs' neurons have no decay
    again = ipvae.quantize(model, spikes).network
    for before, after in zip(network.layers, again.layers, strict=True):
        for first, second in zip(before.connections, after.connections, strict=True):
            np.testing.assert_array_equal(first.weights.weight, second.weights.weight)


LOOPS = {
    "two layers": [[("0", 0), ("2", 1)], [("1", 0)]],
    "a later way back": [[("0", 0), ("2", 3)], [("1", 0)]],
    "the second first": [[("2", 0)], [("0", 0), ("1", 1)]],
    "three layers": [[("0", 0), ("3", 1)], [("1", 0), ("2", 1)], [("2", 0), ("1", 4), ("3", 2)]],
}
"""Sources and delays of each layer's connections."""


def loop_of(layers):
    rng, neuron = np.random.default_rng(0), CubaNeuron(100, 4096, 0)
    return Network(
        Input((6,)),
        tuple(
            Layer(
                str(number + 1),
                neuron,
                tuple(Connection(s, Dense(weights(rng, 6, 6)), delay=d) for s, d in sources),
            )
            for number, sources in enumerate(layers)
        ),
    )


@pytest.mark.parametrize("name", LOOPS)
def test_loops_of_several_layers_keep_their_delays(name, tmp_path):
    pairs, _, _ = both(loop_of(LOOPS[name]), tmp_path / "x.nir")
    for integer, real in pairs.values():
        assert integer.mean() > 0
        np.testing.assert_array_equal(integer, real)


def chain(*neurons, source=None, **more):
    rng = np.random.default_rng(0)
    layers = tuple(
        Layer(str(i + 1), neuron, (Connection(str(i), Dense(weights(rng, 6, 6))),))
        for i, neuron in enumerate(neurons)
    )
    return Network(Input((6,), neuron=source, **more), layers)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            lambda: chain(SigmaDeltaNeuron(4), graded=True),
            r"layer 1 \(sigma-delta\): NIR has no neurons that send changes. lava-dl's .net file",
        ),
        (
            lambda: chain(lif("zero", (4096, 0)), lif("subtract", (4096, 0))),
            "layer 1: resets otherwise than layer 2, allowed is one rule for a graph",
        ),
        (
            lambda: loop_of([[("2", 1)], [("0", 0), ("1", 0)]]),
            "layer 2: its connection from 1 without delay closes a loop whose delay is elsewhere",
        ),
        (
            lambda: chain(lif("subtract", (4096, 0), 6400, 100)),
            "layer 1: spikes at 6400 and subtracts 100, allowed is one number for both",
        ),
        (
            lambda: chain(lif("subtract", (4096, 0), 6400, 0, most=3)),
            "layer 1: sends up to 3 spikes without a reset, allowed is 1",
        ),
    ],
)
def test_what_nir_cannot_hold_is_refused_by_name(network, message, tmp_path):
    with pytest.raises(InputError, match=message):
        ipvae.save_nir(network(), tmp_path / "x.nir")
    assert not (tmp_path / "x.nir").exists()


def test_poisson_neurons_are_refused_with_the_nearest_thing(tmp_path, rng):
    arrays = {"phi": rng.normal(0, 0.3, (12, 5)), "sigma": np.full(12, 0.7), "step_size": 0.1}
    np.savez(tmp_path / "a.npz", bias=np.full(5, 0.1), u0=np.full(5, -1.0), **arrays)
    model = ipvae.import_model(tmp_path / "a.npz", pixel_max=15)
    made = ipvae.quantize(model, rng.integers(0, 16, (20, 12)), most_loss=99.0)
    with pytest.raises(InputError, match="NIR has no neurons that draw counts"):
        ipvae.save_nir(made.network, tmp_path / "x.nir")
    with pytest.raises(InputError, match="inference and threshold: found with a network"):
        ipvae.save_nir(chain(CubaNeuron(9, 0, 0)), tmp_path / "x.nir", inference="lca")


def dense(decays, recurrent):
    rng = np.random.default_rng(5)
    first = [Connection("0", Dense(weights(rng, 16, 12)))]
    if recurrent:
        first.append(Connection("1", Dense(weights(rng, 16, 16) // 3), delay=1))
    layers = (
        Layer("1", CubaNeuron(200, *decays), tuple(first)),
        Layer(
            "2",
            CubaNeuron(120, *decays),
            (Connection("1", Dense(weights(rng, 6, 16)), exponent=1),),
            rng.integers(-30, 30, 6).astype(np.int32) * (decays[0] == 4096),
            purpose="readout",
        ),
    )
    return Network(Input((12,)), layers)


def in_snntorch(graph, spikes):
    import torch
    from snntorch.import_nir import import_from_nir

    with contextlib.redirect_stdout(io.StringIO()):
        net = import_from_nir(graph)
    found, state = [], None
    with torch.no_grad():
        for step in range(STEPS):
            out, state = net(torch.from_numpy(spikes[:, step]).float(), state)
            found.append(out.numpy())
    return np.stack(found, 1)


def in_norse(graph, spikes):
    import norse.torch as norse
    import torch

    net, found, state = norse.from_nir(graph, dt=1e-4), [], None
    with torch.no_grad():
        for step in range(STEPS):
            out, state = net(torch.from_numpy(spikes[:, step]).float(), state)
            found.append(out.numpy())
    return np.stack(found, 1)


@pytest.mark.parametrize(
    ("tool", "run", "decays", "recurrent"),
    [
        ("snntorch", in_snntorch, (4096, 0), False),
        ("snntorch", in_snntorch, (4096, 4096), False),
        ("norse", in_norse, (4096, 0), False),
        ("norse", in_norse, (4096, 0), True),
        ("norse", in_norse, (4096, 4096), True),
    ],
)
def test_other_simulators_send_the_same_spikes(tool, run, decays, recurrent, tmp_path):
    if any(importlib.util.find_spec(needed) is None for needed in (tool, "nirtorch")):
        pytest.skip(f"{tool} with nirtorch is not installed; the other tests read the file back")
    network = dense(decays, recurrent)
    ipvae.save_nir(network, tmp_path / "x.nir")
    spikes = (np.random.default_rng(1).random((IMAGES, STEPS, 12)) < 0.4).astype(np.int32)
    trace = ipvae.run(network, spikes, steps=STEPS, record="all").trace
    wanted = trace.stacked("2", "z")
    assert 0 < wanted.mean() < 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(nir.read(tmp_path / "x.nir"), spikes)
    np.testing.assert_array_equal(found, wanted)
