"""Cores of a report's plan: which board, and what is said where there is none."""

import numpy as np

from ipvae.emulator import Emulator
from ipvae.energy import cores
from ipvae.energy.cores import cores_as_dict, fewest_cores
from ipvae.energy.step_counts import RunCounts, count_rows
from ipvae.network.limits import Line, Target
from ipvae.network.partition import Placement


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
    assert isinstance(nowhere, Line) and not nowhere.holds


def test_a_network_that_no_board_holds_has_no_cores(make_network):
    network = make_network()
    totals = Emulator(network).totals(network.test_images, 3, 0)
    rows = Emulator(network).rows(network.test_images, 3, 0)
    pairs = ({name: (s.u, s.z) for name, s in row.items()} for row in rows)
    run = count_rows(network, pairs, len(network.test_images), 3)
    assert isinstance(run, RunCounts) and run.busiest == {}
    line = Line("cores", 200_000, 138_240, "all layers: Hala Point")
    found = cores_as_dict(network, line, totals, run)
    assert found["list"] == [] and found["busiest"] == found["busiest_per_step"] == {}
    assert found["plan"].startswith("none: model fitted to public compiler logs")
    assert "cores needs 200,000 of 138,240 (all layers: Hala Point)" in found["plan"]


def test_busiest_core_changes_from_step_to_step(make_network):
    """Two cores send in turn: at each step the busiest has it all, over the run each has half."""
    network = make_network(k=4, m=4, n_images=1, weight_rec=np.zeros((4, 4), np.int8))
    placement = fewest_cores(network)
    assert isinstance(placement, Placement)
    two = Placement(placement.target, placement.reading, placement.shapes, (2,))
    z = np.array([[[3, 1, 0, 0]], [[0, 0, 5, 1]], [[1, 1, 0, 0]], [[0, 0, 1, 1]]])
    rows = [{"1": (np.zeros_like(row), row)} for row in z]
    found = count_rows(network, rows, 1, 3, two)
    assert found.busiest == {
        "spikes_in": 6,
        "synaptic_ops": 12,
        "neuron_updates": 8,
        "messages_out": 8,
    }
