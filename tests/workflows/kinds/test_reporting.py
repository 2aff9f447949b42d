# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.make_report` and `ipvae.estimate_energy` of networks of any kind."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.report.html.earlier import GENERATOR
from ipvae.report.html.network_verdicts import network_verdicts
from ipvae.workflows.kinds.reporting import STATUS
from ipvae.workflows.reporting.result import Report

STEPS = 7
TAG = f'<meta name="generator" content="{GENERATOR}">'.encode()
KEYS = {
    *("status", "network", "backend", "samples", "steps", "counts", "layers", "energy"),
    *("checksum", "headline", "time", "energy_notes", "check", "cores", "by_step", "accuracy"),
    *(
        "verified",
        "run",
        "outputs",
        "labelled",
        "silent_layers",
        "at_limits",
        "zeros",
        "family",
        "input",
    ),
}
"""Keys of report.json; the first eight are older than the page."""


@pytest.fixture
def layers(plain_nets):
    p, rng, shape = plain_nets, np.random.default_rng(1), (3, 5, 4)
    first = p.conv(rng.integers(-9, 20, (2, 3, 2, 2)), shape, p.cuba(6), padding=1)
    n = int(np.prod(first["shape"]))
    return [
        p.entry(shape, p.cuba(25), weight=[30.0], bias=[2.0]),
        first,
        p.flatten(n),
        p.dense(rng.integers(-9, 10, (4, n)), p.cuba(9)),
    ]


@pytest.fixture
def path(tmp_path, plain_nets, layers):
    return plain_nets.write(tmp_path / "x.net", layers)


@pytest.fixture
def images():
    return np.random.default_rng(2).integers(0, 60, (5, 3, 5, 4))


@pytest.fixture
def page(monkeypatch):
    """Reports whose page is not drawn, which takes longest."""
    monkeypatch.setattr("ipvae.report.html.network_page.files", lambda *_: {"index.html": TAG})


def test_a_report_has_the_counts_and_energies_of_the_run(path, images):
    network = ipvae.load_network(path)
    ran = ipvae.run(network, images, steps=STEPS)
    report = ipvae.make_report(path, images, steps=STEPS)
    assert isinstance(report, Report)
    found = report.to_json()
    assert set(found) == KEYS
    assert (found["status"], found["network"]) == (STATUS, str(path))
    assert (found["samples"], found["steps"], found["backend"]) == (5, STEPS, "emulator")
    assert found["counts"] == ran.counts.as_dict() == report.counts
    estimate = ipvae.estimate_energy(network, ran)
    assert found["energy"] == [row.as_dict() for row in estimate.energy]
    assert found["headline"] == estimate.headline == report.headline
    assert found["time"] == [row.as_dict() for row in estimate.time]
    assert found["headline"]["model"] == "Loihi 2 band"
    chips = {row["chip"] for row in found["energy"]}
    assert chips >= {"Loihi 2", "Loihi 1", "NVIDIA Jetson Orin Nano", "CPU, 45 nm"}
    for layer, counted in zip(found["layers"], ran.layers, strict=True):
        assert {key: layer[key] for key in counted.as_dict()} == counted.as_dict()
    assert found["counts"]["synaptic_ops"] > 0


def test_layers_are_described_and_their_messages_told_by_step(path, images):
    found = ipvae.make_report(path, images, steps=STEPS).to_json()
    entry, conv, dense = found["layers"]
    assert (entry["connections"], entry["messages_received"]) == ([], 0.0)
    (one,) = conv["connections"]
    assert (one["source"], one["kind"], one["delay"]) == ("0", "conv", [0, 0])
    assert one["text"] == "conv from the input, kernel 2 x 2 (24 weights)"
    assert conv["messages_received"] == entry["messages"]
    assert dense["messages_received"] == conv["messages"] > 0
    assert conv["zeros"] == pytest.approx(1 - conv["messages"] / (STEPS * conv["neurons"]))
    assert all(layer["cores"] == [1, 1] for layer in found["layers"])
    assert found["by_step"]["step"] == list(range(STEPS)) and found["by_step"]["lead_in"] == {}
    for layer in found["layers"]:
        by_step = found["by_step"]["messages"][layer["layer"]]
        assert len(by_step) == STEPS and sum(by_step) == pytest.approx(layer["messages"])


def test_rows_before_row_0_are_distinguished(plain_nets, tmp_path):
    """Sigma-delta neurons cannot be reset while the chip runs: they update before their row 0."""
    p, rng = plain_nets, np.random.default_rng(5)
    layers = [p.entry((4,)), p.dense(rng.integers(-9, 20, (3, 4)), p.sdnn(), [900, 900, 900])]
    layers.append(p.dense(np.eye(3), p.sdnn(sigma_output=True)))
    path = p.write(tmp_path / "x.net", layers)
    found = ipvae.make_report(path, rng.integers(0, 99, (2, 4)), steps=STEPS).to_json()
    by_step = found["by_step"]
    assert {name: len(rows) for name, rows in by_step["lead_in"].items()} == {"1": 1, "2": 2}
    for layer in found["layers"]:
        name = layer["layer"]
        rows = by_step["lead_in"].get(name, []) + by_step["messages"][name]
        assert sum(rows) == pytest.approx(layer["messages"])
    assert sum(by_step["lead_in"]["1"]) > 0
    assert found["outputs"]["potential"] == "sigma"


def test_outputs_are_those_of_the_run_and_labels_give_the_accuracy(path, images):
    network = ipvae.load_network(path)
    labels = np.array([0, 1, 2, 3, -1])
    ran = ipvae.run(network, images, steps=STEPS, labels=labels)
    report = ipvae.make_report(network, images, labels, steps=STEPS)
    found = report.to_json()
    assert found["network"] == "network in memory"
    assert found["accuracy"] == ran.accuracy is not None
    assert dict(report.rows())["Class accuracy"].endswith(" of 4 labelled images by the last layer")
    sent = ran.outputs[ran.code]
    for i, image in enumerate(found["outputs"]["images"]):
        assert image["class"] == (None if ran.classes[i] < 0 else ran.classes[i])
        assert image["label"] == (None if labels[i] < 0 else labels[i])
        values = sorted(sent[i].tolist(), reverse=True)[:3]
        assert [value for _, value in image["largest"]] == values
        assert all(sent[i][place] == value for place, value in image["largest"])
    without = ipvae.make_report(network, images, steps=STEPS)
    assert without.to_json()["accuracy"] is None and "Class accuracy" not in dict(without.rows())


def test_a_layer_that_sends_nothing_is_named(plain_nets, tmp_path, images, layers):
    layers[1]["neuron"]["vThMant"] = 100_000
    path = plain_nets.write(tmp_path / "silent.net", layers)
    report = ipvae.make_report(path, images, steps=STEPS)
    assert report.to_json()["silent_layers"] == ["1", "3"]
    rows = dict(report.rows())
    assert rows["Silent layers"] == "nothing passes layer 1: no message in this run"
    assert rows["Silent output"].startswith("layer 3 sends nothing in this run; classes come from")
    layers[1]["neuron"]["vThMant"] = 6
    spoken = ipvae.make_report(plain_nets.write(path, layers), images, steps=STEPS)
    assert spoken.to_json()["silent_layers"] == [] and "Silent layers" not in dict(spoken.rows())


def test_what_does_not_apply_is_refused_by_its_name(path, images, make_network, tmp_path):
    calls = {
        "data_dir: found here, but": {"data_dir": "here"},
        "measured: found log.csv, but": {"measured": "log.csv"},
        "sanafe: found True, but": {"sanafe": True},
        "seeds: found 0, 1, but": {"seeds": range(2)},
        "seed: found 3, but nothing is drawn": {"seed": 3},
        "steps: found 0, allowed 1 and above": {"steps": 0},
        "verify: found 'emulator', allowed backends": {"verify": "emulator"},
        "samples: found 9, allowed up to 5": {"samples": 9},
        "integers: found 'whole', allowed": {"integers": "whole"},
    }
    for message, arguments in calls.items():
        with pytest.raises(ipvae.IpvaeError, match=f"^{message}"):
            ipvae.make_report(path, images, folder=tmp_path / "r", **{"steps": 2, **arguments})
    with pytest.raises(ipvae.IpvaeError, match="holds no images; give some with images="):
        ipvae.make_report(path, steps=2)
    with pytest.raises(ipvae.IpvaeError, match="^integers: found real, allowed with a lava-dl"):
        ipvae.make_report(make_network(), steps=2, integers="real")
    assert not (tmp_path / "r").exists()


@pytest.mark.usefixtures("page")
def test_saving_replaces_an_earlier_report(path, images, tmp_path):
    out = tmp_path / "rep"
    (out / "figures").mkdir(parents=True)
    (out / "index.html").write_bytes(TAG)
    (out / "figures" / "raster.svg").write_text("of an earlier report")
    report = ipvae.make_report(path, images, steps=STEPS, folder=out)
    assert report.save() == out / "index.html"
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == ["index.html", "report.json"]
    assert json.loads((out / "report.json").read_text()) == report.to_json()
    assert report.shown()[-1] == f"page: {out / 'index.html'}"
    with pytest.raises(ipvae.IpvaeError, match="^folder: none was given"):
        ipvae.make_report(path, images, steps=2).save()


@pytest.mark.lava
def test_verify_compares_the_first_images_with_lava(path, images):
    report = ipvae.make_report(path, images, steps=20, verify="lava")
    found = report.to_json()["verified"]
    assert report.bit_exact is found["bit_exact"] is True
    assert (found["samples"], found["steps"], found["backends"]) == (2, 16, ["emulator", "lava"])
    assert dict(report.rows())["Bit-exact"].startswith("emulator = lava in ")


def test_verdicts_name_a_difference_between_backends(path, images):
    found = ipvae.make_report(path, images, steps=2).to_json()
    found["verified"] = {
        **{"bit_exact": False, "samples": 2, "steps": 16, "backends": ["emulator", "lava"]},
        "first_divergence": {"backend": "lava", "step": 3, "layer": "1"},
    }
    first = network_verdicts(found)[0]
    assert (first.kind, first.title) == ("fails", "Bit-exact")
    assert first.text == "lava differs first at step 3, layer 1 (2 images, 16 steps)"


def test_traces_are_priced_as_runs_are(path, images, tmp_path):
    """But for the products of an input transform, which a trace does not have."""
    network = ipvae.load_network(path)
    ran = ipvae.run(network, images, steps=STEPS, trace_file=tmp_path / "t.h5")
    of_run, of_trace = (
        ipvae.estimate_energy(network, source) for source in (ran, tmp_path / "t.h5")
    )
    assert of_trace.energy == of_run.energy and of_trace.time == of_run.time
    assert of_run.loihi2[0].high_j > of_run.loihi2[0].low_j > 0
