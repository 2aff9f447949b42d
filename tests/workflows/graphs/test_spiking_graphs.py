# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportPossiblyUnboundVariable=false
"""Networks of other tools, from file to integers: equal where nothing is rounded, else close."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.errors import CheckpointError, FormatError, InputError, LossError, QuantizationError
from ipvae.float_models.nir_graph.conventions import convention_of
from ipvae.float_models.nir_graph.graph import NirGraph, Node
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.workflows.graphs.imported import SpikingModel

DATA = Path(__file__).parents[2] / "float_models" / "nir_graph" / "data"
NAMES = sorted(file.name.removesuffix(".nir.gz") for file in DATA.glob("*.nir.gz"))
LEAST_EQUAL = 0.86
"""Fraction of equal messages in any layer with 8 bits. Weights off by up to 0.4 % of the largest
move single spikes, and Rockpool's neurons send up to 8 in a step; measured 0.87 and above."""
RATE_BOUND = 0.015
"""Difference of a layer's mean rate, 8 bits; measured up to 0.0116."""
NOTED_RATE_BOUND = 0.03
"""The same of a layer whose note says that its neurons are approximated; measured up to 0.0186."""


def case(name, folder):
    """Path of a committed graph, its tool, its inputs."""
    path = folder / f"{name}.nir"
    path.write_bytes(gzip.decompress((DATA / f"{name}.nir.gz").read_bytes()))
    found = np.load(DATA / f"{name}.npz")
    shape = tuple(found["shape"])
    inputs = np.unpackbits(found["inputs"])[: np.prod(shape)].reshape(shape)
    return path, str(found["origin"]), inputs


def graph_of(nodes, edges, origin):
    made = NirGraph({node.name: node for node in nodes}, tuple(edges))
    return SpikingModel(NirModel(made, convention_of(origin)), origin, b"")


def node(name, kind, **values):
    return Node(name, kind, {key: np.asarray(value) for key, value in values.items()})


def line(origin, neuron, weight, bias=0.0):
    """Input -> Affine -> neurons -> output."""
    out, into = weight.shape
    nodes = [
        node("input", "Input", shape=[into]),
        node("fc", "Affine", weight=weight, bias=np.full(out, bias)),
        neuron,
        node("output", "Output"),
    ]
    return graph_of(nodes, [("input", "fc"), ("fc", neuron.name), (neuron.name, "output")], origin)


def random_spikes(n, seed=0, steps=40):
    return np.random.default_rng(seed).integers(0, 2, (4, steps, n))


@pytest.mark.parametrize("name", NAMES)
def test_integers_stay_close_to_the_tool(name, tmp_path):
    path, origin, inputs = case(name, tmp_path)
    made = ipvae.quantize(ipvae.import_model(path, origin=origin), inputs)
    assert made.comparison.layers and made.check.ok
    for layer, facts in zip(made.comparison.layers, made.layers, strict=False):
        assert layer.node == facts["node"]
        assert layer.equal >= LEAST_EQUAL
        bound = NOTED_RATE_BOUND if facts["notes"] else RATE_BOUND
        assert abs(layer.real_rate - layer.integer_rate) <= bound
        assert not layer.fell_silent


@pytest.mark.lava
@pytest.mark.parametrize("name", NAMES)
def test_lava_computes_the_same_bits(name, tmp_path):
    path, origin, inputs = case(name, tmp_path)
    network = ipvae.quantize(ipvae.import_model(path, origin=origin), inputs, weight_bits=5).network
    flat = inputs.reshape(*inputs.shape[:2], -1)[:2]
    verified = ipvae.verify(network, flat, steps=12, backends=("emulator", "lava"))
    assert verified.bit_exact, verified.first_divergence


EXACT = {
    "sinabs": node("n", "IF", r=1.0, v_threshold=1.0),
    "sinabs,reset=zero,spikes=one": node("n", "IF", r=1.0, v_threshold=1.0),
    "norse": node("n", "IF", r=1.0, v_threshold=1.0),
    "spikingjelly,dt=1": node("n", "IF", r=1.0, v_threshold=1.0, v_reset=0.0),
    "snntorch": node("n", "LIF", tau=np.inf, r=np.inf, v_leak=0.0, v_threshold=1.0),
    "snntorch,reset=zero": node("n", "LIF", tau=1e-4, r=1.0, v_leak=0.0, v_threshold=1.0),
    "nir,dt=1": node("n", "Threshold", threshold=1.0),
}


@pytest.mark.parametrize("origin", EXACT)
def test_spikes_are_equal_where_nothing_is_rounded(origin):
    """Weights on the grid and neurons that keep all or nothing: integers are the float network.

    Sums are multiples of 1/16 and reach the threshold exactly, so >= and > give other spikes.
    """
    rng = np.random.default_rng(5)
    weight = rng.integers(-7, 8, (12, 9)) / 16
    weight[0, 0] = 7.9375  # 127 / 16: the largest weight of 8 bits
    model = line(origin, EXACT[origin], weight)
    made = ipvae.quantize(model, random_spikes(9))
    assert made.comparison.layers[0].real_rate > 0
    assert made.comparison.layers[0].equal == 1.0
    assert made.comparison.first is None


@pytest.mark.parametrize("tie", ["norse", "spikingjelly,dt=1"])
def test_ties_follow_the_tool(tie):
    """One input of the weight 1 reaches a threshold of 1: > sends nothing, >= a spike."""
    made = ipvae.quantize(line(tie, EXACT[tie], np.eye(3)), np.ones((2, 3, 3), int))
    first = ipvae.run(made.network, np.ones((1, 3, 3), int), steps=3, record="all").trace
    assert first.stacked("1", "z")[0, 0].tolist() == ([0, 0, 0] if tie == "norse" else [1, 1, 1])


def test_each_threshold_is_kept_by_its_weights():
    """Thresholds of single neurons are folded into their weights."""
    weight = np.array([[127.0, 1], [254, 2], [63.5, 0.5]]) / 64
    thresholds = np.array([1.0, 2, 0.5]) * 3.7
    neuron = node("n", "LIF", tau=2.0, r=1.0, v_leak=0.0, v_threshold=thresholds)
    made = ipvae.quantize(line("nir,dt=1", neuron, weight), random_spikes(2))
    found = made.network.layers[0].connections[0].weights.weight
    assert (found == found[:1]).all()
    trace = ipvae.run(made.network, random_spikes(2), steps=20, record="all").trace
    assert (np.ptp(trace.stacked("1", "z"), axis=2) == 0).all()


def test_delays_and_feedback_become_delays_of_connections():
    nodes = [
        node("input", "Input", shape=[3]),
        node("delay", "Delay", delay=[2.0, 2, 2]),
        node("fc", "Linear", weight=np.eye(3) * 2),
        node("own", "Delay", delay=[0.0, 1, 3]),
        node("n", "IF", r=1.0, v_threshold=1.0),
        node("loop", "Linear", weight=-np.eye(3)),
        node("output", "Output"),
    ]
    edges = [("input", "delay"), ("delay", "fc"), ("fc", "own"), ("own", "n"), ("n", "loop")]
    model = graph_of(nodes, [*edges, ("loop", "n"), ("n", "output")], "sinabs,reset=zero")
    made = ipvae.quantize(model, random_spikes(3))
    forward, loop = made.network.layers[0].connections
    assert forward.delay.tolist() == [2, 3, 5] and loop.delay == 1
    assert made.comparison.first is None


def test_a_threshold_behind_integrators_is_one_layer():
    nodes = [
        node("input", "Input", shape=[3]),
        node("fc", "Linear", weight=np.eye(3)),
        node("v", "LI", tau=4.0, r=4.0, v_leak=0.0),
        node("spike", "Threshold", threshold=2.0),
        node("output", "Output"),
    ]
    edges = [("input", "fc"), ("fc", "v"), ("v", "spike"), ("spike", "output")]
    made = ipvae.quantize(graph_of(nodes, edges, "nir,dt=1"), random_spikes(3))
    (layer,) = made.network.layers
    assert layer.neuron.amount == 0
    assert made.comparison.layers[0].equal > 0.95


def test_real_images_are_rounded_to_256_levels():
    rng = np.random.default_rng(1)
    neuron = node("n", "LIF", tau=3.0, r=1.0, v_leak=0.0, v_threshold=0.3)
    model = line("nir,dt=1", neuron, rng.normal(size=(8, 16)))
    images = rng.random((6, 16))
    made = ipvae.quantize(model, images)
    assert made.network.input.pixels.maximum == 255
    assert made.network.test_images.shape == (6, 16)
    assert made.comparison.steps == 32
    assert made.comparison.layers[0].equal > 0.95  # one of 48 constant inputs is at the threshold
    again = ipvae.run(made.network, images, steps=32)
    assert (again.network_totals.outputs == ipvae.run(made.network, steps=32).outputs["1"]).all()


def test_large_networks_calibrate_on_fewer_images(monkeypatch):
    from ipvae.workflows.graphs import calibration

    model = line("sinabs", EXACT["sinabs"], np.eye(6))
    images = np.repeat(random_spikes(6), 3, axis=0)
    assert ipvae.quantize(model, images).comparison.images == 12
    monkeypatch.setattr(calibration, "MOST_VALUES", 5 * 40 * 12)
    made = ipvae.quantize(model, images, np.arange(12) % 6)
    assert made.comparison.images == 5


def test_outputs_without_neurons_are_summed():
    rng = np.random.default_rng(2)
    nodes = [
        node("input", "Input", shape=[6]),
        node("a", "Linear", weight=rng.normal(size=(9, 6))),
        node("n", "IF", r=1.0, v_threshold=1.0),
        node("b", "Affine", weight=rng.normal(size=(4, 9)), bias=rng.normal(size=4) * 0.1),
        node("output", "Output"),
    ]
    edges = [("input", "a"), ("a", "n"), ("n", "b"), ("b", "output")]
    made = ipvae.quantize(graph_of(nodes, edges, "sinabs"), random_spikes(6, steps=20))
    assert made.network.readout.id == "2"
    assert made.comparison.same_class == 1.0


def test_folder_and_network_file_keep_everything(tmp_path):
    path, origin, inputs = case("sinabs_pool", tmp_path)
    model = ipvae.import_model(path, origin=origin)
    folder = model.save(tmp_path / "run")
    assert sorted(p.name for p in folder.iterdir()) == ["graph.nir", "model.json"]
    assert json.loads((folder / "model.json").read_text())["origin"] == "sinabs"
    with pytest.raises(InputError, match="holds a network already"):
        model.save(folder)
    model.save(folder, overwrite=True)
    made = ipvae.quantize(folder, inputs)
    made.save(tmp_path / "net.h5")
    again = ipvae.load_network(tmp_path / "net.h5")
    assert ipvae.diff(again, made.network).same
    assert again.provenance["origin"] == "sinabs"
    with pytest.raises(CheckpointError, match="imported spiking network"):
        ipvae.load_model(folder)
    trace = model.run(inputs)
    np.testing.assert_array_equal(trace.outputs, np.load(DATA / "sinabs_pool.npz")["outputs"])


def test_accuracy_is_compared_and_a_loss_refused(tmp_path):
    path, origin, inputs = case("spikingjelly_cuba", tmp_path)
    model = ipvae.import_model(path, origin=origin)
    decided = model.run(inputs).outputs.sum(1).argmax(1)
    made = ipvae.quantize(model, inputs, decided)
    assert made.comparison.real_accuracy == 1.0
    with pytest.raises(LossError, match="most_loss=-1"):
        ipvae.quantize(model, inputs, decided, most_loss=-1.0)


WRONG = [
    (line("nir,dt=1", node("n", "LI", tau=2.0, r=1.0, v_leak=0.0), np.eye(2)), 9, "4 to 8"),
    (
        line("nir,dt=8", node("n", "LIF", tau=2.0, r=1.0, v_leak=0.0, v_threshold=1.0), np.eye(2)),
        8,
        r"node n \(LIF\): found a factor of decay of -3",
    ),
    (
        line("nir,dt=1", node("n", "LIF", tau=2.0, r=1.0, v_leak=0.0, v_threshold=-1.0), np.eye(2)),
        8,
        r"node n \(LIF\): found threshold -1",
    ),
    (
        line("nir,dt=1", node("n", "IF", r=1.0, v_threshold=1.0), np.zeros((2, 2))),
        8,
        "node n: all weights to it are 0",
    ),
]


@pytest.mark.parametrize(("model", "bits", "text"), WRONG)
def test_what_cannot_be_kept_is_refused_by_node(model, bits, text):
    with pytest.raises(QuantizationError, match=text):
        ipvae.quantize(model, random_spikes(2), weight_bits=bits)


def test_potentials_cannot_be_sent_on():
    nodes = [
        node("input", "Input", shape=[2]),
        node("v", "LI", tau=2.0, r=1.0, v_leak=0.0),
        node("fc", "Linear", weight=np.eye(2)),
        node("n", "IF", r=1.0, v_threshold=1.0),
        node("output", "Output"),
    ]
    edges = [("input", "v"), ("v", "fc"), ("fc", "n"), ("n", "output")]
    with pytest.raises(QuantizationError, match=r"node v \(LI\): sends its potential"):
        ipvae.quantize(graph_of(nodes, edges, "nir,dt=1"), random_spikes(2))


def test_the_tool_must_be_named(tmp_path):
    path, _, inputs = case("norse_lif", tmp_path)
    with pytest.raises(InputError, match="name the tool that wrote the graph with origin="):
        ipvae.import_model(path)
    for origin, text in (
        ("brian", "origin: found 'brian', allowed nir, snntorch"),
        ("norse,tau=1", "origin: found key 'tau'"),
        ("norse,dt=0", "origin: found dt=0, allowed a number above 0"),
    ):
        with pytest.raises(InputError, match=text):
            ipvae.import_model(path, origin=origin)
    with pytest.raises(FormatError, match="the time of a step is unknown"):
        ipvae.import_model(path, origin="nir")
    model = ipvae.import_model(path, origin="norse")
    with pytest.raises(InputError, match="images: shape"):
        model.run(inputs[..., :5])
    with pytest.raises(InputError, match="layout: found for a network of another tool"):
        ipvae.quantize(model, inputs, layout="error-units")
    with pytest.raises(InputError, match="contains none"):
        ipvae.quantize(model)


def test_an_unknown_node_is_named(tmp_path):
    nir = pytest.importorskip("nir")
    size = np.array([2])
    lif = nir.LIF(*(np.ones(2) for _ in range(4)))
    nodes = {"input": nir.Input(size), "n": lif, "output": nir.Output(size)}
    graph = nir.NIRGraph(nodes, [("input", "n"), ("n", "output")])
    nir.write(tmp_path / "x.nir", graph)
    model = ipvae.import_model(tmp_path / "x.nir", origin="nir,dt=0.5")
    assert model.model.shapes["n"] == (2,)
    with pytest.raises(FormatError, match="node odd: kind Izhikevich, allowed are"):
        NirGraph({"odd": Node("odd", "Izhikevich")}, ())


def test_two_inputs_are_named():
    nodes = [node("input", "Input", shape=[2]), node("input_c", "Input", shape=[2])]
    with pytest.raises(FormatError, match=r"2 nodes Input \(input, input_c\), allowed is one"):
        NirGraph({one.name: one for one in nodes}, ())
