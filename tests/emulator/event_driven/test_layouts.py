"""Connections between layers of other shapes, whose neurons lie in another order in memory."""

import numpy as np
import pytest

import ipvae
from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network

RNG = np.random.default_rng(4)
FIRST = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def numbers_of_every_test_are_its_own():
    """The same numbers in any order of the tests and on any worker."""
    RNG.bit_generator.state = FIRST


CUBA, CHANGES = CubaNeuron(20, 700, 333), SigmaDeltaNeuron(1, "identity")


def dense(n_out, n_in):
    return Dense(RNG.integers(-40, 60, (n_out, n_in)))


def diagonal(n):
    return Diagonal(RNG.integers(-20, 90, n))


def conv(shape, kernel, **options):
    return Convolution(RNG.integers(-9, 60, kernel), shape, **options)


def chain(*layers):
    """Layers 1, 2, ...; each a list of (source, weights)."""
    return tuple(
        Layer(str(i), CUBA, tuple(Connection(source, weights) for source, weights in given))
        for i, given in enumerate(layers, 1)
    )


NETWORKS = {
    "diagonal from images to a flat layer": (Input((2, 4, 2)), chain([("0", diagonal(16))])),
    "diagonal from one channel": (Input((1, 5, 4)), chain([("0", diagonal(20))])),
    "diagonal from a convolution": (
        Input((2, 4, 2)),
        chain([("0", conv((2, 4, 2), (3, 2, 1, 1)))], [("1", diagonal(24))]),
    ),
    "diagonal into a layer of images": (
        Input((2, 4, 2)),
        chain([("0", conv((2, 4, 2), (2, 2, 1, 1))), ("0", diagonal(16)), ("0", dense(16, 16))]),
    ),
    "convolution of a flat input": (
        Input((36,)),
        chain([("0", conv((4, 3, 3), (6, 2, 2, 2), groups=2))]),
    ),
    "convolutions of a flat layer": (
        Input((16,)),
        chain(
            [("0", dense(18, 16))],
            [("1", conv((2, 3, 3), (3, 2, 2, 2)))],
            [("1", conv((2, 3, 3), (5, 2, 1, 3), padding=(1, 2))), ("1", dense(125, 18))],
            [("1", diagonal(18)), ("1", dense(18, 18))],
            [("4", dense(7, 18))],
        ),
    ),
    "changes": (
        Input((2, 4, 2), DeltaNeuron(1)),
        (
            Layer("1", CHANGES, (Connection("0", diagonal(16)),)),
            Layer("2", CHANGES, (Connection("1", conv((4, 2, 2), (3, 4, 2, 1))),)),
            Layer("3", CHANGES, (Connection("2", diagonal(6), delay=2),)),
        ),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_the_oracle(network_oracle, name):
    network = Network(*NETWORKS[name])
    rng = np.random.default_rng(0)
    most = 2 if network.input.neuron is None else 300
    images = rng.integers(0, most, (3, 8, network.input.size)).astype(np.int32)
    trace = ipvae.run(network, images, steps=8, record="all").trace
    assert trace is not None
    for sample in trace.samples:
        expected = network_oracle.simulate(network, sample["0"]["z"])
        for layer in network.layers:
            for variable, values in expected[layer.id].items():
                found = sample[layer.id][variable]
                np.testing.assert_array_equal(found, values[-8:], f"{layer.id} {variable}")
            assert sample[layer.id]["z"].any()


def test_two_shapes_of_one_flat_layer_are_refused():
    layers = chain(
        [("0", dense(18, 16))],
        [("1", conv((2, 3, 3), (3, 2, 2, 2)))],
        [("1", conv((1, 6, 3), (3, 1, 2, 2)))],
    )
    message = (
        r"layer 3: its convolution receives \(1, 6, 3\), layer 1 is received by other "
        r"convolutions as \(2, 3, 3\)\."
    )
    with pytest.raises(DescriptionError, match=message):
        Network(Input((16,)), layers)
