"""Names and figures of read-out layers."""

import dataclasses

import numpy as np
import pytest

from ipvae.evaluation.readouts import judge, readout_names


@pytest.fixture
def network(kinds):
    """One hidden layer, the code, and two read-outs: 6 pixels in steps of 1/128, 3 classes."""
    return kinds.networks(0)["one hidden + 2 read-outs"]


def naming(network, readouts):
    return dataclasses.replace(network, provenance={"readouts": readouts})


def test_readouts_are_named_in_their_order(network):
    named = readout_names(naming(network, ["decoder", "classes"]))
    assert named == {"3": "decoder", "4": "classes"}
    named = readout_names(naming(network, ["classes", "decoder"]))
    assert named == {"3": "classes", "4": "decoder"}


@pytest.mark.parametrize(
    "readouts", [None, [], ["decoder"], ["decoder"] * 3, "decoder", {"3": "decoder"}, 2]
)
def test_provenance_of_another_shape_names_nothing(network, readouts):
    assert readout_names(naming(network, readouts)) == {"3": "unnamed", "4": "unnamed"}
    without = dataclasses.replace(network, provenance={})
    assert readout_names(without) == {"3": "unnamed", "4": "unnamed"}


@pytest.mark.parametrize("odd", ["picture", "\x1b[31m", None, 7, ["decoder"], {"a": 1}])
def test_a_name_that_is_not_ours_is_not_repeated(network, odd):
    assert readout_names(naming(network, [odd, "classes"])) == {"3": "unnamed", "4": "classes"}


def test_a_network_without_readouts_names_none(kinds):
    network = kinds.networks(0)["one hidden"]
    assert readout_names(naming(network, ["decoder"])) == {}
    assert judge(network, {}, np.zeros((2, 6)), np.zeros(2, int)) == []


@pytest.fixture
def shown():
    """Four images; what the first read-out sent, 6 numbers, and the second, 3."""
    pictures = np.arange(24).reshape(4, 6)
    scores = np.array([[5, 5, 1], [-7, -7, -7], [0, 9, 9], [-3, -2, -1]])
    return {"3": pictures, "4": scores}


def test_a_decoder_is_judged_in_its_unit(network, shown):
    images = shown["3"] / 128.0 + 0.5
    picture, _ = judge(naming(network, ["decoder", "classes"]), shown, images, np.zeros(4, int))
    variation = np.square(np.arange(6) - 2.5).sum() / 128.0**2
    assert picture == {
        "layer": "3",
        "name": "decoder",
        "mse": pytest.approx(0.25),
        "r2": pytest.approx(1 - 6 * 0.25 / variation),
    }


def test_the_first_of_equal_classes_is_taken(network, shown):
    """The largest are 0 (and 1), 0 (of three), 1 (and 2), 2."""
    named = naming(network, ["decoder", "classes"])
    images = np.random.default_rng(0).random((4, 6))
    for labels, right in (
        ([0, 0, 1, 2], 1.0),
        ([1, 0, 1, 2], 0.75),
        ([0, 2, 2, 2], 0.5),
        ([1, 1, 2, 0], 0.0),
    ):
        _, classes = judge(named, shown, images, np.array(labels))
        assert classes == {"layer": "4", "name": "classes", "accuracy": right}


def test_images_of_unknown_class_are_left_out(network, shown):
    named = naming(network, ["decoder", "classes"])
    images = np.random.default_rng(0).random((4, 6))
    for labels, right in (([-1, 0, 2, -1], 0.5), ([-1, -1, -1, 2], 1.0), ([-1] * 4, None)):
        _, classes = judge(named, shown, images, np.array(labels))
        assert classes["accuracy"] == right


def test_what_has_no_name_or_not_an_images_size_has_no_figure(network, shown):
    images = np.random.default_rng(0).random((4, 6))
    found = judge(naming(network, None), shown, images, np.zeros(4, int))
    assert found == [{"layer": "3", "name": "unnamed"}, {"layer": "4", "name": "unnamed"}]
    _, small = judge(naming(network, ["classes", "decoder"]), shown, images, np.zeros(4, int))
    assert small == {"layer": "4", "name": "decoder"}  # three neurons are no image of six pixels
