"""Networks of any kinds on the emulator against the oracle, in every variable of every row."""

import numpy as np
import pytest

from ipvae.emulator.event_driven import kinds
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.network.connections import Connection, Convolution, Dense, Diagonal
from ipvae.network.kinds import CubaNeuron, SigmaDeltaNeuron, SigmaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.traces.network_totals import record_totals

EVERYTHING = ("a_in", "current", "voltage", "sigma", "residue", "reference", "z")
FAMILIES = {"CUBA": ("CUBA",), "SDNN": ("SDNN",), "mixed": ("CUBA", "SDNN")}


def compared(oracle, network, samples, threads=1):
    """Records of the emulator, equal to the oracle's in every value."""
    frames = np.stack(samples)
    found = list(NetworkEmulator(network, threads).records(frames, frames.shape[1], EVERYTHING))
    for sample, record in zip(samples, found, strict=True):
        expected = oracle.simulate(network, sample)
        assert record.keys() - {"0"} == expected.keys()
        for layer, variables in expected.items():
            assert tuple(record[layer]) == network.by_id[layer].neuron.variables
            for name, values in record[layer].items():
                np.testing.assert_array_equal(values, variables[name], f"{layer}/{name}")
    return found


def assert_same_totals(totals, expected):
    for name in totals.layers:
        of, want = totals.layers[name], expected.layers[name]
        for field in ("messages", "sizes", "last", "last_sizes", "by_row"):
            np.testing.assert_array_equal(getattr(of, field), getattr(want, field), field)
        assert (of.rows, of.peak) == (want.rows, want.peak)
    for field in ("outputs", "last", "potentials"):
        np.testing.assert_array_equal(getattr(totals, field), getattr(expected, field), field)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(12))
def test_random_networks_equal_the_oracle(network_oracle, family, seed):
    rng = np.random.default_rng(seed)
    network = network_oracle.random_network(rng, FAMILIES[family])
    samples = [network_oracle.random_messages(rng, network, 9) for _ in range(3)]
    found = compared(network_oracle, network, samples, threads=1 + seed % 2)
    totals = NetworkEmulator(network, 2).totals(np.stack(samples), 9)
    assert_same_totals(totals, record_totals(network, found, 9))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_totals_of_several_steps_are_those_of_shorter_runs(network_oracle, family, seed):
    """Also of runs that are shorter than the delays."""
    rng = np.random.default_rng([7, seed])
    network = network_oracle.random_network(rng, FAMILIES[family])
    frames = np.stack([network_oracle.random_messages(rng, network, 9) for _ in range(5)])
    emulator = NetworkEmulator(network, 1 + seed % 2)
    at_once = emulator.totals_at(frames, (1, 2, 5, 9))
    for steps, totals in at_once.items():
        alone = emulator.totals(frames[:, :steps], steps)
        records = list(emulator.records(frames[:, :steps], steps, ("z", *EVERYTHING)))
        assert totals.steps == steps
        for expected in (alone, record_totals(network, records, steps)):
            assert_same_totals(totals, expected)
        for name, of in totals.layers.items():
            assert of.limits == alone.layers[name].limits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
def test_tangled_networks_equal_the_oracle(network_oracle, family, first):
    """40 networks (600 if long) of layers in different orders in memory; sums wrap in some."""
    for seed in range(40) if first == 0 else range(300 * first, 300 * first + 300):
        rng = np.random.default_rng([first, seed])
        network = network_oracle.tangled_network(rng, FAMILIES[family])
        samples = [network_oracle.random_messages(rng, network, 7) for _ in range(2)]
        compared(network_oracle, network, samples)


def test_random_networks_reach_every_branch(network_oracle):
    """Over the seeds above: every option of connections, and neurons that send and that rest."""
    seen = dict.fromkeys(
        ("stride", "padding", "dilation", "groups", "delay", "delays", "loop", "skip", "exponent"),
        0,
    )
    active = {"CUBA": [0, 0], "SDNN": [0, 0]}
    for names in FAMILIES.values():
        for seed in range(12):
            rng = np.random.default_rng(seed)
            network = network_oracle.random_network(rng, names)
            messages = network_oracle.random_messages(rng, network, 9)
            for layer in network.layers:
                for c in layer.connections:
                    w = c.weights
                    if isinstance(w, Convolution):
                        seen["stride"] += max(w.stride) > 1
                        seen["padding"] += max(w.padding) > 0
                        seen["dilation"] += max(w.dilation) > 1
                        seen["groups"] += w.groups > 1
                    seen["delay"] += not isinstance(c.delay, np.ndarray) and c.delay > 0
                    seen["delays"] += isinstance(c.delay, np.ndarray)
                    seen["loop"] += c.source == layer.id
                    seen["skip"] += int(c.source) < int(layer.id) - 1
                    seen["exponent"] += c.exponent != 0
            for name, rows in network_oracle.simulate(network, messages).items():
                kind = network.by_id[name].neuron
                of = active["CUBA" if isinstance(kind, CubaNeuron) else "SDNN"]
                of[0] += int((rows["z"] != 0).sum())
                of[1] += rows["z"].size
    assert min(seen.values()) >= 5, seen
    for sent, total in active.values():
        assert 0.05 < sent / total < 0.95, active


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("shape", [(1, 7, 5), (3, 9, 4), (17, 3, 3)])
@pytest.mark.parametrize("channels", [1, 16, 24, 70])
def test_channels_that_fill_no_vector_and_several_blocks(network_oracle, channels, shape, graded):
    rng = np.random.default_rng(channels)
    weight = rng.integers(-60, 61, (channels, shape[0], 2, 3))
    kind = SigmaDeltaNeuron(1) if graded else CubaNeuron(50, 1000, 200)
    layer = Layer("1", kind, (Connection("0", Convolution(weight, shape, padding=(1, 1))),))
    dense = rng.integers(-20, 21, (70, layer.n_neurons))
    out = Layer("2", kind, (Connection("1", Dense(dense)),))
    network = Network(Input(shape, graded=graded), (layer, out))
    compared(network_oracle, network, [network_oracle.random_messages(rng, network, 4)])


def test_depthwise_convolutions_and_pooling(network_oracle):
    rng, shape = np.random.default_rng(0), (6, 8, 8)
    weight = rng.integers(-60, 61, (12, 1, 3, 3))
    first = Convolution(weight, shape, stride=(2, 1), dilation=(2, 2), padding=(0, 3), groups=6)
    layer = Layer("1", CubaNeuron(30, 2000, 0), (Connection("0", first),))
    network = Network(Input(shape), (layer,))
    samples = [network_oracle.random_messages(rng, network, 5) for _ in range(2)]
    found = compared(network_oracle, network, samples)
    assert 0 < found[0]["1"]["z"].mean() < 1


@pytest.mark.parametrize("exponent", [-3, 0, 5])
def test_sums_of_graded_convolutions_are_reduced_to_24_bits_before_the_exponent(
    network_oracle, exponent
):
    rng, shape = np.random.default_rng(2), (8, 6, 6)
    weights = Convolution(rng.integers(-128, 128, (5, 8, 3, 3)), shape)
    layer = Layer("1", SigmaNeuron(), (Connection("0", weights, exponent),))
    network = Network(Input(shape, graded=True), (layer,))
    messages = rng.integers(-(2**15), 2**15, (4, network.input.size)).astype(np.int32)
    wide = network_oracle.matrix(weights) @ messages.T.astype(np.int64)
    assert (np.abs(wide) >= 2**23).mean() > 0.05
    compared(network_oracle, network, [messages])


def limits(network_oracle, neuron, weight, steps, bias=None):
    """Rows of one neuron that receives a constant weight in every row."""
    connection = Connection("0", Dense(np.full((16, 1), weight)), exponent=14)
    layer = Layer("1", neuron, (connection,), bias)
    network = Network(Input((1,)), (layer,))
    return compared(network_oracle, network, [np.ones((steps, 1), np.int32)])[0]["1"]


@pytest.mark.parametrize("weight", [127, -128, 8, -8, 1, -1])
@pytest.mark.parametrize("decays", [(0, 0), (4096, 0), (0, 4096), (1, 4095)])
def test_currents_wrap_and_voltages_are_clipped_as_in_the_oracle(network_oracle, weight, decays):
    for threshold in (0, 2**18):
        limits(network_oracle, CubaNeuron(threshold, *decays), weight, 12)


def test_currents_wrap_in_both_directions_and_voltages_reach_both_limits(network_oracle):
    kind = CubaNeuron(2**18, 0, 0)
    for weight in (7, -7):
        rows = limits(network_oracle, kind, weight, 12)
        assert rows["current"].min() < 0 < rows["current"].max()
    slow = CubaNeuron(2**18, 4096, 0)
    assert limits(network_oracle, slow, 4, 12)["voltage"].max() == 2**23 - 1
    assert limits(network_oracle, slow, -4, 12)["voltage"].min() == 1 - 2**23


@pytest.mark.parametrize("kind", [SigmaDeltaNeuron(2047, "identity"), SigmaNeuron()])
def test_sums_wrap_at_32_bits(network_oracle, kind):
    rows = limits(network_oracle, kind, 127, 1200)
    assert rows["sigma"].min() < 0 < rows["sigma"].max()


def test_diagonal_weights_and_exponents_of_both_signs(network_oracle):
    rng = np.random.default_rng(5)
    for exponent in (-8, -1, 0, 3):
        first = Connection("0", Diagonal(rng.integers(-128, 128, 21)), exponent)
        again = Connection("0", Dense(rng.integers(-128, 128, (21, 21))), -exponent // 2, 2)
        layer = Layer("1", SigmaDeltaNeuron(0, "identity"), (first, again))
        network = Network(Input((21,), graded=True), (layer,))
        compared(network_oracle, network, [network_oracle.random_messages(rng, network, 6)])


def test_input_neurons_and_kinds_without_a_kernel_give_the_same_bits(plain_nets, monkeypatch):
    """The program of a kind, its compiled kernel, and the input's reference are three writings."""
    from ipvae.network.io.lava_dl_file import read_plain
    from ipvae.network.rules.input_messages import messages

    folder = plain_nets.wheel_folder()
    network = read_plain(folder / "gts/pilotnet_sdnn/square_network.net")
    frames = np.random.default_rng(1).integers(-60, 61, (2, 4, network.input.size))
    frames = frames.astype(np.int32)
    compiled = list(NetworkEmulator(network).records(frames, 4, EVERYTHING))
    for of_image, record in zip(frames, compiled, strict=True):
        np.testing.assert_array_equal(record["0"]["z"], messages(network.input, of_image, 4))
    monkeypatch.delitem(kinds.KERNELS, SigmaDeltaNeuron)
    by_program = list(NetworkEmulator(network).records(frames, 4, EVERYTHING))
    for one, other in zip(compiled, by_program, strict=True):
        for layer, variables in one.items():
            for name, values in variables.items():
                np.testing.assert_array_equal(values, other[layer][name], f"{layer}/{name}")
    assert np.count_nonzero(compiled[0]["4"]["z"]) > 100
