"""Poisson and graded neurons as kinds: parameters, what a network of them may be, drives."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, Drive
from ipvae.network.kinds import CubaNeuron, GradedNeuron, PoissonNeuron
from ipvae.network.network import Input, Layer, Network, Pixels
from ipvae.network.rules.network_drive import layer_drive

POISSON = PoissonNeuron(-8192, 8192)
SHAPE = (2, 5, 4)


def layer(**parts):
    given = {"neuron": POISSON, "connections": (), "drive": Drive(Dense(np.ones((3, 40), int)))}
    return Layer("1", **{**given, **parts})


def network(*layers, **parts):
    entry = {"shape": SHAPE, "graded": True, "pixels": Pixels(-9, 9), **parts}
    return Network(Input(**entry), layers)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PoissonNeuron(1, 5), "u_min = 1 is outside -49152..0"),
        (lambda: PoissonNeuron(-5, 5, u_init=np.array([1, 6])), "u_init = 6 is outside -5..5"),
        (lambda: PoissonNeuron(-5, 5, self_weight=np.array([-1])), "self_weight = -1"),
        (lambda: PoissonNeuron(-5, 5, u_init=1.5), "u_init: found .* allowed an integer"),
        (lambda: PoissonNeuron(-5, 5, u_init=np.array([2**40])), "allowed 32 bits"),
        (lambda: PoissonNeuron(-5, 5, memory=False, self_weight=3), "self_weight without memory"),
        (lambda: PoissonNeuron(-5, 5, ceiling=True), "ceiling with frac_bits = 12, allowed 16"),
        (lambda: PoissonNeuron(-5, 5, sign=0), "sign = 0, allowed are 1 and -1"),
        (lambda: PoissonNeuron(-5, 5, key_layer=0), "key_layer is 0, allowed 1..65535"),
        (lambda: PoissonNeuron(-5, 5, payload_bits=24), "payload_bits = 24"),
        (lambda: GradedNeuron(1, 5), "z_min = 1 is outside"),
        (
            lambda: GradedNeuron(-5, 5, activation="tanh"),
            "activation 'tanh', allowed linear, swish",
        ),
        (lambda: GradedNeuron(-5, 5, unit=0.0), "unit 0.0 is not a positive number"),
        (lambda: Drive(Dense(np.ones((1, 1), int)), 15), "exponent is 15, allowed -24..14"),
        (lambda: Drive(Dense(np.full((1, 1), 2**15))), "weight is 32768, allowed -32768..32767"),
        (lambda: Connection("1", Dense(np.full((1, 1), 300))), "allowed in the chip's 8 bits"),
        (lambda: layer(neuron=CubaNeuron(1, 1, 1)), "layer 1: CUBA neurons have no drive"),
        (lambda: layer(drive=None), "found no connection, allowed one or more"),
        (
            lambda: layer(neuron=replace(POISSON, u_init=np.zeros(2, int))),
            r"u_init has shape \(2,\)",
        ),
        (lambda: layer(bias=np.array([0, 2**21, 0])), "bias is 2097152"),
        (lambda: Pixels(3, 3), "range 3..3 is empty"),
        (lambda: Pixels(0, 3, -1.0), "scale -1.0"),
        (lambda: Input((3,), pixels=Pixels(0, 255)), "a limit of the pixels is 255, allowed 0..1"),
        (lambda: network(layer(drive=Drive(Dense(np.ones((3, 39), int))))), "receives 39 pixels"),
        (
            lambda: network(layer(), replace(layer(), id="2")),
            r"key_layer holds \[1, 1\]; each layer of Poisson neurons needs its own",
        ),
        (
            lambda: network(layer(drive=Drive(Convolution(np.ones((1, 4, 1, 1), int), (4, 5, 2))))),
            r"receives 40 pixels as \(4, 5, 2\), the input has the shape \(2, 5, 4\)",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make, words):
    with pytest.raises(DescriptionError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


def test_kinds_are_equal_by_their_parameters():
    one, other = (PoissonNeuron(-5, 5, u_init=np.array([1, n])) for n in (2, 3))
    assert one == replace(one) and hash(one) == hash(replace(one))
    assert one not in (other, POISSON, GradedNeuron(-5, 5))


def test_a_network_has_rows_0_to_t_if_a_layer_is_poisson_or_graded():
    cuba = Layer("1", CubaNeuron(1, 1, 1), (Connection("0", Dense(np.ones((3, 40), int))),))
    mixed = network(cuba, replace(layer(), id="2"))
    alone = network(cuba)
    assert (mixed.rows(7), alone.rows(7)) == (8, 7)
    assert mixed.draws and mixed.sends_input and not network(layer()).sends_input
    assert mixed.schedule.phase == {"0": 0, "1": 1, "2": 0}


def test_parameters_of_maps_are_those_of_their_neurons():
    weights = Convolution(np.ones((3, 2, 2, 2), int), SHAPE)
    each = np.array([4, -5, 6])
    whole = layer(neuron=replace(POISSON, u_init=each), drive=Drive(weights))
    assert whole.shape == (3, 4, 3)
    start = whole.neuron.start(whole.n_neurons)["u"]
    np.testing.assert_array_equal(start.reshape(3, -1), np.repeat(each[:, None], 12, axis=1))


@pytest.mark.parametrize("exponent", [-9, -2, 0, 14])
@pytest.mark.parametrize("groups", [1, 2])
def test_drives_are_shifted_sums_of_16_bit_weights(network_oracle, exponent, groups):
    """Of each kind of weights, against products with the whole matrix in integers."""
    rng = np.random.default_rng([exponent % 16, groups])
    kernel = rng.integers(-(2**15), 2**15, (4, 2 // groups, 3, 2))
    conv = Convolution(kernel, SHAPE, (2, 1), (1, 2), (1, 2), groups)
    dense = Dense(rng.integers(-(2**15), 2**15, (7, 40)))
    frames = rng.integers(-(2**15), 2**15, (3, 2, 40))
    clipped = 0
    for weights in (conv, dense, Diagonal(rng.integers(-(2**15), 2**15, 40))):
        bias = rng.integers(-(2**20), 2**20, weights.shape[0])
        own = layer(drive=Drive(weights, exponent), bias=bias)
        p = frames @ network_oracle.matrix(weights).T
        q = p << exponent if exponent >= 0 else p >> -exponent
        expected = np.clip(q + own.biases, 1 - 2**21, 2**21 - 1)
        clipped += (np.abs(expected) == 2**21 - 1).sum()
        np.testing.assert_array_equal(layer_drive(own, frames), expected)
    assert clipped or exponent < -2
