"""Numbers of lava-dl networks at the ends of their ranges, and one past them."""

import numpy as np
import pytest

from ipvae.errors import DescriptionError, FormatError
from ipvae.network.connections import Connection, Convolution, Dense, require_chip_weights
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.kinds import (
    ACCUMULATOR,
    CubaNeuron,
    DeltaNeuron,
    SigmaDeltaNeuron,
    SigmaNeuron,
)
from ipvae.network.network import Input, Layer, Network

CUBA, SIGMA_DELTA = CubaNeuron(10, 1, 1), SigmaDeltaNeuron(3)


def layer(name, shape, neuron, source="0", **more):
    return Layer(name, neuron, (Connection(source, Dense(np.ones(shape, int))),), **more)


def bias(neuron):
    """Function of a number that makes a layer of one neuron with this bias."""
    return lambda n: layer("1", (1, 1), neuron, bias=np.array([n]))


def conv(**parts):
    weight = np.ones((2, 3, 2, 2), int)
    return Convolution(weight, (3, 200, 200), **parts)


RANGES = {
    "threshold of CUBA": (lambda n: CubaNeuron(n, 1, 1), 0, 2**18),
    "decay of the current": (lambda n: CubaNeuron(1, n, 1), 0, 4096),
    "decay of the voltage": (lambda n: CubaNeuron(1, 1, n), 0, 4096),
    "threshold of sigma-delta": (SigmaDeltaNeuron, 0, 2047),
    "threshold of delta": (DeltaNeuron, 0, 2047),
    "bias of CUBA": (bias(CUBA), -4096, 4095),
    "bias of sigma-delta": (bias(SIGMA_DELTA), -2047, 2047),
    "stride of rows": (lambda n: conv(stride=(n, 1)), 1, 127),
    "stride of columns": (lambda n: conv(stride=(1, n)), 1, 127),
    "padding of rows": (lambda n: conv(padding=(n, 0)), 0, 63),
    "padding of columns": (lambda n: conv(padding=(0, n)), 0, 63),
    "dilation, a span of 127": (lambda n: conv(dilation=(n, 1)), 1, 126),
    "neurons": (lambda n: Input((n,)), 1, 2**24),
}


@pytest.mark.parametrize("name", RANGES)
def test_numbers_reach_the_ends_of_their_ranges(name):
    make, low, high = RANGES[name]
    for right in (low, high):
        make(right)
    for wrong in (low - 1, high + 1):
        with pytest.raises(DescriptionError, match=r"allowed"):
            make(wrong)


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        ([-128, 127], True),
        ([-129, 127], False),
        ([-128, 128], True),
        ([-127, 128], False),
        ([-256, 254], True),
        ([-258, 254], False),
        ([-256, 256], False),
        ([-255, 1], False),
        ([0, 255], True),
        ([0, 256], False),
        ([1, 255], True),
        ([-255, 0], True),
        ([-255, -1], True),
        ([-256, -1], False),
        ([-256, 0], True),
        ([-1, 255], False),
        ([0, 0], True),
    ],
)
def test_weights_that_a_synapse_of_8_bits_holds(weights, fits):
    """-128..127; even in -256..254; of one sign below 256 in size."""
    if fits:
        require_chip_weights(np.array(weights))
    else:
        with pytest.raises(DescriptionError, match=f"holds {min(weights)}"):
            require_chip_weights(np.array(weights))


def test_shapes_of_a_convolution_by_hand():
    """Rows: 11 + 2 * 2 - 3 (2 apart: 5) = 10, every third: 4. Columns: 7 - 2 = 5, all: 6."""
    weight = np.ones((4, 1, 3, 2), int)
    layer = Convolution(weight, (2, 11, 7), (3, 1), (2, 0), (2, 1), groups=2)
    assert (layer.span(0), layer.span(1)) == (5, 2)
    assert layer.shape == (4, 4, 6) and layer.n_in == 2 * 11 * 7
    with pytest.raises(DescriptionError, match=r"kernel spans 5 in height, allowed up to 4"):
        Convolution(weight, (2, 4, 7), dilation=(2, 1), groups=2)
    assert Convolution(weight, (2, 5, 2), dilation=(2, 1), groups=2).shape == (4, 1, 1)


@pytest.mark.parametrize(("neuron", "of_input"), [(CUBA, 6), (None, 0)])
def test_neurons_and_layers_of_a_network_are_counted(neuron, of_input):
    layers = (layer("1", (5, 6), CUBA), layer("2", (2, 5), ACCUMULATOR, "1"))
    network = Network(Input((1, 2, 3), neuron), layers)
    assert (network.schedule.depth, network.n_neurons) == (2, of_input + 7)
    assert not network.schedule.free_running


def test_sums_are_sent_by_the_last_layer_alone(plain_nets, tmp_path):
    """lava-dl has no sums within a network; the description has them anywhere."""
    sums = layer("1", (2, 2), SigmaNeuron())
    assert Network(Input((2,)), (sums, layer("2", (2, 2), CUBA, "1"))).schedule.free_running
    p = plain_nets
    layers = [p.entry((2,)), *(p.dense(np.eye(2), p.sdnn(sigma_output=True)) for _ in range(2))]
    with pytest.raises(FormatError, match="layer 1: sigma_output, allowed in the last layer"):
        read_plain(p.write(tmp_path / "x.net", layers))


def test_an_accumulator_never_spikes_and_forgets_its_voltage():
    """Its threshold of 2^17 is 2^23 of the potential, which stays below."""
    assert (ACCUMULATOR.threshold, ACCUMULATOR.current_decay) == (2**17, 0)
    assert ACCUMULATOR.threshold << 6 == 2**23 and ACCUMULATOR.voltage_decay == 4096
