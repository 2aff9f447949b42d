"""Plans of cores for networks of any kinds."""

import numpy as np

import ipvae
from ipvae.network.connections import Connection, Convolution
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

CUBA = CubaNeuron(20, 4096, 512)


def test_neurons_that_no_kernel_reaches_are_placed_and_send_nothing_onward():
    """Stride 2 with a kernel of 1: the last row and column of layer 1 have no receivers."""
    one = np.ones((1, 1, 1, 1), int)
    layers = (
        Layer("1", CUBA, (Connection("0", Convolution(one, (1, 4, 4))),)),
        Layer("2", CUBA, (Connection("1", Convolution(one, (1, 4, 4), stride=(2, 2))),)),
    )
    network = Network(Input((1, 4, 4)), layers)
    plan = ipvae.place(network, target="loihi2")
    images = np.ones((2, 1, 4, 4), np.int16)
    of_run = ipvae.place(network, target="loihi2", run=ipvae.run(network, images, steps=3))
    assert plan.cores == of_run.cores == 2
