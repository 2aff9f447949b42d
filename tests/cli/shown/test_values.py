"""What commands report of a run, counted again from its trace: per image, per step, in all."""

import json
import math
from dataclasses import replace
from statistics import mean, pstdev
from types import SimpleNamespace

import numpy as np
import pytest

from ipvae.emulator.recording import run as emulate
from ipvae.energy.counting.counts import count_run
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.network.io.network_file import write_network
from ipvae.workflows.doctor import checks
from ipvae.workflows.report import Report, make_report
from ipvae.workflows.reporting.costs import Costs, _add_simulated
from ipvae.workflows.reporting.quality import spread
from ipvae.workflows.run import run
from ipvae.workflows.verify import compared

STEPS = 7


@pytest.fixture(scope="module")
def network(kinds, shown):
    return shown.with_named_readouts(kinds.networks(4)["errors + 2 read-outs"])


@pytest.fixture(scope="module")
def trace(network):
    """What the reports of conftest.py ran."""
    return emulate(network, network.test_images, STEPS, 0)


def test_spreads_are_over_the_images(both_reports, network, trace):
    result, _ = both_reports["modelled"]
    alone = [
        count_run(network, replace(trace, samples=[sample])).as_dict() for sample in trace.samples
    ]
    assert list(result["by_image"]) == list(result["counts"])
    for name, of in result["by_image"].items():
        values = [counts[name] for counts in alone]
        assert (of["min"], of["max"]) == (min(values), max(values)), name
        assert of["mean"] == pytest.approx(mean(values)) == result["counts"][name]
        assert of["sd"] == pytest.approx(pstdev(values))
    assert sum(of["min"] < of["max"] and of["sd"] > 2 for of in result["by_image"].values()) > 3


def test_parts_add_up_to_the_whole(both_reports):
    result, _ = both_reports["modelled"]
    counts, layers, steps = result["counts"], result["layers"], result["by_step"]
    assert steps["step"] == list(range(STEPS + 1))
    for name in ("synaptic_ops", "count_weighted_ops", "messages"):
        assert sum(steps[name]) == pytest.approx(counts[name])
    assert sum(steps["spikes"][:-1]) == pytest.approx(counts["spikes"])
    for name, whole in {
        "synaptic_ops": "synaptic_ops",
        "count_weighted_ops": "count_weighted_ops",
        "messages_received": "messages",
        "drive_macs": "drive_macs",
        "updates_idle": "updates_idle",
        "updates_active": "updates_active",
        "draws": "draws",
        "random_words": "random_words",
    }.items():
        assert sum(layer[name] for layer in layers) == pytest.approx(counts[whole]), name
    cores = result["cores"]["list"]
    for name, whole in {
        "synaptic_ops": counts["synaptic_ops"],
        "neuron_updates": counts["neuron_updates"],
        "neurons": sum(layer["neurons"] for layer in layers),
    }.items():
        assert sum(core[name] for core in cores) == pytest.approx(whole)
        if name in result["cores"]["busiest"]:
            assert result["cores"]["busiest"][name]["mean"] == pytest.approx(whole / len(cores))


def test_a_report_states_what_was_asked_for(both_reports, network):
    result, _ = both_reports["modelled"]
    assert (result["samples"], result["steps"], result["seed"]) == (3, STEPS, 0)
    assert result["run"]["command"].endswith("--out DIR --samples 3 --steps 7 --seed 0")
    assert result["run"]["verify"].startswith("ipvae verify ")
    assert result["run"]["verify"].endswith(
        "net.h5 --backends emulator,lava --samples 3 --steps 7 --seed 0"
    )
    assert result["run"]["images"] == "the test images in the network file"
    assert result["log_rates"] is True
    found, _ = both_reports["measured"]
    assert "--measured" in found["run"]["command"] and "--measured" not in found["run"]["verify"]


def test_saturations_and_read_outs_are_those_of_the_trace(both_reports, network, trace):
    result, _ = both_reports["modelled"]
    decoder, classes = result["readouts"]
    sent = trace.stacked("4", "z")[:, STEPS]
    right = sent.argmax(axis=1) == network.test_labels
    assert classes["accuracy"] == right.mean()
    picture = trace.stacked("3", "z")[:, STEPS] * network.readouts[0].unit
    real = network.test_images / 128
    assert decoder["mse"] == pytest.approx(((picture - real) ** 2).mean())
    z, layer = trace.stacked("2", "z"), network.layers["2"]
    high = 2**layer.payload_bits - 1
    assert result["saturations"]["2"]["z"] == (z == high).sum()
    assert result["quality"]["zeros"] == (z[:, STEPS] == 0).mean()


@pytest.mark.parametrize(("kind", "signed"), [("lca", True), ("recurrent", True), (None, False)])
def test_pictures_know_whether_pixels_are_signed(kinds, make_network, kind, signed):
    network = make_network() if kind is None else kinds.networks(4)[kind]
    report = make_report(network, steps=3)
    assert isinstance(report, Report)
    found = report.pictures
    assert found.signed is signed
    assert found.raster.shape == (4, network.n_neurons)


@pytest.mark.parametrize("kind", ["lca", "errors + 2 read-outs", "loop of three"])
def test_a_run_is_counted_as_its_trace_is(kinds, kind):
    """Totals of traces: tests/network/traces/test_trace_totals.py."""
    network = kinds.networks(4)[kind]
    result = run(network, steps=STEPS, record="all")
    trace, found = result.trace, result.to_json()
    assert trace is not None
    z = trace.stacked(network.code, "z")
    assert found["spikes"] == np.abs(z).sum()
    assert found["zeros"] == pytest.approx((z == 0).mean())
    each = found["saturations_by_variable"].values()
    assert found["saturations"] == sum(each) > 0
    assert kind != "loop of three" or sum(each) > max(each)


def test_spreads_are_those_of_the_images_themselves():
    assert spread(np.array([1, 2, 6])) == {
        "mean": 3.0,
        "min": 1.0,
        "max": 6.0,
        "sd": pytest.approx(math.sqrt(14 / 3)),
    }


def one_by_one(_, n_images):
    return [slice(i, i + 1) for i in range(n_images)]


def test_a_run_in_parts_is_counted_as_a_whole(network, monkeypatch):
    """Images of later parts draw by their places in the run."""
    found = make_report(network, steps=STEPS, scheduler="none").to_json()
    monkeypatch.setattr("ipvae.emulator.engine.Emulator._slices", one_by_one)
    assert make_report(network, steps=STEPS, scheduler="none").to_json() == found


@pytest.mark.parametrize(("kib", "text"), [(3145728, "3.0 GiB"), (1000000, "1.0 GiB")])
def test_free_memory_is_in_gibibytes(monkeypatch, kib, text):
    memory_file = f"MemTotal: 9 kB\nMemAvailable:    {kib} kB\n"
    monkeypatch.setattr(checks.Path, "read_text", lambda *_: memory_file)
    assert f", {text} of memory free, " in checks._machine().found


def simulated(events):
    row = EnergyRow("SANA-FE", "modelled", "dynamic", "a chip", 1e-6, 1e-6, "a source")
    time = TimeRow("SANA-FE", "modelled", "a chip", 1e-3, 1e-3, "a source")
    return SimpleNamespace(version="9", images=3, synaptic_events=events, rows=lambda: (row, time))


@pytest.mark.parametrize("more", [0, 1])
def test_a_simulators_events_are_counted_per_image(network, trace, monkeypatch, more):
    ours = count_run(network, trace).synaptic_ops
    events = round(3 * ours) + more
    monkeypatch.setattr("ipvae.energy.sanafe.simulate", lambda *_: simulated(events))
    costs = Costs([], [], [])
    _add_simulated(costs, network, trace)
    assert costs.sanafe == {
        "version": "9",
        "images": 3,
        "synaptic_events": events / 3,
        "synaptic_ops": ours,
        "equal": not more,
    }
    assert (costs.energy[0].low_j, costs.times[0].low_s) == (1e-6, 1e-3)


def test_a_difference_is_reported_as_it_was_found(network, trace):
    samples = [{name: dict(of) for name, of in sample.items()} for sample in trace.samples]
    samples[1]["2"]["u"] = samples[1]["2"]["u"].copy()
    expected = int(samples[1]["2"]["u"][3, 5])
    samples[1]["2"]["u"][3, 5] += 9
    other = replace(trace, backend="lava", samples=samples)
    result = compared(network, [trace, trace, other], 3, STEPS, 0)
    found = result.to_json()
    neurons = sum(layer.n_neurons for layer in network.layers.values())
    assert found["compared_values"] == 3 * 3 * (STEPS + 1) * neurons
    assert result.shown() == [
        "NOT bit-exact: lava first differs from emulator at sample 1, step 3, layer 2, variable "
        f"u, index 5: expected {expected}, found {expected + 9}"
    ]
    assert not found["bit_exact"]


def test_a_trace_that_holds_less_is_not_exact(network, trace):
    """Fewer values were compared than there are: the least of all backends counts."""
    short = [
        {name: {v: a[:4] for v, a in of.items()} for name, of in sample.items()}
        for sample in trace.samples
    ]
    other = replace(trace, backend="lava", samples=short)
    found = compared(network, [trace, trace, other], 3, STEPS, 0).to_json()
    assert (
        found["compared_values"]
        == compared(network, [trace, other], 3, STEPS, 0).to_json()["compared_values"]
    )
    assert not found["bit_exact"]


def test_evaluate_takes_its_figures_from_the_last_step(network, trace, run_wide, tmp_path):
    write_network(tmp_path / "net.h5", network)
    words = ("--samples", 3, "--steps", f"2,{STEPS}", "--sparsity", "--json", tmp_path / "e.json")
    assert run_wide("evaluate", tmp_path / "net.h5", *words)[0] == 0
    found = json.loads((tmp_path / "e.json").read_text())
    z = trace.stacked(network.code, "z")
    assert found["spikes"] == pytest.approx(z[:, STEPS].sum(axis=1).mean())
    assert found["spikes"] != pytest.approx(z[:, 2].sum(axis=1).mean())
    assert found["zeros"] == (z[:, STEPS] == 0).mean() != found["curve"][0]["zeros"]
    assert found["active"] == (z[:, STEPS] > 0).any(axis=0).sum()
    assert found["dead"] == network.n_neurons - found["active"]
    assert [point["step"] for point in found["curve"]] == [2, STEPS]


def test_info_states_what_the_network_is(network, run_wide, make_network, tmp_path):
    one = make_network(k=16, m=12)
    write_network(tmp_path / "one.h5", one)
    write_network(tmp_path / "four.h5", network)
    found = []
    for name in ("one", "four"):
        words = ("info", tmp_path / f"{name}.h5", "--json", tmp_path / f"{name}.json")
        assert run_wide(*words)[0] == 0
        found.append(json.loads((tmp_path / f"{name}.json").read_text()))
    first, second = found
    code = one.layer
    assert (first["pixels"], first["neurons"], first["test_images"]) == (12, 16, 5)
    assert first["pixel_range"] == [0, 255] and first["image_shape"] == list(one.input.shape)
    assert first["log_rate_range"] == [code.u_min, code.u_max]
    assert first["rate_range"] == [2.0 ** (code.u_min / 4096), 2.0 ** (code.u_max / 4096)]
    assert first["chip_steps_per_update"] == 1
    (layer,) = first["layers"]
    zero = int((code.weight_rec == 0).sum())
    assert (layer["synapses"], layer["zero_synapses"]) == (256, zero)
    assert layer["sends"] == [0, 2**code.payload_bits - 1]
    assert layer["receives"] == layer["hears"] == ["image", "layer 1"]
    assert (second["pixel_range"], second["chip_steps_per_update"]) == ([-128, 127], 2)
    assert [of["role"] for of in second["layers"]] == ["hidden", "code", "decoder", "classes"]
    assert [of["neurons"] for of in second["layers"]] == [6, 7, 6, 3]
    assert [(of["phase"], of["lag"]) for of in second["layers"]] == [
        (stage.phase, stage.input_delay)
        for stage in sorted(network.schedule.stages, key=lambda of: int(of.name))
    ]
