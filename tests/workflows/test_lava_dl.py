# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
"""Networks of lava-dl in the public API: read, described, run on Lava, counted, priced."""

import dataclasses

import numpy as np
import pytest
from ipvae.energy.counting.lava_dl_counts import PlainCounter
from ipvae.network.lava_dl_input import load_frames, messages
from ipvae.network.lava_dl_network import PlainNetwork

import ipvae
from ipvae.energy.counting.counts import Counts
from ipvae.workflows import lava_dl

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


@pytest.mark.lava
def test_a_run_is_counted_and_priced_as_the_oracle_counts(small, plain_nets):
    network, layers, images = small
    counter, outputs = PlainCounter(network), []
    for image in images[:2]:
        sent = messages(network.input, image[None], STEPS)
        record = plain_nets.windows(layers, plain_nets.simulate(layers, sent), STEPS)
        counter.add(sent, record)
        outputs.append(record["2"].sum(axis=0))
    result = ipvae.run(network, images, steps=STEPS, samples=2, backend="lava")
    counts = ipvae.count_operations(network, result)
    assert counts.total == counter.total() and list(counts.layers) == counter.layers()
    assert counts.synaptic_ops > 0 and counts.images == result.images == 2
    np.testing.assert_array_equal(result.outputs[result.code], outputs)
    (row,) = ipvae.estimate_energy(network, result).energy
    assert row.low_j > 0
    assert [row[0] for row in result.rows()] == ["images x steps", "time", "messages", "classes"]
    found = result.to_json()
    assert found["outputs"] == np.array(outputs).tolist() and "accuracy" not in found
    best = [int(np.argmax(sent)) if max(sent) > 0 else None for sent in outputs]
    assert found["classes"] == best
    assert "lava-dl network on lava" in result.shown()[0].title


def test_a_network_of_lava_dl_is_described_as_from_its_file(small, tmp_path):
    network, _, _ = small
    found = ipvae.describe(network)
    assert found.facts == ipvae.describe(tmp_path / "x.net").facts
    assert found.facts["neurons"] == 15
    what, following, facts, layers = found.shown()
    assert what == "lava-dl network: input 6, 15 neurons in 2 layers, 50 synapses, CUBA"
    assert following == "next: ipvae run NET.h5 --backend lava --images FILE.npy"
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
    assert isinstance(network, PlainNetwork)
    calls = {
        "backend: found 'emulator', allowed for a lava-dl network is lava": {},
        "trace_file: found t.h5, but a lava-dl network is": {"trace_file": "t.h5"},
        "record: found all, but": {"record": "all"},
        "frame_steps: found 2, but": {"frame_steps": 2},
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
    for call in (ipvae.check, ipvae.place, ipvae.verify, lambda n: ipvae.diff(n, n)):
        with pytest.raises(ipvae.IpvaeError, match="^network: is one of lava-dl's"):
            call(network)


@pytest.mark.lava
def test_a_report_is_one_file(small, tmp_path):
    network, _, images = small
    made = lava_dl.report(network, images, steps=STEPS, samples=1)
    made.save(tmp_path / "report")
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["report.json"]
    assert made.to_json()["energy"][0]["low_j"] == made.energy[0].low_j


def made_up(outputs, labels=None):
    counts = Counts(*(0.0,) * len(dataclasses.fields(Counts)))
    parts = {"backend": "lava", "images": len(outputs), "steps": 2, "frames": 1, "seed": 0}
    more = {"replayed": False, "totals": None, "trace": None, "code": "2", "seconds": 1.0}
    sent = {"2": np.array(outputs)}
    return lava_dl.LavaDlRun(
        **parts, **more, counts=counts, layers=(), zeros=0.5, outputs=sent, labels=labels
    )


def test_the_class_is_the_output_that_sent_most_and_none_where_all_are_silent():
    run = made_up([[0, 3, 1], [0, 0, 0], [2, 2, 0]])
    assert run.to_json()["classes"] == [1, None, 0] and run.accuracy is None
    assert dict(run.rows())["classes"] == "1, -, 0"
    judged = made_up([[0, 3, 1], [0, 0, 0], [2, 2, 0], [1, 0, 0]], np.array([1, 1, 1, -1]))
    assert judged.accuracy == pytest.approx(1 / 3)
    assert dict(judged.rows())["accuracy"] == "33.3%"


def test_labels_must_be_classes_of_the_last_layer():
    assert lava_dl.first_labels(None, 2, 4) is None
    assert lava_dl.first_labels([3, 1, 2], 2, 4).tolist() == [3, 1]
    for labels, said in (
        ([4, 0], "must be below 4"),
        ([1], "shape \\(2,\\)"),
        ([0.5, 1], "integers"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=f"^labels: .*{said}"):
            lava_dl.first_labels(labels, 2, 4)
