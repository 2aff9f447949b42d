"""Cores of a report's plan: which board, and the message without one."""

import numpy as np
import pytest

from ipvae.chip.core_memory import CONSERVATIVE
from ipvae.chip.limits import LimitCheck, Target
from ipvae.chip.placement import Placement
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.energy.counting import cores
from ipvae.energy.counting.cores import cores_as_dict, fewest_cores
from ipvae.energy.counting.max_core_load import NAMES
from ipvae.energy.counting.step_counts import RunCounts, count_trace
from ipvae.network.traces.activity import activity_of
from ipvae.network.traces.trace import Trace


def test_the_smallest_board_that_holds_the_network_is_taken(make_network, monkeypatch):
    boards = {"one": Target("one", "a board", 1), "two": Target("two", "two chips", 2)}
    monkeypatch.setattr(cores, "TARGETS", boards)
    small, large = make_network(), make_network(k=2400, m=1, n_images=1)
    for network, name in ((small, "one"), (large, "two")):
        found = fewest_cores(network)
        assert isinstance(found, Placement) and found.target.name == name, found
    assert found.chips == 2
    monkeypatch.setattr(cores, "TARGETS", {"one": boards["one"]})
    nowhere = fewest_cores(large)
    assert isinstance(nowhere, LimitCheck) and not nowhere.holds


def test_a_network_that_no_board_holds_has_no_cores(make_network):
    network = make_network()
    totals = Emulator(network).totals(network.test_images, 3, 0)
    counted = count_trace(network, run(network, network.test_images, 3, 0))
    assert counted.busiest == {}
    line = LimitCheck("cores", 200_000, 138_240, "all layers: Hala Point")
    found = cores_as_dict(network, line, activity_of(network, totals), counted)
    assert found["list"] == [] and found["busiest"] == found["busiest_per_step"] == {}
    assert found["plan"].startswith("none: model fitted to public compiler logs")
    assert "cores needs 200,000 of 138,240 (all layers: Hala Point)" in found["plan"]


def test_busiest_core_changes_from_step_to_step(make_network):
    """Two cores send in turn: at each step the busiest has it all, over the run each has half."""
    network = make_network(k=4, m=4, n_images=1, weight_rec=np.zeros((4, 4), np.int8))
    placement = fewest_cores(network)
    assert isinstance(placement, Placement)
    two = Placement(placement.target, placement.reading, placement.shapes, (2,))
    z = np.array([[3, 1, 0, 0], [0, 0, 5, 1], [1, 1, 0, 0], [0, 0, 1, 1]], np.int32)
    trace = Trace("by hand", 0, "", [{"1": {"u": np.zeros_like(z), "z": z}}])
    found = count_trace(network, trace, two)
    assert found.busiest == {
        "spikes_in": 6,
        "synaptic_ops": 12,
        "neuron_updates": 8,
        "messages_out": 8,
    }


def test_a_list_of_cores_by_hand(make_network):
    """Two images, 3 updates (4 chip steps), four neurons on three cores of 2, 1 and 1."""
    network = make_network(k=4, m=4, n_images=2, weight_rec=np.zeros((4, 4), np.int8))
    placement = fewest_cores(network)
    assert isinstance(placement, Placement)
    three = Placement(placement.target, CONSERVATIVE, placement.shapes, (3,))
    images, steps = network.test_images, 3
    z = run(network, images, steps, 0).stacked("1", "z") != 0
    totals = Emulator(network).totals(images, steps, 0)
    counted = RunCounts(
        {}, {}, {"spikes_in": 16, "synaptic_ops": 24, "neuron_updates": 8, "messages_out": 4}
    )
    found = cores_as_dict(network, three, activity_of(network, totals), counted)
    presynaptic = int(z[:, :-1].sum())
    sent = [int(part.sum()) for part in (z[:, :, :2], z[:, :, 2], z[:, :, 3])]
    for i, (core, neurons) in enumerate(zip(found["list"], (2, 1, 1), strict=True)):
        words = 4 + 4 * -(-(20 * neurons + 32) // 64) + neurons + 4 * neurons + 1308
        assert core == {
            "chip": 0,
            "core": i,
            "layer": "1",
            "neurons": neurons,
            "spikes_in": presynaptic / 2,
            "synaptic_ops": presynaptic * neurons / 2,
            "neuron_updates": 4 * neurons,
            "messages_out": sent[i] / 2,
            "memory": words / 20_000,
        }
    busiest = found["busiest"]
    assert busiest["synaptic_ops"] == {
        "max": presynaptic,
        "mean": pytest.approx(presynaptic * 4 / 2 / 3),
        "core": "chip 0, core 0",
    }
    assert busiest["spikes_in"]["core"] == "chip 0, core 0"  # the first of equal ones
    most = max(range(3), key=lambda i: sent[i])
    assert busiest["messages_out"]["core"] == f"chip 0, core {most}"
    # Of two images of 4 chip steps.
    assert found["busiest_per_step"] == {
        "spikes_in": 2.0,
        "synaptic_ops": 3.0,
        "neuron_updates": 1.0,
        "messages_out": 0.5,
    }
    assert found["plan"] == (
        "model fitted to public compiler logs, not an Intel figure: conservative reading, as few "
        "cores as hold the network: 3 on one chip of 120 usable"
    )


def test_cores_of_several_chips_are_reported_with_their_chip(make_network):
    silent = np.zeros((2400, 2400), np.int8)
    network = make_network(k=2400, m=1, n_images=1, weight_rec=silent)
    placement = fewest_cores(network)
    assert isinstance(placement, Placement) and placement.target.name == "kapoho-point"
    totals = Emulator(network).totals(network.test_images, 1, 0)
    nothing = RunCounts({}, {}, dict.fromkeys(NAMES, 0))
    found = cores_as_dict(network, placement, activity_of(network, totals), nothing)
    assert f": {placement.total_cores} on 2 chips of 120 usable" in found["plan"]
    assert [(c["chip"], c["core"]) for c in found["list"]] == [
        divmod(i, 120) for i in range(placement.total_cores)
    ]
    least = min(found["list"], key=lambda core: core["neurons"])
    assert found["busiest"]["neuron_updates"]["max"] == 2 * placement.largest(0)
    assert least["neuron_updates"] == 2 * (2400 // placement.total_cores)
