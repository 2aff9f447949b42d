"""Networks of LIF neurons for docs/vectors/networks/: every reset, place of the bias and limit."""

import numpy as np

from ipvae.network.connections import Connection, Convolution, Dense
from ipvae.network.kinds import LifNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels

ROWS = 24
Made = tuple[Network, np.ndarray]
Random = np.random.Generator


def resets(rng: Random) -> Made:
    """Both resets, in the row of a spike and in the next; decays of each neuron; a loop."""
    weights = [rng.integers(-60, 110, (3, 3)).astype(np.int16) for _ in range(4)]
    decays = np.array([0, 700, 4096], np.int32)
    layers = (
        Layer(
            "1",
            LifNeuron(400, 300, decays, 300, 2, 3, "subtract", False, 3),
            (Connection("0", Dense(weights[0])),),
            rng.integers(-9, 20, 3),
        ),
        Layer(
            "2",
            LifNeuron(600, 500, 4096, decays[::-1].copy(), 1, 0, "zero", True, 1, True),
            (Connection("1", Dense(weights[1]), delay=1),),
            rng.integers(-9, 60, 3),
        ),
        Layer(
            "3",
            LifNeuron(100, 100, 4095, 0, 0, 1, "subtract", True, 15),
            (Connection("1", Dense(weights[2])), Connection("3", Dense(weights[3]), -2, 2)),
            rng.integers(-30, 30, 3),
        ),
        Layer(
            "4",
            LifNeuron(900, 0, 2048, 1, 3, 2, "zero", False, 1, True),
            (Connection("2", Dense(weights[1])), Connection("3", Dense(weights[0]), -1)),
            rng.integers(-9, 9, 3),
        ),
    )
    return Network(Input((3,)), layers), rng.integers(0, 2, (1, ROWS, 3)).astype(np.int16)


def limits(rng: Random) -> Made:
    """Currents and voltages at their limits, voltages at the threshold, and amounts beyond it."""
    weights = np.array([[250, 250], [-250, -250], [250, -250]], np.int16)
    given = Connection("0", Dense(weights), 7)
    layers = (
        Layer("1", LifNeuron(2**22, 2**22, 0, 0, 12, 12), (given,), np.array([4095, -4096, 0])),
        Layer("2", LifNeuron(1, 2**22, 4096, 4096, 2, 0, "subtract", False, 15), (given,)),
        Layer("3", LifNeuron(1, 2**22, 4096, 4096, 2, 0, "subtract", True, 15), (given,)),
        Layer(
            "4",
            LifNeuron(100, 100, 4096, 0, 0, 0, "subtract", False, 2),
            (Connection("0", Dense(np.array([[50, 0], [1, 25]], np.int16))),),
        ),
    )
    images = rng.integers(-3, 4, (1, ROWS, 2)).astype(np.int16)
    images[0, 1 : ROWS // 2] = images[0, 0]
    return Network(Input((2,), graded=True, pixels=Pixels(-3, 3)), layers), images


def maps(rng: Random) -> Made:
    """Convolutions from spikes and from several spikes, with decays and biases of each channel."""
    first = Convolution(
        rng.integers(-20, 60, (2, 1, 2, 2)).astype(np.int16), (1, 3, 4), padding=(1, 0)
    )
    again = Convolution(rng.integers(-20, 40, (2, 2, 2, 1)).astype(np.int16), first.shape, (2, 1))
    decays = np.array([100, 2000], np.int32)
    layers = (
        Layer(
            "1",
            LifNeuron(300, 300, 4096, decays, 3, 4, most=4),
            (Connection("0", first),),
            np.array([3, -4]),
        ),
        Layer("2", LifNeuron(500, 500, decays, 50, 3, 6, "zero"), (Connection("1", again, 1, 3),)),
    )
    return Network(Input((1, 3, 4)), layers), rng.integers(0, 2, (1, ROWS, 12)).astype(np.int16)
