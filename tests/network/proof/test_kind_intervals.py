"""Ranges of CUBA and sigma-delta neurons: adversaries stay inside, and reach their ends."""

import numpy as np
import pytest

from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.kinds import CubaNeuron, DeltaNeuron, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.kinds.integers import Neurons
from ipvae.network.network import Input, Layer, Network
from ipvae.network.proof.kind_intervals import kind_bounds, proved_rows, wrapping_neurons

TOP = 2**23
SPIKES = Input((4,))
GRADED = Input((4,), graded=True)


def one_layer(kind, weight, *, graded=False, exponent=0, bias=None):
    connection = Connection("0", Dense(np.asarray(weight, np.int16)), exponent=exponent)
    bias = None if bias is None else np.asarray(bias, np.int32)
    entry = Input((np.shape(weight)[1],), graded=graded)
    return Network(entry, (Layer("1", kind, (connection,), bias),))


def named(network, rows=None, layer="1"):
    return {b.variable: b for b in kind_bounds(network, rows) if b.layer == layer}


def ends(bound):
    return bound.low, bound.high


def test_synaptic_input_is_the_sum_of_weights_over_connections():
    dense, diagonal = Dense(np.array([[3, -5], [7, 1]], np.int16)), Diagonal(np.array([9, -2]))
    layers = (
        Layer("1", CubaNeuron(1, 4096, 0), (Connection("0", dense, exponent=2),)),
        Layer(
            "2",
            CubaNeuron(1, 4096, 0),
            (Connection("1", diagonal, exponent=-1), Connection("0", dense)),
        ),
    )
    network = Network(Input((2,)), layers)
    assert ends(named(network)["a_in"]) == (-20, 32)
    # [-5, 3] + [0, 4], and [0, 8] + [-1, 0]
    assert ends(named(network, layer="2")["a_in"]) == (-5, 8)
    graded = Network(Input((2,), graded=True), layers[:1])
    assert ends(named(graded)["a_in"]) == (4 * -8 * 2**15, 4 * (8 * 2**15 - 3))


def test_synaptic_input_of_a_convolution_is_the_sum_of_its_channel():
    kernel = np.arange(-4, 12).reshape(2, 2, 2, 2).astype(np.int16)
    weights = Convolution(kernel, (2, 4, 5), padding=(1, 1))
    layer = Layer("1", CubaNeuron(1, 4096, 0), (Connection("0", weights),), np.array([7, -9]))
    network = Network(Input((2, 4, 5)), (layer,))
    found = named(network)
    assert ends(found["a_in"]) == (-10, 60)
    assert ends(found["voltage_sum"]) == (-TOP + 1 - 9 * 64, TOP - 1 + 60 * 64 - 9 * 64)


@pytest.mark.parametrize("weights", [(127, 127), (-128, -127), (127, -128)])
@pytest.mark.parametrize("decay", [3, 50, 1024, 4096])
def test_adversaries_stay_inside_and_reach_the_ends_without_a_wrap(weights, decay):
    kind = CubaNeuron(2**18, decay, 4096)
    network = one_layer(kind, [weights] * 3)
    found = named(network)
    assert all(b.holds for b in found.values())
    reached = adversary(kind, found["a_in"], rows=min(12 * 4096 // decay, 2600))
    low, high = ends(found["current_sum"])
    assert low <= reached.min() and reached.max() <= high
    if wrapping_neurons(network)["1"] == 0:
        assert high - reached.max() <= 4096 // decay * 64 + 64
        assert reached.min() - low <= 4096 // decay * 64 + 64
    else:
        assert np.abs(reached).max() > TOP
        assert wrapping_neurons(network)["1"] == 3


def adversary(kind, a_in, rows):
    """Currents before they wrap, with the input at one end, at the other, and in between."""
    rng = np.random.default_rng(3)
    columns = np.stack(
        [
            np.full(rows, a_in.low),
            np.full(rows, a_in.high),
            np.where(np.arange(rows) < rows // 2, a_in.low, a_in.high),
            *rng.choice([a_in.low, a_in.high], (9, rows)),
            *rng.integers(a_in.low, a_in.high + 1, (9, rows)),
        ],
        axis=1,
    )
    n = columns.shape[1]
    bias = kind.neuron_constants(np.zeros(n, np.int32))
    neurons = Neurons(kind.program(), n, {**kind.constants(), **bias})
    seen = []
    for row in columns:
        neurons.step(row)
        seen.append(neurons.values["current_sum"])
    return np.array(seen)


@pytest.mark.parametrize(
    ("weight", "wraps"), [(2**17, 0), (2**17 + 1, 1), (-(2**17) + 1, 0), (-(2**17), 1)]
)
def test_a_wrap_is_reported_from_the_first_value_that_does(weight, wraps):
    """64 * 2^17 = 2^23 stays as it is, and -2^23 becomes 2^23."""
    parts = np.zeros((1, 1200), np.int16)
    magnitude, sign = abs(weight), np.sign(weight)
    parts[0, : magnitude // 127] = 127 * sign
    parts[0, magnitude // 127] = magnitude % 127 * sign
    network = one_layer(CubaNeuron(5, 4096, 0), parts)
    found = named(network)
    assert ends(found["a_in"]) == tuple(sorted((0, weight)))
    assert wrapping_neurons(network) == {"1": wraps}
    assert all(b.holds for b in found.values())
    assert proved_rows(network) == {"1": None}


def far(decay):
    """64 times the input reaches 2 * 2^24."""
    return one_layer(CubaNeuron(5, decay, 0), np.full((1, 4200), 125), bias=[0])


def test_a_current_that_one_wrap_does_not_bring_back_is_bounded_by_its_decay():
    found = named(far(4096))
    assert ends(found["current_sum"]) == (0, 4200 * 125 * 64)
    assert found["current"].high == 4200 * 125 * 64 - 2**24 > TOP
    reached = adversary(far(1024).by_id["1"].neuron, found["a_in"], 300)
    slow = named(far(1024))
    assert slow["current_sum"].low <= reached.min() <= reached.max() <= slow["current_sum"].high
    assert all(b.holds for b in slow.values())
    assert slow["current_sum"].high < 2**27


def test_a_current_without_decay_that_one_wrap_does_not_bring_back_has_no_bound():
    network = far(0)
    assert not named(network)["current_sum"].holds
    assert proved_rows(network) == {"1": 0}
    less = one_layer(CubaNeuron(5, 0, 0), np.full((1, 2097), 125))
    assert named(less)["a_in"].high <= 2**18
    assert ends(named(less)["current"]) == (1 - TOP, TOP)
    assert proved_rows(less) == {"1": None}


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_sums_of_sigma_delta_neurons_are_proved_for_a_number_of_rows(activation):
    kind = SigmaDeltaNeuron(3, activation)
    network = one_layer(kind, [[127] * 4, [-90, 5, 0, 1]], graded=True, bias=[2, -2])
    (rows,) = proved_rows(network).values()
    most = 4 * 127 * 2**15
    assert rows == (2**31 - 2 * 4096) // most
    for n, holds in ((rows, True), (rows + 1, False)):
        found = named(network, n)
        assert found["sigma"].low == -n * most
        assert all(b.holds for b in found.values() if b.variable != "z") is holds
    assert not named(network)["sigma"].holds
    inside(kind, named(network, rows), rows, np.array([2, -2]))


def inside(kind, found, rows, bias):
    """Every variable of runs with input at its ends lies in its bound."""
    rng = np.random.default_rng(5)
    n = 300
    biases = kind.neuron_constants(rng.choice(bias, n))
    neurons = Neurons(kind.program(), n, {**kind.constants(), **biases})
    ends_only = rng.random(n) < 0.5
    for _ in range(rows):
        low, high = ends(found["a_in"])
        at_ends = rng.choice([low, high, 0], n, p=[0.45, 0.45, 0.1])
        small = rng.integers(-20_000, 20_000, n).clip(low, high)
        neurons.step(np.where(ends_only, at_ends, small))
        for name, bound in found.items():
            values = neurons.values[name]
            assert bound.low <= values.min() and values.max() <= bound.high, name


def test_messages_of_sigma_delta_neurons_are_bounded_whatever_the_number_of_rows():
    """(2^15 + 8192 + 8191) >> 6 of one synapse: within 16 bits."""
    network = one_layer(SigmaDeltaNeuron(2), [[1]], graded=True, bias=[2])
    z = named(network)["z"]
    assert ends(z) == (-((2**15 + 8192 + 8191) // 64 + 1), (2**15 + 8192 + 8191) >> 6)
    assert z.holds and (z.allowed_low, z.allowed_high) == (-(2**15), 2**15 - 1)
    wide = one_layer(SigmaDeltaNeuron(2), [[127] * 4], graded=True)
    assert not named(wide)["z"].holds


def test_sigma_neurons_send_sums_that_are_proved_for_a_number_of_rows():
    network = one_layer(SigmaNeuron(), [[-1, 0]], graded=True)
    assert proved_rows(network) == {"1": 2**31 // 2**15 - 1}
    assert ends(named(network, 1)["z"]) == (1 - 2**15, 2**15)
    assert not named(network, 1)["z"].holds
    assert proved_rows(one_layer(SigmaNeuron(), [[0]], graded=True)) == {"1": None}


def test_input_neurons_are_bounded_for_any_image():
    layer = Layer("1", CubaNeuron(3, 4096, 0), (Connection("0", Diagonal(np.ones(4, np.int16))),))
    cuba = Network(Input((4,), CubaNeuron(100, 0, 64)), (layer,))
    found = named(cuba, layer="0")
    assert ends(found["a_in"]) == (0, 0)
    assert ends(found["voltage_sum"])[1] <= TOP + 2**18
    assert proved_rows(cuba) == {"0": None, "1": None} and wrapping_neurons(cuba)["0"] == 0
    delta = Network(Input((4,), DeltaNeuron(3)), (layer,))
    found = named(delta, layer="0")
    assert ends(found["v"]) == (-2047 << 12, 2047 << 12)
    assert proved_rows(delta)["0"] is None
    assert wrapping_neurons(delta).keys() == {"1"}
    inside(DeltaNeuron(3), found, 40, np.zeros(1, np.int32))


@pytest.mark.parametrize("rows", [0, 2**24 + 1])
def test_rows_outside_their_range_are_refused(rows):
    with pytest.raises(DescriptionError, match=r"rows is \d+, allowed 1..16777216"):
        kind_bounds(one_layer(SigmaNeuron(), [[1]]), rows)
