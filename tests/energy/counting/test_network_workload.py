"""Workload, cores and band of networks of any kind, against brute force and by hand."""

import numpy as np
import pytest

from ipvae.chip.core_memory import CONSERVATIVE, layer_shapes
from ipvae.chip.limits import TARGETS
from ipvae.chip.placement import Placement, place
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.energy.counting import network_cores as cores_module
from ipvae.energy.counting.network_counts import network_counts
from ipvae.energy.counting.network_workload import network_workload
from ipvae.energy.models.dense import dense_work
from ipvae.energy.models.loihi2 import FLOOR_S, NEURON_PASS_S, SYNAPTIC_OP_S, loihi2_band
from ipvae.energy.models.sanafe import AXON_OUT_PJ, sanafe_constants
from ipvae.energy.models.table import left_out, model_table
from ipvae.network.connections import Connection, Dense
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

STEPS, IMAGES = 9, 2


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


class Ran:
    """A network with its file's layers, and the totals and counts of a run."""

    def __init__(self, folder, layers, samples):
        self.layers = layers
        self.network = read_plain(folder.write(folder.path / "x.net", layers))
        self.totals = NetworkEmulator(self.network).totals(samples, samples.shape[1])
        self.counts = network_counts(self.network, self.totals)
        self.work = network_workload(self.network, self.totals, self.counts)


@pytest.fixture
def nets(tmp_path, plain_nets):
    plain_nets.path = tmp_path
    return plain_nets


@pytest.fixture(params=["CUBA", "SDNN"])
def ran(request, nets):
    rng = np.random.default_rng(4)
    layers = nets.random_layers(rng, request.param)
    size = int(np.prod(layers[0]["shape"]))
    high = 2 if request.param == "CUBA" else 4000
    return Ran(nets, layers, rng.integers(0, high, (IMAGES, STEPS, size)).astype(np.int32))


def test_a_workload_has_all_messages_rows_and_operations(ran):
    """Received messages times the neurons that they reach are the synaptic operations."""
    work, counted = ran.work, {layer.layer: layer for layer in ran.counts.layers}
    assert [layer.shape.name for layer in work.layers] == list(ran.network.by_id)
    for layer in work.layers:
        name = layer.shape.name
        reached = layer.received * layer.shape.neurons * layer.shape.reached
        assert reached == approx(counted[name].synaptic_ops)
        assert layer.sent == counted[name].messages
        assert layer.rows == STEPS + ran.network.schedule.lead_in(name)
        assert (layer.slot, layer.input_rows) == (0, STEPS)
    assert sum(layer.received for layer in work.layers) == approx(ran.counts.total.messages)
    assert work.counts.synaptic_ops > 0 and work.pipelined and work.period == 1
    assert work.chip_steps == STEPS + ran.network.schedule.depth
    assert all(layer.shape.reached < 1 for layer in work.layers if layer.shape.kernels)


def test_a_dense_baseline_has_every_product_of_every_kernel(ran, nets):
    """Of a convolution one for each output and kernel position, those with the padding too."""
    found = dense_work(ran.work)
    expected = 0
    for layer in ran.layers:
        if layer["type"] in ("dense", "conv"):
            expected += int(np.prod(layer["shape"])) * layer["weight"][0].size
    assert found.loop == STEPS * expected and found.readout == 0
    assert (
        "products of the synapses" in found.operations_text
        and "reconstruction" not in found.operations_text
    )
    updates = sum(layer.rows * layer.shape.neurons for layer in ran.work.layers)
    assert found.multiplications + found.others > updates


def test_an_update_costs_what_the_kinds_program_has(nets):
    """CUBA: two decays, each one product; sigma-delta neurons multiply nothing."""
    entry = nets.entry((3,), nets.cuba())
    found = Ran(nets, [entry, nets.dense(np.eye(3), nets.cuba())], np.ones((1, 4, 3), np.int32))
    assert {layer.update for layer in found.work.layers} == {(2, 15)}
    layers = [nets.entry((3,)), nets.dense(np.eye(3), nets.sdnn())]
    found = Ran(nets, layers, np.ones((1, 4, 3), np.int32))
    assert [layer.update for layer in found.work.layers] == [(0, 9)]


@pytest.mark.parametrize("most_cores", [None, 23])
def test_loads_of_cores_equal_brute_force(ran, nets, monkeypatch, most_cores):
    """Each core's operations and arriving messages, from matrices of all synapses."""
    if most_cores is not None:
        shapes = layer_shapes(ran.network)
        spread = place(shapes, TARGETS["loihi2"], CONSERVATIVE, ran.work.received, most_cores)
        assert isinstance(spread, Placement) and spread.total_cores > len(shapes) + 4
        monkeypatch.setattr(cores_module, "fewest_cores", lambda _: spread)
    found = cores_module.network_cores(ran.network, ran.totals)
    matrices, source = nets.all_connections(ran.layers), "0"
    for name, (stored, _) in matrices.items():
        messages = ran.totals.layers[source].messages
        layer = ran.network.by_id[name]
        order = np.arange(layer.n_neurons)
        if len(layer.shape) == 3:
            order = order.reshape(layer.shape[0], -1).T.ravel()
        first = 0
        for core in [core for core in found["list"] if core["layer"] == name]:
            own = stored[order[first : first + core["neurons"]]]
            first += core["neurons"]
            assert core["synaptic_ops"] == approx((own @ messages).sum() / IMAGES)
            assert core["spikes_in"] == approx(messages[own.any(axis=0)].sum() / IMAGES)
        assert first == layer.n_neurons
        source = name
    ops = sum(core["synaptic_ops"] for core in found["list"])
    assert ops == approx(ran.counts.total.synaptic_ops)
    updates = sum(core["neuron_updates"] for core in found["list"])
    assert updates == ran.counts.total.neuron_updates
    most = max(found["list"], key=lambda core: core["synaptic_ops"])
    assert found["busiest"]["synaptic_ops"]["max"] == most["synaptic_ops"]
    assert all(0 < core["memory"] <= 1 for core in found["list"])


def test_a_network_that_no_board_holds_has_a_reason_for_its_missing_cores(nets):
    """A neuron with 17,000 inputs, which no core has room for."""
    layers = [nets.entry((17_000,)), nets.dense(np.ones((2, 17_000)), nets.cuba())]
    found = Ran(nets, layers, np.ones((1, 2, 17_000), np.int32))
    listed = cores_module.network_cores(found.network, found.totals)
    assert listed["list"] == [] and "shared_words_per_core needs 34,002" in listed["plan"]
    rows, _ = model_table(found.network, found.work)
    assert {row.chip for row in rows} >= {"Loihi 1", "CPU, 45 nm"}
    assert not [row for row in rows if row.chip == "Loihi 2"]
    assert left_out(found.work)[0].startswith("no Loihi 2 band")


def test_the_band_of_layers_side_by_side_by_hand(nets):
    """2 inputs that always send, 3 neurons each: all on one core of each layer, at the floor."""
    layers = [nets.entry((2,)), nets.dense(np.ones((3, 2)), nets.cuba())]
    layers.append(nets.dense(np.ones((3, 3)), nets.cuba()))
    work = Ran(nets, layers, np.ones((1, 5, 2), np.int32)).work
    (static, _), (time,) = loihi2_band(work)
    steps = 5 + 2
    assert time.low_s == approx(steps * FLOOR_S)
    load = max(layer.received / layer.rows * 3 for layer in work.layers)
    assert load == 6
    slowest = load * SYNAPTIC_OP_S + 3 * 2 * NEURON_PASS_S
    assert time.high_s == approx(steps * FLOOR_S + 5 * slowest)
    assert static.low_j == approx(0.213 * steps * FLOOR_S)
    assert any("in parallel" in text for text in static.assumptions)
    assert not any("Poisson" in text for text in static.assumptions)


def test_a_loop_of_two_layers_takes_two_steps_of_the_chip_for_each_row():
    """Layer 2 sends back to layer 1: they act in turn."""
    ones, kind = Dense(np.ones((3, 3), np.int16)), CubaNeuron(2, 4096, 4096)
    first = Layer("1", kind, (Connection("0", ones), Connection("2", ones, delay=1)))
    network = Network(Input((3,)), (first, Layer("2", kind, (Connection("1", ones),))))
    totals = NetworkEmulator(network).totals(np.ones((1, 6, 3), np.int32), 6)
    work = network_workload(network, totals, network_counts(network, totals))
    assert (work.period, work.chip_steps) == (2, 6 * 2 + 2)
    assert [(layer.slot, layer.rows) for layer in work.layers] == [(1, 6), (0, 6)]
    _, (time,) = loihi2_band(work)
    assert time.low_s == approx(14 * FLOOR_S)
    assert work.layers[0].received > work.layers[1].received > 0


def test_a_message_goes_to_the_cores_that_it_reaches(ran):
    """SANA-FE's constants: at least one core for each message, not all of a convolution's."""
    row = sanafe_constants(ran.work)
    assert row is not None
    work, one = ran.work, sum(layer.received for layer in ran.work.layers)
    base = work.counts.synaptic_ops * 35.5 + work.counts.neuron_updates * 72.8
    base += sum(layer.sent for layer in work.layers) * 69.3
    assert row.low_j == approx((base + one * AXON_OUT_PJ) * 1e-12)
