"""Logs beside counts. All logs here are made up, not measured."""

import numpy as np
import pytest

from ipvae.chip.core_memory import CONSERVATIVE, layer_shapes
from ipvae.chip.limits import TARGETS
from ipvae.chip.placement import Placement, place
from ipvae.emulator.recording import run
from ipvae.energy.counting.core_counts import core_counts
from ipvae.energy.counting.counts import count_run
from ipvae.energy.measurement.comparison import MATCHED, NEGATIVE, lay_beside
from ipvae.energy.measurement.profiler_log import read_log
from ipvae.network.traces.activity import activity_of

STEPS = 7


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


@pytest.fixture
def beside(tmp_path):
    """Lay a made-up log beside a run of a network."""

    def lay(network, text):
        (tmp_path / "log.csv").write_text(text)
        trace = run(network, network.test_images, STEPS, 0)
        return lay_beside(read_log(tmp_path / "log.csv"), network, trace)

    return lay


def row(measured, name, over="all cores"):
    (found,) = [r for r in measured.rows if (r.name, r.over) == (name, over)]
    return found


def on_cores(network, trace, n):
    shapes = layer_shapes(network)
    received = activity_of(network, trace).received
    found = place(shapes, TARGETS["loihi2"], CONSERVATIVE, received, n)
    assert isinstance(found, Placement)
    return core_counts(network, trace, found)


@pytest.mark.parametrize("n", [1, 5])
def test_counts_of_all_cores_add_up_to_the_counts(kinds, network_kind, n):
    network = kinds.networks(1)[network_kind]
    trace = run(network, network.test_images, STEPS, 0)
    ours, whole = on_cores(network, trace, n), count_run(network, trace)
    images = len(trace.samples)
    assert ours.syn_ops.sum() == approx(whole.synaptic_ops * images)
    assert ours.dendrite_updates.sum() == whole.neuron_updates * images
    sent = sum((trace.stacked(name, "z") != 0).sum() for name in network.layers)
    assert ours.axon_out.sum() == sent


def test_counts_of_two_cores_by_hand(make_network):
    network = make_network(k=4, m=4, n_images=2, weight_rec=np.zeros((4, 4), np.int8))
    trace = run(network, network.test_images, STEPS, 0)
    z = np.zeros((2, STEPS + 1, 4), np.int32)
    z[0, 0] = [3, 0, 1, 1]
    z[1, STEPS] = [0, 2, 0, 0]  # no layer receives it
    for image in (0, 1):
        trace.samples[image]["1"]["z"] = z[image]
    ours = on_cores(network, trace, 2)
    assert ours.cores == [(0, 0), (0, 1)]
    assert ours.syn_ops.tolist() == [6, 6]
    assert ours.spikes_in.tolist() == [3, 3]
    assert ours.axon_out.tolist() == [2, 2]
    assert ours.dendrite_updates.tolist() == [32, 32]


def test_a_log_that_repeats_our_counts_has_ratios_of_one(make_network, beside):
    network = make_network(k=24)
    trace = run(network, network.test_images, STEPS, 0)
    ours = on_cores(network, trace, 3)
    names = ("syn_ops", "dendrite_updates", "axon_out", "spikes_in")
    lines = [
        f"{chip},{core},{','.join(str(getattr(ours, name)[i]) for name in names)}"
        for i, (chip, core) in enumerate(ours.cores)
    ]
    header = f"chip_idx,core_idx,{','.join(names)}"
    measured = beside(network, "\n".join([header, *reversed(lines)]) + "\n")
    assert len(measured.rows) == 8
    assert all(r.ratio == approx(1) for r in measured.rows)
    assert [c["core_idx"] for c in measured.cores] == [0, 1, 2]
    assert all(c[name]["ratio"] == approx(1) for c in measured.cores for name in names)
    assert MATCHED in measured.notes
    assert measured.energy == []
    assert any("no num_steps: it is taken to be of the run" in note for note in measured.notes)


def test_a_longer_run_is_compared_per_chip_step(make_network, beside):
    network = make_network(k=24)
    trace = run(network, network.test_images, STEPS, 0)
    total = int(on_cores(network, trace, 1).syn_ops.sum())
    run_steps = 5 * (STEPS + 1)
    measured = beside(network, f"num_steps,syn_ops\n{10 * run_steps},{20 * total}\n")
    assert row(measured, "syn_ops").ratio == approx(2)
    assert row(measured, "syn_ops").modelled == approx(total / run_steps)
    assert row(measured, "num_steps", "run").ratio == 10


def test_other_cores_leave_totals_to_compare(make_network, beside):
    network = make_network(k=24)
    text = "chip_idx,core_idx,syn_ops,spikes_in,total_mpds\n" + "".join(
        f"0,{i},100,10,0.5\n" for i in range(25)
    )
    measured = beside(network, text)  # 24 neurons need no 25 cores
    assert measured.cores == []
    assert row(measured, "syn_ops").modelled is not None
    assert row(measured, "spikes_in").modelled is None
    assert row(measured, "syn_ops", "busiest core").modelled is None
    assert row(measured, "total_mpds", "mean core").modelled is None
    assert any("the log has 25 cores" in note for note in measured.notes)
    moved = beside(network, "chip_idx,core_idx,syn_ops\n3,0,100\n3,1,100\n")
    assert moved.cores == []
    assert row(moved, "syn_ops", "busiest core").modelled is not None


def test_silence_has_no_ratio(make_network, beside):
    low = np.full(4, -32768, np.int32)
    network = make_network(k=4, u_init=low, bias=np.full(4, -(2**20), np.int32))
    measured = beside(network, "syn_ops,axon_out\n0,5\n")
    found = row(measured, "syn_ops")
    assert (found.found, found.modelled, found.ratio) == (0, 0, None)
    assert row(measured, "axon_out").ratio is None


def test_energy_is_power_times_time_and_its_parts_stay_apart(make_network, beside):
    network = make_network()
    text = "avg_time_per_step,total_power,static_total_power\n2,0.5,0.2\n,0.7,\n"
    measured = beside(network, text)
    found = {e.part: e for e in measured.energy}
    steps = STEPS + 1
    assert list(found) == ["total", "static", "dynamic"]
    assert found["total"].low_j == approx(0.6 * 2e-6 * steps)
    assert found["static"].low_j == approx(0.2 * 2e-6 * steps)
    assert found["dynamic"].low_j == approx(0.4 * 2e-6 * steps)
    assert all(e.kind == "measured" and e.low_j == e.high_j for e in measured.energy)
    assert all("log.csv (columns avg_time_per_step" in e.source for e in measured.energy)
    assert NEGATIVE not in measured.notes


def test_error_units_take_two_chip_steps_for_an_update(kinds, beside):
    network = kinds.networks(0)["errors"]
    per_image = network.schedule.chip_steps(STEPS)
    assert per_image == 2 * STEPS + 2
    (found,) = beside(network, "avg_time_per_step,power\n1,1\n").energy
    assert (found.part, found.low_j) == ("total", approx(1e-6 * per_image))


def test_negative_dynamic_energy_is_kept_and_reported(make_network, beside):
    """As in a published log of PilotNet: 0.275709 W, of which 0.281775 W are static."""
    text = "avg_time_per_step,total_power,static_total_power\n59277,0.275709,0.281775\n"
    measured = beside(make_network(), text)
    dynamic = measured.energy[-1]
    assert dynamic.part == "dynamic"
    assert dynamic.low_j == approx(-0.359587e-3 * (STEPS + 1), rel=1e-3)
    assert NEGATIVE in measured.notes


def test_logged_energies_are_shared_out_over_images(make_network, beside):
    text = "num_steps,energy,static_energy,dynamic_energy,total_power\n80,4,3,0.5,9\n"
    found = {e.part: e.low_j for e in beside(make_network(), text).energy}
    assert found == approx({"total": 0.4, "static": 0.3, "dynamic": 0.05})


def test_power_without_time_gives_no_energy_and_reports_it(make_network, beside):
    measured = beside(make_network(), "total_power,static_energy\n0.5,\n")
    assert measured.energy == []
    assert any("no time per step" in note for note in measured.notes)
    assert "columns without a value: static_energy" in measured.notes


def test_parts_taken_in_two_ways_are_not_subtracted(make_network, beside):
    text = "avg_time_per_step,total_power,static_energy\n1,0.5,0.1\n"
    assert [e.part for e in beside(make_network(), text).energy] == ["total", "static"]


def test_a_log_of_one_row_as_the_other_profiler_class_gives_it(make_network, beside):
    """All names of Loihi2HWProfiler; its times have no unit that is public."""
    times = "execution_time,host_time,learning_time,management_time,pre_lrn_mgtm_time,spiking_time"
    powers = "power,static_power,dynamic_power,vdd_power,vddm_power,vddio_power"
    names = f"num_steps,{times},{powers},energy,static_energy,dynamic_energy,num_alloc_chips"
    text = f"{names}\n80,5,1,0,2,0,2,0.2,0.21,-0.01,0.1,0.1,0,4,4.2,-0.2,1\n"
    measured = beside(make_network(), text)
    assert measured.log.left_out == measured.log.empty == ()
    assert {e.part: e.low_j for e in measured.energy} == approx(
        {"total": 0.4, "static": 0.42, "dynamic": -0.02}
    )
    assert NEGATIVE in measured.notes


def test_every_figure_of_a_log_by_hand(make_network, beside):
    """Two images of 8 chip steps on two cores of two neurons each; the log has 32 chip steps."""
    network = make_network(k=4, m=4, n_images=2)
    z = run(network, network.test_images, STEPS, 0).stacked("1", "z") != 0
    presynaptic, first, second = (int(part.sum()) for part in (z[:, :-1], z[:, :, :2], z[:, :, 2:]))
    measured = beside(
        network,
        "num_steps,avg_time_per_step,total_power,static_total_power,"
        "core_idx,syn_ops,dendrite_updates,axon_out,spikes_in,total_mpds,num_local_spikes\n"
        "32,5,0.5,0.2,1,320,64,16,48,0.25,3\n"
        ",,0.7,,0,160,96,8,40,0.75,4\n",
    )
    # 4 axons, 4 blocks of 2 words (2 x 20 bits and a header), 2 map words, 8 of state, the table.
    memory = (4 + 8 + 2 + 8 + 1308) / 20_000
    ops, updates, messages = (
        f"{what} per chip step" for what in ("synaptic operations", "neuron updates", "messages")
    )
    assert [(r.name, r.unit, r.over, r.found, r.modelled) for r in measured.rows] == [
        ("num_steps", "chip steps", "run", 32, 16),
        ("avg_time_per_step", "us", "run", 5, None),
        ("total_power", "W", "mean of 2", approx(0.6), None),
        ("static_total_power", "W", "run", 0.2, None),
        ("syn_ops", ops, "all cores", 15, 4 * presynaptic / 16),
        ("syn_ops", ops, "busiest core", 10, 2 * presynaptic / 16),
        ("dendrite_updates", updates, "all cores", 5, 4),
        ("dendrite_updates", updates, "busiest core", 3, 2),
        ("axon_out", messages, "all cores", 0.75, (first + second) / 16),
        ("axon_out", messages, "busiest core", 0.5, max(first, second) / 16),
        ("spikes_in", messages, "all cores", 2.75, 2 * presynaptic / 16),
        ("spikes_in", messages, "busiest core", 1.5, presynaptic / 16),
        ("total_mpds", "part of a core's memory", "mean core", 0.5, approx(memory)),
        ("num_local_spikes", "as logged", "mean core", 3.5, None),
    ]
    assert [r.ratio for r in measured.rows[:2]] == [2.0, None]
    zero, one = measured.cores
    assert (zero["chip_idx"], zero["core_idx"], one["core_idx"]) == (0, 0, 1)
    assert zero["axon_out"] == {
        "name": "axon_out",
        "unit": "messages",
        "over": "core",
        "found": 0.25,
        "modelled": first / 16,
        "ratio": approx(4 / first),
    }
    assert (one["syn_ops"]["found"], one["spikes_in"]["found"]) == (10, 1.5)
    assert one["axon_out"]["modelled"] == second / 16
    (time,) = measured.times
    assert time.low_s == time.high_s == approx(8 * 5e-6)
    assert (time.kind, time.chip) == ("measured", "Loihi 2 (as logged)")
    assert "8 chip steps an image; origin not checked" in time.source
    energies = {row.part: row.low_j for row in measured.energy}
    wanted = {"total": 0.6 * 40e-6, "static": 0.2 * 40e-6, "dynamic": 0.4 * 40e-6}
    assert energies == approx(wanted)
    how = "total_power x time per step - static_total_power x time per step"
    assert f"dynamic energy: {how}" in measured.notes
    assert not any("is taken to be of the run" in note for note in measured.notes)
    content = measured.as_dict()
    assert (content["columns_left_out"], content["columns_empty"]) == ([], [])
    assert content["rows"][0] == {**content["rows"][0], "found": 32.0, "modelled": 16, "ratio": 2.0}


def test_times_of_steps_stand_for_the_time_of_a_step(make_network, beside):
    measured = beside(make_network(), "execution_time_per_step,power\n2,0.5\n4,0.5\n")
    assert measured.times[0].low_s == approx(3e-6 * (STEPS + 1))
    assert measured.energy[0].low_j == approx(0.5 * 3e-6 * (STEPS + 1))
    both = beside(make_network(), "execution_time_per_step,avg_time_per_step\n2,7\n4,\n")
    assert both.times[0].low_s == approx(7e-6 * (STEPS + 1))
    assert beside(make_network(), "power\n1\n").times == []


def test_energy_columns_come_before_powers(make_network, beside):
    text = "num_steps,avg_time_per_step,energy,total_power,power,static_power\n8,1,3,9,5,0.25\n"
    measured = beside(make_network(), text)
    found = {row.part: row.low_j for row in measured.energy}
    # Energy of the run and power times time are not subtracted from each other.
    assert found == approx({"total": 3.0, "static": 0.25 * 8e-6})
    assert "total energy: energy" in measured.notes
    text = "avg_time_per_step,power,total_power\n1,5,9\n"
    (row,) = beside(make_network(), text).energy
    assert row.low_j == approx(9 * 8e-6)
