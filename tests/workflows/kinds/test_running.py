# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
"""Networks of lava-dl in the public API: read, described, run, verified, counted, priced."""

import dataclasses
from typing import Any

import h5py
import numpy as np
import pytest

import ipvae
from ipvae.energy.counting.counts import Counts
from ipvae.energy.counting.network_counts import NetworkCounts, network_counts
from ipvae.network.connections import Dense
from ipvae.network.frames import load_frames
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Network
from ipvae.network.rules.input_messages import messages
from ipvae.network.traces.network_totals import NetworkTotals, record_totals
from ipvae.workflows.kinds.frames import first_labels
from ipvae.workflows.kinds.result import NetworkRun

STEPS = 5


@pytest.fixture
def small(tmp_path, plain_nets):
    """A CUBA network of two dense layers, its layers and integer images for it."""
    p, rng = plain_nets, np.random.default_rng(1)
    layers = [
        p.entry((6,), p.cuba(25), weight=[30.0], bias=[2.0]),
        p.dense(rng.integers(-9, 20, (5, 6)), p.cuba(6)),
        p.dense(rng.integers(-9, 20, (4, 5)), p.cuba(9)),
    ]
    path = p.write(tmp_path / "x.net", layers)
    return ipvae.load_network(path), layers, rng.integers(0, 40, (3, 6))


def expected(network, layers, plain_nets, images):
    """Totals of the oracle's messages."""
    records = []
    for image in images:
        sent = messages(network.input, image[None], STEPS)
        record = plain_nets.windows(layers, plain_nets.simulate(layers, sent), STEPS)
        records.append({"0": {"z": sent}, **{name: {"z": z} for name, z in record.items()}})
    return record_totals(network, records, STEPS)


@pytest.mark.parametrize(
    "backend", ["emulator", pytest.param("lava", marks=pytest.mark.lava), "lava-stock"]
)
def test_a_run_is_counted_and_priced_as_the_oracle_counts(small, plain_nets, backend):
    if backend == "lava-stock":
        pytest.importorskip("lava")
    network, layers, images = small
    totals = expected(network, layers, plain_nets, images[:2])
    found = network_counts(network, totals)
    result = ipvae.run(network, images, steps=STEPS, samples=2, backend=backend)
    counts = ipvae.count_operations(network, result)
    assert counts.total == found.total and counts.layers == found.layers
    assert counts.synaptic_ops > 0 and counts.images == result.images == 2
    np.testing.assert_array_equal(result.outputs[result.code], totals.outputs)
    assert ipvae.estimate_energy(network, result).energy[0].high_j > 0
    assert [row[0] for row in result.rows()] == ["images x steps", "time", "messages", "classes"]
    data = result.to_json()
    assert data["outputs"] == totals.outputs.tolist() and "accuracy" not in data
    assert f"the network on {backend}" in result.shown()[0].title


@pytest.mark.lava
def test_backends_agree_in_every_variable_and_a_difference_is_found(small, monkeypatch):
    network, _, images = small
    found = ipvae.verify(network, images, steps=STEPS, samples=2)
    assert found.bit_exact and found.first_divergence is None
    assert found.compared_values == 2 * STEPS * 4 * (5 + 4) and found.max_count == 1
    assert f"steps 0..{STEPS - 1}" in found.shown()[0]
    other = ipvae.network.network.Network(network.input, network.layers[:1])
    from ipvae.workflows.kinds import verifying

    real = verifying.samples_of

    def changed(network, frames, steps, backend, names, timeout, seed):
        emulated = real(network, frames, steps, "emulator", names, timeout, seed)
        for image, sample in enumerate(emulated):
            if backend == "lava" and image == 1:
                sample["1"]["current"][3, 2] += 1
            yield sample

    monkeypatch.setattr(verifying, "samples_of", changed)
    first = ipvae.verify(other, images, steps=STEPS).first_divergence
    assert (first["sample"], first["step"], first["layer"]) == (1, 3, "1")
    assert (first["variable"], first["index"]) == ("current", 2)
    assert first["found"] == first["expected"] + 1


def test_a_trace_holds_every_variable_of_each_kind_and_can_be_counted(small, tmp_path):
    network, _, images = small
    run = ipvae.run(network, images, steps=STEPS, record="all", trace_file=tmp_path / "t.h5")
    kept = ipvae.run(network, images, steps=STEPS, record="all").trace
    trace = ipvae.load_trace(tmp_path / "t.h5")
    assert ipvae.diff(trace, kept).same and trace.steps == STEPS - 1
    assert sorted(trace.samples[0]["1"]) == ["a_in", "current", "voltage", "z"]
    assert trace.samples[0]["2"]["voltage"].shape == (STEPS, 4)
    counted = ipvae.count_operations(network, tmp_path / "t.h5")
    assert counted.total == ipvae.count_operations(network, run).total
    some = ipvae.run(network, images, steps=STEPS, record=("voltage",)).trace
    np.testing.assert_array_equal(some.stacked("2", "voltage"), trace.stacked("2", "voltage"))
    assert sorted(some.samples[0]["2"]) == ["voltage"]
    with pytest.raises(ipvae.IpvaeError, match="variables sigma, allowed one or more of a_in"):
        ipvae.run(network, images, steps=STEPS, record=("sigma",))


def test_a_recorded_trace_is_verified_and_a_changed_value_is_found(small, tmp_path):
    network, _, images = small
    ipvae.run(network, images, steps=STEPS, record=("voltage", "z"), trace_file=tmp_path / "t.h5")
    found = ipvae.verify_trace(network, tmp_path / "t.h5", images)
    assert found.bit_exact and found.holds and found.compared_values == 3 * STEPS * (6 * 2 + 9 * 2)
    with h5py.File(tmp_path / "t.h5", "r+") as opened:
        file: Any = opened
        values = file["samples/2/1/voltage"][...]
        values[4, 3] += 1
        file["samples/2/1/voltage"][...] = values
    first = ipvae.verify_trace(network, tmp_path / "t.h5", images).first_divergence
    assert (first["sample"], first["layer"], first["variable"]) == (2, "1", "voltage")
    assert (first["step"], first["index"], first["backend"]) == (4, 3, "emulator")
    other = dataclasses.replace(network, layers=network.layers[:1])
    with pytest.raises(ipvae.IpvaeError, match="t.h5: is of the network"):
        ipvae.verify_trace(other, tmp_path / "t.h5", images)


def test_evaluate_judges_the_last_layer_after_each_number_of_steps(small, plain_nets):
    network, layers, images = small
    labels = expected(network, layers, plain_nets, images).outputs.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 4
    found = ipvae.evaluate(network, images, labels, steps=(2, STEPS))
    assert [point["step"] for point in found.curve] == [2, STEPS]
    assert found.accuracy == pytest.approx(2 / 3) and found.curve[-1]["r2"] is None
    assert found.to_json()["accuracy"] == found.accuracy
    with pytest.raises(ipvae.IpvaeError, match="^probe: found True, but"):
        ipvae.evaluate(network, images, labels, probe=True)


def test_a_network_of_lava_dl_is_described_as_from_its_file(small, tmp_path):
    network, _, _ = small
    found = ipvae.describe(network)
    assert found.facts == ipvae.describe(tmp_path / "x.net").facts
    assert found.facts["neurons"] == 15
    what, following, facts, layers = found.shown()
    assert what == "lava-dl network: input 6, 15 neurons in 2 layers, 50 synapses, CUBA"
    assert following == "next: ipvae.run('NET.h5', images='FILE.npy')"
    assert facts.title == "lava-dl network"
    assert [row[0] for row in layers.rows] == ["1 dense", "2 dense"]


def test_arrays_and_files_of_images_are_taken_alike(small, tmp_path):
    network, _, images = small
    np.save(tmp_path / "images.npy", images)
    of_file = load_frames(tmp_path / "images.npy", network, STEPS)
    np.testing.assert_array_equal(load_frames(images, network, STEPS).values, of_file.values)
    for bad in (images.astype(str), images[0], np.full((2, 6), np.nan)):
        with pytest.raises(ipvae.IpvaeError, match="^images: holds"):
            load_frames(bad, network, STEPS)


def test_what_such_a_network_cannot_do_is_refused_by_name(small, make_network):
    network, _, images = small
    assert isinstance(network, Network)
    calls = {
        "backend: found 'loihi2', which has no CUBA and sigma-delta": {"backend": "loihi2"},
        "draws_file: found t.h5, but the network is a .*: a trace": {"draws_file": "t.h5"},
        "replay_draws: found d.h5, .* give the seed= of": {"replay_draws": "d.h5"},
        "motion: needs frame_steps=": {"motion": "rotate"},
        "seed: found 3, but nothing is drawn": {"backend": "lava", "seed": 3},
        "samples: found 9, allowed up to 3": {"backend": "lava", "samples": 9},
    }
    for message, arguments in calls.items():
        with pytest.raises(ipvae.IpvaeError, match=f"^{message}"):
            ipvae.run(network, images, steps=STEPS, **arguments)
    with pytest.raises(ipvae.IpvaeError, match="holds no images; give some with images="):
        ipvae.run(network, steps=STEPS, backend="lava")
    with pytest.raises(ipvae.IpvaeError, match="^integers: found real, allowed with a lava-dl"):
        ipvae.run(make_network(), integers="real")
    with pytest.raises(ipvae.IpvaeError, match="^diff: found .*allowed two networks or two"):
        ipvae.diff(network, make_network())


def test_two_networks_are_compared_field_by_field(small, tmp_path):
    network, _, images = small
    assert ipvae.diff(network, tmp_path / "x.net").same
    first, second = network.layers
    weights = first.connections[0].weights.weight.copy()
    weights[3, 2] += 7
    changed = dataclasses.replace(first.connections[0], weights=Dense(weights))
    other = dataclasses.replace(
        network,
        layers=(
            dataclasses.replace(first, connections=(changed,), bias=np.arange(5)),
            dataclasses.replace(second, neuron=CubaNeuron(10, 4096, 512), purpose="readout"),
        ),
        test_images=images,
        provenance={"made": "here"},
    )
    found = ipvae.diff(network, other)
    named = {d.name: (d.part, d.detail) for d in found.differences}
    assert named["connection 0: weights"] == ("runs", "1 of 30 differ, most at [3, 2]")
    assert named["layer 1: biases"][0] == "runs" and named["layer 2: vThMant"][0] == "runs"
    assert named["layer 2: purpose of the layer"][0] == "judged"
    assert named["test images"] == ("judged", "shapes") and "provenance made" in named
    assert not found.runs_alike


def test_check_and_place_take_such_a_network(small):
    network, _, images = small
    found = ipvae.check(network)
    assert found.ok and found.cores == 3
    plan = ipvae.place(network, run=ipvae.run(network, images, steps=STEPS))
    assert plan.plan.fits and "3 images of 5 rows" in plan.plan.activity.source


def made_up(outputs, labels=None, potentials=None):
    counts = Counts(*(0.0,) * len(dataclasses.fields(Counts)))
    sent = np.array(outputs)
    parts = {"backend": "lava", "images": len(outputs), "steps": 2, "frames": 1, "seed": 0}
    more = {"replayed": False, "totals": None, "trace": None, "code": "2", "seconds": 1.0}
    still = np.zeros_like(sent) if potentials is None else np.array(potentials)
    return NetworkRun(
        **parts,
        **more,
        outputs={"2": sent},
        network_totals=NetworkTotals(len(sent), 2, {}, sent, sent, still),
        counted=NetworkCounts(counts, (), 0.5),
        labels=labels,
    )


def test_the_class_is_the_output_that_sent_most_and_none_where_all_are_silent():
    run = made_up([[0, 3, 1], [0, 0, 0], [2, 2, 0]])
    assert run.to_json()["classes"] == [1, None, 0] and run.accuracy is None
    assert dict(run.rows())["classes"] == "1, -, 0"
    judged = made_up([[0, 3, 1], [0, 0, 0], [2, 2, 0], [1, 0, 0]], np.array([1, 1, 1, -1]))
    assert judged.accuracy == pytest.approx(1 / 3)
    assert dict(judged.rows())["accuracy"] == "33.3%"


def test_where_nothing_was_sent_the_largest_potential_decides():
    run = made_up([[0, 0, 0], [0, 1, 0]], potentials=[[-5, -3, -4], [9, 0, 0]])
    assert run.classes.tolist() == [1, 1]


def test_labels_must_be_classes_of_the_last_layer():
    assert first_labels(None, 2, 4) is None
    assert first_labels([3, 1, 2], 2, 4).tolist() == [3, 1]
    for labels, text in (
        ([4, 0], "allowed below 4"),
        ([1], "shape \\(2,\\)"),
        ([0.5, 1], "integers"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=f"^labels: .*{text}"):
            first_labels(labels, 2, 4)
