# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
"""`ipvae.diff` of an imported network and its integers: both runs on one grid, step by step."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError
from ipvae.float_models.nir_graph.conventions import convention_of
from ipvae.float_models.nir_graph.graph import NirGraph, Node
from ipvae.float_models.nir_graph.model import NirModel
from ipvae.workflows.graphs.imported import SpikingModel

GRAPHS = Path(__file__).parents[3] / "models" / "graphs"


def node(name, kind, **values):
    return Node(name, kind, {key: np.asarray(value) for key, value in values.items()})


def chain(origin, *nodes):
    nodes = (node("input", "Input", shape=[6]), *nodes, node("output", "Output"))
    edges = tuple((a.name, b.name) for a, b in itertools.pairwise(nodes))
    model = NirModel(NirGraph({n.name: n for n in nodes}, edges), convention_of(origin))
    return SpikingModel(model, origin, b"")


def weight(rows, seed=0):
    found = np.random.default_rng(seed).integers(-7, 8, (rows, 6)) / 16
    found[0, 0] = 7.9375  # 127 / 16, the largest of 8 bits: nothing is rounded
    return found


def spikes(n=3, steps=20):
    return np.random.default_rng(1).integers(0, 2, (n, steps, 6))


EXACT = {
    "norse": [node("n", "IF", r=1.0, v_threshold=1.0)],
    "sinabs": [node("n", "IF", r=1.0, v_threshold=1.0)],
    "snntorch": [node("n", "LIF", tau=np.inf, r=np.inf, v_leak=0.0, v_threshold=1.0)],
    "spikingjelly,dt=1": [node("n", "IF", r=1.0, v_threshold=0.75, v_reset=-0.25)],
    "nir,dt=1": [node("i", "I", r=1.0), node("n", "Threshold", threshold=1.0)],
}


@pytest.mark.parametrize("origin", EXACT)
def test_float_and_integer_potentials_are_equal_where_nothing_is_rounded(origin):
    model = chain(origin, node("fc", "Linear", weight=weight(5)), *EXACT[origin])
    made = ipvae.quantize(model, spikes())
    start = 0.25 if origin.startswith("spikingjelly") else 0.0  # begins at its reset
    found = ipvae.diff(model, made.network, images=spikes(), image=1)
    assert found.same and found.first is None
    assert (found.layer, found.node) == ("1", "n")
    assert found.real_spikes.any()
    assert found.distance.max() <= start * found.unit + 1e-3
    assert np.ptp(found.integer_voltage) > found.unit / 2


def test_the_first_step_and_neuron_are_those_of_the_arrays():
    model = ipvae.import_model(GRAPHS / "digits_sinabs.nir", origin="sinabs")
    images = np.random.default_rng(3).integers(0, 2, (4, 16, 64))
    made = ipvae.quantize(model, images, weight_bits=4)
    found = ipvae.diff(model, made.network, images=images, image=2)
    assert found.first is not None and not found.same
    step, neuron = found.first["step"], found.first["neuron"]
    different = found.real_spikes != found.integer_spikes
    assert not different[:step].any() and different[step, neuron]
    assert not different[step, :neuron].any()
    assert found.first["float"] == found.real_spikes[step, neuron]
    assert found.distance_before == found.distance[:step].max(initial=0.0)
    single = model.run(images[2:3]).sent["1"][0].reshape(16, -1)
    np.testing.assert_array_equal(found.real_spikes, single)
    trace = ipvae.run(made.network, images[2:3], steps=16, record="all").trace
    np.testing.assert_array_equal(found.integer_voltage, trace.stacked("1", "voltage")[0])
    (title, table) = found.shown("RUN", "NET.h5")
    assert title.title == "RUN beside NET.h5"
    assert f"neuron {neuron}, image 2" in table.title and len(table.rows) == 16
    assert table.rows[step][3:5] == [f"{found.first['float']:g}", f"{found.first['integer']:g}"]
    assert found.to_json()["first"] == found.first
    by_node = ipvae.diff(model, made.network, images=images, layer="5")
    assert by_node.layer == "2"


def test_a_layer_that_never_spikes_and_a_sum_over_the_steps():
    leaky = node("n", "LI", tau=2.0, r=1.0, v_leak=0.0)
    first = [node("a", "Linear", weight=weight(6)), node("s", "IF", r=1.0, v_threshold=1.0)]
    silent = [node("fc", "Linear", weight=weight(5)), leaky]
    summed = [*first, node("fc", "Linear", weight=weight(5, 2))]
    for nodes, layer in ((silent, "n"), (summed, "2")):
        model = chain("nir,dt=1", *nodes)
        made = ipvae.quantize(model, spikes())
        found = ipvae.diff(model, made.network, images=spikes(), layer=layer)
        assert found.same
        assert found.distance.max() <= 0.001 * np.abs(found.integer_voltage).max()


def test_real_values_are_compared_on_the_levels_of_the_integers():
    model = chain(
        "norse",
        node("fc", "Linear", weight=weight(5)),
        node("n", "LIF", tau=5e-3, r=1.0, v_leak=0.0, v_threshold=0.4),
    )
    images = np.random.default_rng(2).random((6, 6))
    network = ipvae.quantize(model, images).network
    found = ipvae.diff(model, network, images=images, image=5)
    assert found.integer_voltage.shape == (32, 5)
    scale = network.input.pixels.scale
    alone = model.run((np.rint(images[5:] / scale) * scale).astype(np.float32))
    np.testing.assert_array_equal(found.real_spikes, alone.sent["n"][0])
    last = alone.potentials["n"][0] / 0.4 * found.unit
    np.testing.assert_allclose(found.real_voltage[-1], last, rtol=1e-5)


def test_mistakes_are_named(tmp_path, rng):
    model = chain("norse", node("fc", "Linear", weight=weight(5)), *EXACT["norse"])
    made = ipvae.quantize(model, spikes())
    other = chain(
        "norse", node("fc", "Linear", weight=weight(5)), node("m", *("IF",), r=1.0, v_threshold=1.0)
    )
    relu = chain("torch", node("fc", "Linear", weight=weight(5)), node("n", "ReLU"))
    trace = ipvae.run(made.network, spikes(), steps=3, record="all").trace
    for arguments, message in [
        ((model, made.network, None, 0, None), "images: an imported network contains none"),
        ((model, made.network, spikes(), 3, None), "image: found 3, allowed 0 to 2"),
        ((model, made.network, spikes(), 0, "x"), r"layer: found 'x', allowed 1 \(n\)"),
        ((other, made.network, spikes(), 0, None), "second: found a network that was not made of"),
        ((relu, made.network, spikes(), 0, None), "first: found a ReLU network"),
        ((model, trace, spikes(), 0, None), "diff: found a trace beside an imported network"),
        ((trace, trace, spikes(), 0, None), "images and layer: found with two networks or traces"),
    ]:
        first, second, images, image, layer = arguments
        with pytest.raises(InputError, match=message):
            ipvae.diff(first, second, images=images, image=image, layer=layer)
