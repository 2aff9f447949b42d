# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.make_report`: arrays, networks in memory, one run, the same as from the command line."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.cli.main import run_command
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run as emulate
from ipvae.energy.counting.counts import count_run
from ipvae.energy.counting.step_counts import count_trace
from ipvae.evaluation.metrics import curve, quality, r2
from ipvae.network.pixels import to_real
from ipvae.report.html.earlier import GENERATOR
from ipvae.workflows.cluster import shards_of
from ipvae.workflows.reporting import once

STEPS, SEED = 9, 5
TAG = f'<meta name="generator" content="{GENERATOR}">'.encode()


@pytest.fixture
def net(make_network):
    return make_network(k=16, m=12)


@pytest.fixture
def page(monkeypatch):
    """Reports whose page is not drawn, which takes longest."""
    monkeypatch.setattr("ipvae.report.html.page.files", lambda *_: {"index.html": TAG})


@pytest.fixture
def still(monkeypatch):
    """A machine whose energy counters are not read: no two runs take the same."""
    watch = once.this_machine
    monkeypatch.setattr(once, "this_machine", lambda _: watch("elsewhere"))


@pytest.mark.usefixtures("still")
def test_the_command_writes_what_the_call_gives(net, tmp_path):
    net.save(tmp_path / "net.h5")
    words = ["report", tmp_path / "net.h5", "--out", tmp_path / "cli", "--steps", STEPS]
    assert run_command(["--quiet", *map(str, words)]) == 0
    report = ipvae.make_report(tmp_path / "net.h5", steps=STEPS)
    assert report.save(tmp_path / "api") == tmp_path / "api" / "index.html"
    written = json.loads((tmp_path / "cli" / "report.json").read_text())
    mine = json.loads((tmp_path / "api" / "report.json").read_text())
    assert mine == report.to_json()
    texts = mine.pop("run"), written.pop("run")
    assert mine == written
    assert texts[0]["versions"] == texts[1]["versions"] and texts[0]["images"] == texts[1]["images"]
    assert texts[0]["command"].startswith("ipvae.make_report(ipvae.load_network(")
    assert texts[1]["command"].startswith("ipvae report ")
    figures = [path.relative_to(tmp_path / "cli") for path in (tmp_path / "cli").rglob("*.*g")]
    assert len(figures) > 10
    for name in figures:
        assert (tmp_path / "cli" / name).read_bytes() == (tmp_path / "api" / name).read_bytes()


@pytest.mark.usefixtures("still", "page")
def test_a_network_that_never_was_a_file_and_arrays(net, tmp_path):
    stored = ipvae.make_report(net, steps=STEPS)
    assert stored.data["network"] == "network in memory"
    assert stored.data["run"]["images"] == "the test images in the network"
    assert stored.data["samples"] == len(net.test_images)
    levels = net.test_images.reshape(-1, *net.input.shape)
    given = ipvae.make_report(net, levels, net.test_labels, steps=STEPS)
    assert given.data["run"]["images"] == "images given as an array"
    assert given.data["run"]["command"].startswith("ipvae.make_report(network, images, ")
    real = ipvae.make_report(net, to_real(net.test_images, net.input), steps=STEPS)
    for key in ("counts", "quality", "curve", "by_image", "cores", "energy", "headline"):
        assert given.data[key] == stored.data[key] == real.data[key]
    given.save(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == given.to_json()


@pytest.mark.usefixtures("page")
def test_one_run_gives_all_that_a_report_shows(kinds, network_kind, monkeypatch):
    """The emulator advances every image once; what was seen is what the trace holds."""
    network = kinds.networks(5)[network_kind]
    runs: list[int] = []
    over_tiles = Emulator.over_tiles

    def counted(self, act, images, *rest, **options):
        runs.append(len(images))
        return over_tiles(self, act, images, *rest, **options)

    monkeypatch.setattr(Emulator, "over_tiles", counted)
    monkeypatch.setattr(Emulator, "rows", lambda *_: pytest.fail("a second run"))
    images = network.test_images
    report = ipvae.make_report(network, steps=STEPS, seed=SEED, scheduler="none")
    assert runs == [len(images)]
    monkeypatch.undo()
    trace = emulate(network, images, STEPS, SEED)
    z = trace.stacked(network.code, "z")
    real = to_real(images, network.input)
    found = report.data
    assert found["counts"] == count_run(network, trace).as_dict()
    assert found["quality"] == pytest.approx(quality(real, z[:, -1], network.decoder), nan_ok=True)
    by_step = {point["step"]: z[:, point["step"]] for point in found["curve"]}
    assert found["curve"] == curve(real, by_step, network.decoder)
    np.testing.assert_array_equal(report.pictures.raster, z[0])
    np.testing.assert_array_equal(report.pictures.counts, z[:, -1])
    counts = count_trace(network, trace)
    assert found["by_step"]["spikes"] == (counts.steps["spikes"] / len(images)).tolist()
    assert found["by_image"]["synaptic_ops"]["max"] == counts.images["synaptic_ops"].max()
    each = [r2(real[i : i + 1], z[i : i + 1, -1] @ network.decoder.T) for i in range(len(real))]
    spread = found["quality_by_image"]["r2"]
    assert (spread["min"], spread["max"]) == pytest.approx((min(each), max(each)), rel=1e-5)
    assert spread["sd"] == pytest.approx(np.std(each), rel=1e-4)


def twin(name, network, images, n_steps, seed):
    assert name == "lava"
    return emulate(network, images, n_steps, seed)


@pytest.mark.usefixtures("page")
def test_the_emulators_side_of_a_verification_is_the_reports_own_run(net, monkeypatch):
    monkeypatch.setattr(once, "run_backend", twin)
    report = ipvae.make_report(net, steps=30, verify=("emulator", "lava"))
    found = report.data["verified"]
    assert report.bit_exact and (found["samples"], found["steps"]) == (2, 16)
    assert found["compared_values"] == 2 * 17 * 3 * 16

    def altered(*arguments):
        trace = twin(*arguments)
        trace.samples[1]["1"]["u"][4, 3] += 1
        return trace

    monkeypatch.setattr(once, "run_backend", altered)
    report = ipvae.make_report(net, steps=30, verify=["lava"])
    assert report.bit_exact is False
    assert report.data["verified"]["first_divergence"]["step"] == 4
    assert ipvae.make_report(net, steps=3).bit_exact is None


@pytest.mark.usefixtures("page")
def test_several_seeds_are_reported_with_their_spread(net, shown):
    report = ipvae.make_report(net, steps=STEPS, seeds=(3, 0, 8))
    alone = [ipvae.make_report(net, steps=STEPS, seed=seed).data for seed in (3, 0, 8)]
    assert report.data["seed"] == 3 and report.data["counts"] == alone[0]["counts"]
    found = report.data["seeds"]
    assert found["seeds"] == [3, 0, 8]
    for group in ("counts", "quality"):
        for name in alone[0][group]:
            values = [one[group][name] for one in alone]
            assert found[group][name] == pytest.approx(np.mean(values))
            assert found[group][f"{name}_sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    modelled = [row for row in alone[0]["energy"] if row["kind"] == "modelled"]
    assert len(found["energy"]) == len(modelled)
    for i, row in enumerate(found["energy"]):
        values = [one["energy"][i]["high_j"] for one in alone]
        assert row["high_j"] == pytest.approx(np.mean(values))
        assert row["high_j_sd"] == pytest.approx(np.std(values, ddof=1))
    (line,) = [line for line in report.shown() if str(line).startswith("Over 3 seeds: ")]
    assert f"{shown.mean(found['counts']['synaptic_ops'])} (sd " in str(line)
    assert "seeds" not in alone[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: found 0, allowed 1 and above"),
        ({"seeds": ()}, "seeds: found none, allowed one or more different numbers"),
        ({"seeds": (1, 1)}, "seeds: found 1, 1, allowed one or more different numbers"),
        ({"verify": ("emulator",)}, "verify: found 'emulator', allowed backends to compare"),
        ({"verify": "brian"}, "backend: found 'brian', allowed emulator, lava"),
        ({"samples": 99}, "samples: found 99, allowed up to 5"),
        ({"measured": "nothing.csv"}, "nothing.csv: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(net, tmp_path, options, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.make_report(net, folder=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ipvae.IpvaeError, match="folder: none was given"):
        ipvae.make_report(net, steps=2).save()


def test_a_report_shows_itself_and_replaces_only_a_report(net, tmp_path):
    report = ipvae.make_report(net, steps=STEPS)
    assert repr(report) == "Report(network in memory, 5 images, 9 steps)"
    assert "Energy of an image" in report._repr_html_()
    assert dict(report.rows())["Energy of an image"].endswith("(Loihi 2 band, modelled)")
    assert report.headline["chip"] == "Loihi 2"
    assert report.counts == report.data["counts"] and report.quality == report.data["quality"]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "weights-7.svg").write_text("of somebody")
    report.save(tmp_path)
    assert GENERATOR in (tmp_path / "index.html").read_text()
    assert (tmp_path / "figures" / "weights-7.svg").exists()  # beside a page that was not ours
    report.save(tmp_path)
    assert not (tmp_path / "figures" / "weights-7.svg").exists()
    (tmp_path / "report.json").unlink()
    (tmp_path / "report.json").mkdir()
    with pytest.raises(ipvae.IpvaeError, match="cannot write there"):
        report.save(tmp_path)


@pytest.mark.usefixtures("page", "still")
def test_shards_on_a_cluster_give_the_same_report(net, monkeypatch):
    """Each shard has its own observers; their results are joined in order."""
    whole = ipvae.make_report(net, steps=STEPS, verify=()).to_json()
    monkeypatch.setattr("ipvae.workflows.cluster.IMAGES", 2)

    def on_shards(function, images, scheduler, progress):
        return [function(shard, progress) for shard in shards_of(images)]

    monkeypatch.setattr("ipvae.workflows.cluster.on_shards", on_shards)
    spread = ipvae.make_report(net, steps=STEPS, scheduler="tcp://elsewhere:1").to_json()
    assert spread == whole
