"""Operations of plain lava-dl networks against brute force, one synapse at a time."""

import numpy as np
import pytest

from ipvae.energy.counting.network_counts import network_counts
from ipvae.energy.models import LOIHI1_SYNAPTIC_OP_PJ, LOIHI1_UPDATE_INACTIVE_PJ, loihi1
from ipvae.network.connections import Connection, Dense
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.traces.network_totals import record_totals


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


@pytest.fixture
def make(tmp_path, plain_nets):
    def make(layers):
        return read_plain(plain_nets.write(tmp_path / "x.net", layers))

    return make


@pytest.mark.parametrize("seed", range(30))
def test_fan_out_equals_a_loop_over_outputs_and_kernel(make, plain_nets, seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    shape = (groups * int(rng.integers(1, 3)), *(int(n) for n in rng.integers(5, 9, 2)))
    kernel = rng.integers(1, 4, 2)
    layer = plain_nets.conv(
        rng.integers(-1, 2, (groups * 2, shape[0] // groups, *kernel)),
        shape,
        plain_nets.cuba(),
        stride=rng.integers(1, 4, 2),
        padding=rng.integers(0, 4, 2),
        dilation=rng.integers(1, 3, 2),
        groups=groups,
    )
    (built,) = make([plain_nets.entry(shape), layer]).layers
    stored, matrix = plain_nets.connections(layer, shape)
    weights = built.connections[0].weights
    np.testing.assert_array_equal(weights.fan_out(), stored.sum(axis=0))
    np.testing.assert_array_equal(weights.fan_out(nonzero=True), (matrix != 0).sum(axis=0))
    assert stored.any()


def test_borders_and_strides_reach_fewer_outputs(make, plain_nets):
    """5 x 5 pixels, kernel 3, stride 2: only the third row and column lie in two fields."""
    layer = plain_nets.conv(np.ones((4, 1, 3, 3)), (1, 5, 5), plain_nets.cuba(), stride=2)
    (built,) = make([plain_nets.entry((1, 5, 5)), layer]).layers
    row = np.array([1, 1, 2, 1, 1])
    found = built.connections[0].weights.fan_out().reshape(5, 5)
    np.testing.assert_array_equal(found, 4 * np.outer(row, row))


@pytest.mark.parametrize("family", ["CUBA", "SDNN"])
@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_brute_force(make, plain_nets, family, seed):
    rng = np.random.default_rng(seed)
    layers = plain_nets.random_layers(rng, family)
    network, n_steps = make(layers), 5
    records = []
    samples = rng.integers(0, 2 if family == "CUBA" else 4000, (2, n_steps, network.input.size))
    synapses = plain_nets.all_connections(layers)
    sums = {name: dict.fromkeys(("hardware", "weighted", "macs", "sent"), 0) for name in synapses}
    received = sizes = values = zeros = 0
    for sample in samples:
        record = plain_nets.windows(layers, plain_nets.simulate(layers, sample), n_steps)
        records.append(recorded(sample, record))
        presynaptic = sample
        for name, (stored, matrix) in synapses.items():
            for row in np.abs(presynaptic):
                sums[name]["hardware"] += int((stored & (row > 0)).sum())
                sums[name]["weighted"] += int((stored * row).sum())
                sums[name]["macs"] += int(((matrix != 0) & (row > 0)).sum())
            received, sizes = received + (presynaptic != 0).sum(), sizes + np.abs(presynaptic).sum()
            values, zeros = values + presynaptic.size, zeros + (presynaptic == 0).sum()
            presynaptic = record[name]
            sums[name]["sent"] += int((presynaptic != 0).sum())
    counts = network_counts(network, record_totals(network, records, n_steps), 7.0)
    of_input, *found = counts.layers
    assert [layer.layer for layer in found] == list(synapses)
    for layer in found:
        expected, (stored, _) = sums[layer.layer], synapses[layer.layer]
        assert layer.synapses == stored.sum() and layer.neurons == len(stored)
        assert layer.synaptic_ops == expected["hardware"] / 2
        assert layer.count_weighted_ops == expected["weighted"] / 2
        assert layer.effective_macs == expected["macs"] / 2
        assert layer.messages == expected["sent"] / 2
        assert layer.neuron_updates == len(stored) * len(record[layer.layer])
        assert layer.updates_active == expected["sent"] / 2
    assert [layer.kind for layer in found] == ["conv", "conv", "dense", "dense"]
    assert (of_input.kind, of_input.synaptic_ops, of_input.neuron_updates) == ("input", 0, 0)
    total = counts.total
    assert total.messages == received / 2 and total.spikes == sizes / 2
    assert counts.zeros == zeros / values
    assert total.synaptic_ops == sum(s["hardware"] for s in sums.values()) / 2
    assert total.effective_macs == sum(s["macs"] for s in sums.values()) / 2
    assert (total.drive_macs, total.readout_ops) == (7.0, 0.0)
    assert total.updates_active == sum(s["sent"] for s in sums.values()) / 2
    assert total.updates_idle == total.neuron_updates - total.updates_active > 0
    assert (total.draws, total.random_words) == (0.0, 0.0)
    assert total.synaptic_ops > 0


def recorded(of_input, record):
    """Messages of an image as a backend records them."""
    return {"0": {"z": of_input}, **{name: {"z": z} for name, z in record.items()}}


def test_input_neurons_are_updated_and_energy_follows_from_the_counts(make, plain_nets):
    layers = [plain_nets.entry((3,), plain_nets.cuba()), plain_nets.dense(np.eye(3))]
    network = make(layers)
    record = recorded(np.array([[1, 0, 1], [0, 0, 1]]), {"1": np.zeros((2, 3), int)})
    total = network_counts(network, record_totals(network, [record], 2)).total
    assert (total.synaptic_ops, total.effective_macs, total.neuron_updates) == (9.0, 3.0, 12.0)
    expected = (9 * LOIHI1_SYNAPTIC_OP_PJ + 12 * LOIHI1_UPDATE_INACTIVE_PJ) * 1e-12
    assert loihi1(total).low_j == approx(expected)


def test_messages_that_a_delay_holds_back_beyond_the_end_are_not_received():
    """Layer 1 sends in every row: with delays 0, 1 and 3 its receivers get 4, 3 and 1 of 4 rows."""
    neuron = CubaNeuron(0, 4096, 4096)
    delays = np.array([0, 1, 3])
    weight = np.array([[1, 1], [0, 1], [1, 0]])
    first = Layer("1", neuron, (Connection("0", Dense(np.ones((2, 2), int))),))
    second = Layer("2", neuron, (Connection("1", Dense(weight), delay=delays),))
    network = Network(Input((2,)), (first, second))
    always = np.ones((4, 2), int)
    record = recorded(always, {"1": always, "2": np.zeros((4, 3), int)})
    counts = network_counts(network, record_totals(network, [record], 4))
    assert counts.layers[2].synaptic_ops == 2 * (4 + 3 + 1)
    assert counts.layers[2].effective_macs == 2 * 4 + 3 + 1
    assert counts.total.messages == 8 + 8
