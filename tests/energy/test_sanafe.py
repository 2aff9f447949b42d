"""SANA-FE's own counters on the same connectivity and spikes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ipvae.chip.core_memory import CONSERVATIVE, layer_shapes
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import Placement
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.energy import sanafe as ours
from ipvae.energy.counting.counts import count_run
from ipvae.energy.counting.workload import work_of
from ipvae.energy.models.sanafe import sanafe_constants
from ipvae.errors import BackendError, InputError

STEPS = 5


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


@pytest.fixture(scope="module")
def architecture():
    """Its Loihi, which takes a second to read."""
    return pytest.importorskip("sanafe", reason="SANA-FE is not installed").load_loihi()


@pytest.fixture
def simulator(architecture, monkeypatch):
    sanafe = sys.modules["sanafe"]
    monkeypatch.setattr(sanafe, "load_loihi", lambda: architecture)
    return sanafe


@pytest.mark.parametrize(
    "kind",
    [
        *("recurrent", "errors + 2 read-outs", "lca"),
        pytest.param("loop of three", marks=pytest.mark.long),
        pytest.param("two hidden + 1 read-out", marks=pytest.mark.long),
    ],
)
def test_synaptic_events_equal_our_operations(simulator, kinds, kind):
    network = kinds.networks(2)[kind]
    trace = run(network, network.test_images, STEPS, 0)
    found, counts = ours.simulate(network, trace), count_run(network, trace)
    images = len(trace.samples)
    assert found.images == images
    assert found.synaptic_events == round(counts.synaptic_ops * images)
    assert found.spikes == round(counts.messages * images)
    assert found.updates == counts.neuron_updates * images


def test_a_layer_on_several_cores(simulator, make_network):
    """512 neurons on 6 cores: each message goes to all of them."""
    network = make_network(k=512, m=12, n_images=2)
    trace = run(network, network.test_images, STEPS, 0)
    found, counts = ours.simulate(network, trace), count_run(network, trace)
    assert counts.messages > 100
    assert found.synaptic_events == counts.synaptic_ops * 2
    assert found.packets == counts.messages * 2 * 6


def test_its_energy_is_our_model_of_its_constants(simulator, make_network):
    """One core: no hops; what it does not charge is the soma's part of a spike."""
    network = make_network(k=16)
    trace = run(network, network.test_images, STEPS, 0)
    work = work_of(network, Emulator(network).totals(network.test_images, STEPS, 0))
    row, time = ours.simulate(network, trace).rows()
    model = sanafe_constants(work)
    assert model is not None and model.low_j == model.high_j
    sent = sum(layer.sent for layer in work.layers)
    assert row.low_j == approx(model.low_j - sent * 69.3e-12)
    assert (row.kind, row.part, row.chip) == ("modelled", "dynamic", "Loihi 1")
    assert row.model.startswith("SANA-FE 2.")
    assert time.low_s > 0


def test_it_gets_our_weights(simulator, make_network):
    """Potentials of its neurons add up what they receive: rows of G, a spike for each message."""
    weight = np.random.default_rng(0).integers(-9, 10, (6, 6)).astype(np.int8)
    network = make_network(k=6, m=4, n_images=1, weight_rec=weight)
    trace = run(network, network.test_images, STEPS, 0)
    arch = simulator.load_loihi()
    placement = ours._placed(network, trace, 128)
    net = ours._build(simulator, arch, network, trace, placement)
    for neuron in net.groups["layer1"].neurons:
        neuron.set_attributes(log_potential=True, model_attributes={"leak_decay": 1.0})
    chip = simulator.SpikingChip(arch)
    chip.load(net)
    found = chip.sim(STEPS + 1, potential_trace=True)["potential_trace"]
    presynaptic = trace.stacked("1", "z")[0, :STEPS] != 0
    expected = np.cumsum(presynaptic @ weight.T.astype(int), axis=0)
    # Row t of its trace is the state before step t; our row t precedes z of t - 1.
    np.testing.assert_array_equal(np.asarray(found)[2:, :6], expected[:-1])
    assert not np.asarray(found)[:2].any()
    assert np.abs(expected).max() > 0


def test_nothing_is_printed(simulator, make_network, capfd):
    network = make_network()
    ours.simulate(network, run(network, network.test_images, 2, 0))
    assert capfd.readouterr() == ("", "")


def test_where_it_is_not_installed_one_line_states_how(monkeypatch):
    monkeypatch.setitem(sys.modules, "sanafe", None)
    with pytest.raises(BackendError, match=r"pip install 'ipvae-loihi\[sanafe\]'"):
        ours.require_sanafe()


def test_what_its_chip_cannot_hold_is_refused(simulator, make_network, monkeypatch):
    network = make_network(k=24)
    trace = run(network, network.test_images, 1, 0)
    with pytest.raises(InputError, match="takes 1 cores, SANA-FE's Loihi has room for 0 beside"):
        ours._placed(network, trace, 1)
    monkeypatch.setattr(ours, "place", lambda *_: LimitCheck("cores", 9, 5, "all layers"))
    with pytest.raises(InputError, match="does not fit the network .cores 9 of 5, all layers"):
        ours.simulate(network, trace)


def test_what_its_mapping_refuses_is_one_line(simulator, make_network, monkeypatch):
    """Its cores hold 1,024 neurons."""
    quiet = np.zeros(1100, np.int32)
    network = make_network(
        k=1100, m=4, n_images=1, weight_rec=None, source=0, memory=False, self_weight=quiet
    )
    trace = run(network, network.test_images, 1, 0)
    crowded = Placement(TARGETS["loihi2"], CONSERVATIVE, layer_shapes(network), (1,))
    monkeypatch.setattr(ours, "place", lambda *_: crowded)
    with pytest.raises(InputError, match="cannot place the network .*neurons per core"):
        ours.simulate(network, trace)


def test_rows_of_a_simulation_are_per_image():
    """Four images, 8 uJ and 20 ms; 1,000 spikes of 69.3 pJ are 0.0173 uJ of an image."""
    parts = {"synapse": 5e-6, "soma": 3e-6, "total": 8e-6}
    found = ours.Simulated("9.9", 4, 500, 1000, 600, 700, parts, 0.02)
    energy, time = found.rows()
    assert energy.low_j == energy.high_j == approx(2e-6)
    assert time.low_s == time.high_s == approx(5e-3)
    assert (energy.kind, energy.part, energy.chip) == ("modelled", "dynamic", "Loihi 1")
    assert energy.model == time.model == "SANA-FE 9.9 simulation"
    assert "4 images" in energy.source
    assert "69.3 pJ per spike are left out: 0.0173 uJ per image" in energy.assumptions[1]


def test_cores_of_the_simulation_stand_beside_those_that_replay():
    """Two cores of the placement to a tile of four: the even ones listen, the odd ones replay."""

    tiles = [SimpleNamespace(cores=[f"{t}.{c}" for c in range(4)]) for t in range(3)]
    arch = SimpleNamespace(tiles=tiles)
    listening = [ours._core(arch, core, replays=False) for core in range(5)]
    assert listening == ["0.0", "0.2", "1.0", "1.2", "2.0"]
    assert [ours._core(arch, core, replays=True) for core in (0, 3)] == ["0.1", "1.3"]


def test_its_half_is_for_ours_and_may_be_full(make_network):
    network = make_network(k=24)
    trace = run(network, network.test_images, 1, 0)
    assert ours._placed(network, trace, 2).total_cores == 1
