# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
"""`ipvae.compare` of networks of any kind: costs and accuracy of separate runs, from one run."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.network.connections import Connection, Dense
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.kinds import CubaNeuron, SigmaDeltaNeuron
from ipvae.network.network import Input, Layer, Network

STEPS = (1, 3, 12)
SIDE, N = 4, 30


def network(seed, size=SIDE * SIDE, classes=3, kind=None, **stored):
    rng = np.random.default_rng(seed)
    neuron = kind or CubaNeuron(9, 4096, 300)
    entry = Input((size,), CubaNeuron(40, 4096, 200), weight=30.0)
    first = Layer("1", neuron, (Connection("0", Dense(rng.integers(-9, 20, (9, size)))),))
    last = Layer("2", neuron, (Connection("1", Dense(rng.integers(-9, 20, (classes, 9)))),))
    return Network(entry, (first, last), **stored)


@pytest.fixture(scope="module")
def spikes():
    return network(1)


@pytest.fixture(scope="module")
def changes():
    return network(2, kind=SigmaDeltaNeuron(1))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(8).integers(0, 60, (N, SIDE * SIDE))


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(9).integers(0, 3, N)


def test_points_are_those_of_separate_runs(spikes, changes, images, labels):
    found = ipvae.compare({"spikes": spikes, "changes": changes}, images, labels, steps=STEPS)
    assert (found.images, found.steps) == (N, STEPS)
    for name, one in (("spikes", spikes), ("changes", changes)):
        model = found[name]
        assert (model.kind, model.stop, model.one_shot) == ("integers", None, False)
        assert [point["step"] for point in model.curve] == list(STEPS)
        for point in model.curve:
            run = ipvae.run(one, images, steps=point["step"], labels=labels)
            assert point["counts"] == run.counts.as_dict()
            assert (point["accuracy"], point["zeros"]) == (run.accuracy, run.zeros)
            rows = [dict(row) for row in ipvae.estimate_energy(one, run).to_json()["energy"]]
            for row in rows:
                row.pop("source")
            assert point["energy"] == rows
    assert found["spikes"].to_json()["neurons"] == ["CUBA"]
    assert found["changes"].curve[-1]["counts"] != found["spikes"].curve[-1]["counts"]


def test_networks_that_draw_have_the_points_of_separate_runs(net, images):
    one = as_network(net)
    found = ipvae.compare(one, images, steps=STEPS, seed=5).models[0]
    for point in found.curve:
        run = ipvae.run(one, images, steps=point["step"], seed=5)
        assert point["counts"] == run.counts.as_dict()
    assert found.curve != ipvae.compare(one, images, steps=STEPS, seed=6).models[0].curve


def test_each_is_run_once(spikes, changes, images, monkeypatch):
    runs, totals_at = [], NetworkEmulator.totals_at
    monkeypatch.setattr(
        NetworkEmulator, "totals_at", lambda *a, **k: runs.append(a[2]) or totals_at(*a, **k)
    )
    found = ipvae.compare([spikes, changes], images, steps=STEPS)
    assert runs == [list(STEPS)] * 2
    assert "accuracy" not in found.models[0].curve[-1]


def test_streams_cost_the_products_of_the_frames_that_were_shown(spikes):
    frames = np.random.default_rng(3).random((4, 12, SIDE * SIDE))
    found = ipvae.compare(spikes, frames, steps=STEPS, integers="real").models[0]
    products = [point["drive_macs"] for point in found.curve]
    assert products == [SIDE * SIDE * step for step in STEPS]
    for point in found.curve:
        step = point["step"]
        alone = ipvae.run(spikes, frames[:, :step], steps=step, integers="real")
        assert point["counts"] == alone.counts.as_dict()


def test_it_is_saved_shown_and_drawn(spikes, changes, images, labels, tmp_path):
    found = ipvae.compare([spikes, changes], images, labels, steps=STEPS)
    saved = found.save(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == {
        "generator": "ipvae compare",
        **found.to_json(),
    }
    (table,) = [part for part in saved.shown() if not isinstance(part, str)]
    assert [row[:2] for row in table.rows] == [
        [name, str(step)] for name in ("network 1", "network 2") for step in STEPS
    ]
    assert table.rows[0][2].endswith("%") and " to " in table.rows[0][-1]
    assert len(found.plot().axes) == 6  # zeros and accuracy against three quantities
    assert "network 1: accuracy " in repr(found)


def test_files_of_any_version_and_models_on_the_same_images(
    spikes, model, net, labels, tmp_path, capsys
):
    from ipvae.cli.main import run_command
    from ipvae.float_models.checkpoint import save_checkpoint

    spikes.save(tmp_path / "spikes.h5")
    net.save(tmp_path / "net.h5")
    save_checkpoint(tmp_path / "run", model)
    images = np.random.default_rng(8).integers(0, 60, (N, SIDE, SIDE))
    np.save(tmp_path / "x.npy", images.reshape(N, -1))
    np.save(tmp_path / "y.npy", labels)
    subjects = [tmp_path / "spikes.h5", tmp_path / "net.h5", tmp_path / "run"]
    found = ipvae.compare(subjects, images.reshape(N, -1), labels, steps=(1, 3), probe=True)
    assert [one.name for one in found.models] == ["spikes.h5", "net.h5", "run"]
    assert found["spikes.h5"].curve[-1]["accuracy_by"] == "read-out"
    assert found["run"].curve[-1]["accuracy_by"] == "probe"
    assert "r2" in found["net.h5"].curve[0] and "r2" not in found["spikes.h5"].curve[0]
    tables = [part for part in found.shown() if not isinstance(part, str)]
    assert [len(table.rows) for table in tables] == [3, 2, 2]
    words = ["compare", *map(str, subjects), "--images", str(tmp_path / "x.npy"), "--probe"]
    words += ["--labels", str(tmp_path / "y.npy"), "--samples", str(N), "--steps", "1,3"]
    words += ["--out", str(tmp_path / "out"), "--json", "-"]
    assert run_command(words) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()


def test_their_own_images_are_taken_if_they_are_the_same(images, labels):
    stored = {"test_images": images, "test_labels": labels}
    one, other = network(1, **stored), network(2, **stored)
    found = ipvae.compare([one, other], steps=STEPS, samples=20)
    given = ipvae.compare([one, other], images[:20], labels[:20], steps=STEPS)
    assert found.to_json()["subjects"] == given.to_json()["subjects"]
    assert ipvae.compare(one, steps=1).images == N  # fewer than the default
    different = network(2, test_images=images[::-1])
    with pytest.raises(ipvae.IpvaeError, match="network 1 and network 2: their own images differ"):
        ipvae.compare([one, different], steps=1)


def test_what_cannot_be_compared_is_refused_in_one_line(spikes, net, images, labels, model):
    wide = network(3, size=9)
    small = network(3, classes=2)
    only_spikes = Network(Input((SIDE * SIDE,)), spikes.layers)
    cases = [
        (([spikes, wide], images), {}, "network 1 and network 2: found inputs of 16 and of 9 val"),
        (([net, wide], images), {}, "network 1 and network 2: found inputs of 16 and of 9 values"),
        (([spikes, net],), {}, "images: needed to compare network 1 with others; give images="),
        (([spikes],), {}, "network 1: .* holds no images"),
        (([spikes, small], images, labels), {}, "network 2: labels: found .* allowed below 2"),
        (([spikes, only_spikes], images), {}, "network 2: .* allowed 0..1"),
        (([spikes], images), {"seed": 3}, "seed: found 3, but network 1"),
        (([spikes], images), {"probe": True}, "probe: found True, but network 1"),
        (([spikes], images), {"data_dir": "d"}, "data_dir: found d, but network 1"),
        (([spikes], images), {"dense": spikes}, "dense: .* no dictionary"),
        (([model], images), {"lca": spikes}, "lca: .* is a network; give a model"),
        (([model], images), {"integers": "real"}, "integers: found real, allowed with networks"),
        (([spikes], images), {"steps": 2, "samples": 31}, "network 1: samples: found 31"),
    ]
    for given, more, message in cases:
        with pytest.raises(ipvae.IpvaeError, match=message) as caught:
            ipvae.compare(*given, **more)
        assert "\n" not in str(caught.value)
