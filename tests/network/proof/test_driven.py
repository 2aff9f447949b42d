"""Ranges of Poisson and graded layers of a `Network`."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.errors import DescriptionError, UnprovedOverflowError
from ipvae.network.connections import Connection, Convolution, Dense, Drive
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.kinds import GradedNeuron, PoissonNeuron, SigmaNeuron
from ipvae.network.network import Input, Layer, Network, Pixels
from ipvae.network.proof.bounds import bounds
from ipvae.network.proof.driven import driven_bounds
from ipvae.network.proof.kind_intervals import kind_bounds, proved_rows

POISSON = PoissonNeuron(-8192, 8192, payload_bits=8)


def by_name(found):
    return {(b.layer, b.variable): replace(b, layer="", variable="") for b in found}


def test_bounds_are_those_of_the_same_integer_network(kinds, network_kind):
    """In every interval and range, but for sums whose partial sums reach further."""
    network = kinds.networks(1)[network_kind]
    old, new = by_name(bounds(network)), by_name(kind_bounds(as_network(network)))
    partial = {name for name in old if name[1] == "partial a_in"}
    sums = {name for name in new if name[1].startswith("sum from")}
    assert old.keys() - partial == new.keys() - sums
    for name in old.keys() - partial:
        assert new[name] == old[name], name
    for layer, _ in partial:
        (found,) = [new[name] for name in sums if name[0] == layer]
        whole = old[layer, "partial a_in"]
        assert (found.low, found.high) == (whole.low, whole.high)
    assert set(proved_rows(as_network(network)).values()) == {None}


def code(weights, exponent=0, neuron=POISSON, source="1"):
    drive = Drive(Dense(np.zeros((weights.n_out, 1), int)))
    connection = Connection(source, weights, exponent, delay=1)
    return Network(
        Input((1,), graded=True, pixels=Pixels(0, 9)),
        (Layer("1", neuron, (connection,), drive=drive),),
    )


@pytest.mark.parametrize(
    ("weights", "exponent", "words"),
    [
        (Dense(np.full((300, 300), 127)), 0, "layer 1: a_in can reach 9715500, allowed 8388607"),
        (Dense(np.full((9, 9), -100)), 6, "layer 1: a_in can reach 14688000, allowed 8388607"),
        (
            Convolution(np.full((9, 9, 9, 9), 127), (9, 16, 16), padding=(4, 4)),
            -8,
            "layer 1: sum from 1 can reach 23608665, allowed 8388607",
        ),
    ],
)
def test_networks_that_may_leave_their_ranges_do_not_run(weights, exponent, words):
    network = code(weights, exponent)
    with pytest.raises(UnprovedOverflowError, match=words):
        NetworkEmulator(network)
    assert proved_rows(network) == {"1": 0}


def test_border_neurons_of_a_convolution_may_receive_fewer_pixels():
    """With pixels of 5..9 the sum of four is 20 or more, at the border 5 or more."""
    weights = Convolution(np.ones((1, 1, 2, 2), int), (1, 3, 3), padding=(1, 1))
    own = Layer("1", POISSON, (), drive=Drive(weights))
    network = Network(Input((1, 3, 3), graded=True, pixels=Pixels(5, 9)), (own,))
    found = {b.variable: (b.low, b.high) for b in driven_bounds(network, "1")}
    assert found["b"] == (0, 36)


def test_other_layers_are_bounded_by_what_counts_and_outputs_can_be():
    graded = GradedNeuron(-7, 3)
    first = Layer("1", graded, (), drive=Drive(Dense(np.ones((2, 1), int))))
    last = Layer("2", SigmaNeuron(), (Connection("1", Dense(np.array([[5, -2]]))),))
    network = Network(Input((1,), graded=True, pixels=Pixels(0, 9)), (first, last))
    (a_in,) = [b for b in kind_bounds(network, rows=4) if (b.layer, b.variable) == ("2", "a_in")]
    assert (a_in.low, a_in.high) == (-41, 29)


def maps_of(bias, u_init, own, side):
    """Three maps that a convolution drives and that inhibit one another."""
    rng = np.random.default_rng(9)
    seen = Convolution(rng.integers(-99, 99, (3, 1, 3, 3)), (1, side, side), padding=(1, 1))
    loop = Convolution(rng.integers(-30, 60, (3, 3, 3, 3)), seen.shape, padding=(1, 1))
    neuron = PoissonNeuron(-8192, 8192, u_init=u_init, self_weight=own, payload_bits=8)
    layer = Layer("1", neuron, (Connection("1", loop, delay=1),), bias, drive=Drive(seen, -2))
    return Network(Input((1, side, side), graded=True, pixels=Pixels(-9, 90)), (layer,))


def test_bounds_of_maps_are_those_of_all_their_neurons():
    numbers = np.array([-4, 900, 7]), np.array([-4096, 0, 99]), np.array([0, 55, 4000])
    by_map = maps_of(*numbers, side=6)
    by_neuron = maps_of(*(np.repeat(values, 36) for values in numbers), side=6)
    assert driven_bounds(by_map, "1") == driven_bounds(by_neuron, "1")
    assert any(bound.low < -4000 for bound in driven_bounds(by_map, "1"))


@pytest.mark.parametrize("each", [False, True])
def test_a_layer_of_more_than_65536_neurons_is_proved_and_runs(each):
    numbers = np.array([-4, 900, 7]), np.array([-4096, 0, 99]), np.array([0, 55, 4000])
    if each:
        numbers = tuple(np.repeat(values, 160**2) for values in numbers)
    network = maps_of(*numbers, side=160)
    assert network.n_neurons == 76800
    assert all(bound.holds for bound in driven_bounds(network, "1"))
    totals = NetworkEmulator(network).totals(np.full((1, 1, 160**2), 40, np.int32), 3)
    assert 0 < totals.layers["1"].messages.sum() < 3 * 76800


@pytest.mark.parametrize("name", ["u_init", "self_weight"])
def test_values_of_neurons_are_checked_at_both_ends(name):
    for values in ([0, 1, 2**22], [0, -(2**22), 1]):
        with pytest.raises(DescriptionError, match=name):
            replace(POISSON, **{name: np.array(values)})
