# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportPossiblyUnboundVariable=false
"""LIF neurons with a choice of reset: a plain loop written from the page, emulator, Lava, file."""

import numpy as np
import pytest

import ipvae
from ipvae.errors import DescriptionError
from ipvae.network.connections import Connection, Convolution, Dense
from ipvae.network.kinds import CubaNeuron, LifNeuron
from ipvae.network.network import Input, Layer, Network

MOST = 2**23 - 1
OPTIONS = [
    {},
    {"reset": "zero"},
    {"next_row": True},
    {"reset": "zero", "next_row": True, "bias_to_current": True},
    {"most": 15, "shift": 4, "bias_shift": 2},
    {"shift": 12, "bias_shift": 12},
    {"most": 2, "next_row": True, "bias_to_current": True},
]
STEPS = 25


def decay(x, d):
    """Section decay of docs/spec/neurons/cuba.md, on one number."""
    p = x * (4096 - d)
    return p >> 12 if p >= 0 else (p + 4095) >> 12


def clip(x, low=-MOST, high=MOST):
    return min(max(x, low), high)


def rows(neuron, a_in, bias, di, dv):
    """Variables of one neuron: lists current, voltage, last, z."""
    current = voltage = last = 0
    found = []

    def reset(v, n):
        if neuron.reset == "zero":
            return 0 if n > 0 else v
        return v - n * neuron.amount

    for a in a_in:
        current = decay(current, di) + (a << neuron.shift)
        current = clip(current + ((bias << neuron.bias_shift) if neuron.bias_to_current else 0))
        voltage = decay(voltage, dv) + current
        voltage += 0 if neuron.bias_to_current else (bias << neuron.bias_shift)
        if neuron.next_row:
            voltage = reset(voltage, last)
        voltage = clip(voltage)
        z = clip(voltage // neuron.threshold, 0, neuron.most)
        if not neuron.next_row:
            voltage = clip(reset(voltage, z))
        last = z
        found.append((current, voltage, last, z))
    return np.array(found)


def network(seed, **options):
    """A convolution into LIF neurons with decays of each, a loop of counting ones, CUBA ones."""
    rng = np.random.default_rng(seed)
    kernels = rng.integers(-60, 90, (4, 1, 3, 3))
    decays = rng.integers(0, 4097, 4), rng.integers(0, 4097, 144)
    scale = 2.0 ** (6 - options.get("shift", 6))
    first = Layer(
        "1",
        LifNeuron(int(9000 / scale), int(8900 / scale), *decays, **options),
        (Connection("0", Convolution(kernels, (1, 8, 8))),),
        bias=rng.integers(-40, 60, 4),
    )
    dense, loop = rng.integers(-20, 40, (10, 144)), rng.integers(-100, 40, (10, 10))
    second = Layer(
        "2",
        LifNeuron(6000, 6000, 4096, 300, most=3),
        (Connection("1", Dense(dense)), Connection("2", Dense(loop), delay=1)),
    )
    last = Connection("2", Dense(rng.integers(-20, 60, (3, 10))), exponent=1)
    network = Network(
        Input((1, 8, 8)), (first, second, Layer("3", CubaNeuron(40, 4096, 400), (last,)))
    )
    return network, rng.integers(0, 2, (3, STEPS, 1, 8, 8))


@pytest.mark.parametrize("seed", range(len(OPTIONS)))
def test_emulator_computes_the_written_rows(seed):
    made, images = network(seed, **OPTIONS[seed])
    trace = ipvae.run(made, images, steps=STEPS, record="all").trace
    sent = trace.stacked("1", "z")
    assert 0.02 < (sent > 0).mean() < 0.95
    for layer in made.layers[:2]:
        a_in, n = trace.stacked(layer.id, "a_in"), layer.n_neurons
        each = layer.neuron.neuron_constants(layer.biases)
        di, dv = (4096 - each[name] for name in ("current_keep", "voltage_keep"))
        for k in range(0, n, 7):
            bias = int(layer.biases[k])
            wanted = rows(layer.neuron, a_in[0, :, k].tolist(), bias, int(di[k]), int(dv[k]))
            for name, column in zip(("current", "voltage", "last", "z"), wanted.T, strict=True):
                np.testing.assert_array_equal(trace.stacked(layer.id, name)[0, :, k], column)


@pytest.mark.lava
@pytest.mark.parametrize("seed", range(len(OPTIONS)))
def test_lava_computes_the_same_bits(seed):
    made, images = network(seed, **OPTIONS[seed])
    verified = ipvae.verify(made, images, steps=STEPS, backends=("emulator", "lava"))
    assert verified.bit_exact, verified.first_divergence
    assert {"1/current", "1/voltage", "2/last"} <= set(verified.variables)


@pytest.mark.lava
def test_lava_restarts_the_neurons_between_images():
    made, images = network(2, next_row=True)
    plain = Network(made.input, made.layers[:1])  # without delays all images run in one build
    verified = ipvae.verify(plain, images, steps=STEPS, backends=("emulator", "lava"))
    assert verified.bit_exact, verified.first_divergence


@pytest.mark.parametrize("seed", range(len(OPTIONS)))
def test_file_keeps_the_parameters(seed, tmp_path):
    made, _ = network(seed, **OPTIONS[seed])
    made.save(tmp_path / "net.h5")
    again = ipvae.load_network(tmp_path / "net.h5")
    assert [layer.neuron for layer in again.layers] == [layer.neuron for layer in made.layers]
    assert ipvae.diff(made, again).same


def test_check_and_counts_know_the_kind():
    made, images = network(0)
    assert ipvae.check(made).ok
    counts = ipvae.count_operations(made, ipvae.run(made, images, steps=STEPS))
    assert counts.synaptic_ops > 0
    assert "reset subtract" in made.layers[0].neuron.text()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"threshold": 0}, "threshold is 0, allowed 1..4194304"),
        ({"amount": -1}, "amount is -1"),
        ({"current_decay": 4097}, "iDecays is 4097, allowed 0..4096"),
        ({"voltage_decay": np.array([0, -1])}, "vDecays is -1"),
        ({"most": 16}, "mostSpikes is 16, allowed 1..15"),
        ({"shift": 13}, "shift is 13, allowed 0..12"),
        ({"bias_shift": -1}, "biasShift is -1, allowed 0..12"),
        ({"reset": "half"}, "reset: found 'half', allowed zero and subtract"),
    ],
)
def test_parameters_outside_their_range_are_refused(values, text):
    usual = {"threshold": 100, "amount": 100, "current_decay": 0, "voltage_decay": 0}
    with pytest.raises(DescriptionError, match=text.replace("(", r"\(")):
        LifNeuron(**{**usual, **values})


def test_decays_fit_the_layer():
    neuron = LifNeuron(100, 100, np.arange(5), 0)
    with pytest.raises(DescriptionError, match="iDecays has shape"):
        Layer("1", neuron, (Connection("0", Dense(np.ones((3, 4), np.int16))),))
