# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""Networks of maps with a decoder: figures of run and evaluation, comparison, report, plan."""

import json
from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.evaluation.metrics import r2
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.steps import decode
from ipvae.network.connections import Connection, Dense
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Layer

CANVAS = Canvas((1, 14, 18), 12, 4, 2)


@pytest.fixture(scope="module")
def model(maps):
    return maps.checkpoint(CANVAS)


@pytest.fixture(scope="module")
def images(maps):
    return maps.pixels(CANVAS.image, 8)


@pytest.fixture(scope="module")
def network(model, images):
    return ipvae.quantize(model, images, most_loss=1).network


def test_figures_are_those_of_the_recorded_counts(model, images, network, maps):
    run = ipvae.run(network, samples=3, steps=16, seed=4, record="all")
    real = (images[:3] * maps.SCALE).reshape(3, -1)
    counts = run.trace.stacked("1", "z")[:, 16]
    expected = r2(real, decode(model.params, CANVAS, counts).reshape(3, -1))
    assert run.fit["r2"] == pytest.approx(expected, abs=1e-6)
    assert run.fit["zeros"] == (counts == 0).mean()
    assert run.fit["spikes"] == counts.sum(axis=1).mean()
    found = run.to_json()
    assert found["r2"] == run.fit["r2"]
    assert "outputs" not in found and "classes" not in found
    assert ("R2", f"{expected:.4f}") in run.rows()


def test_evaluation_by_steps(network):
    found = ipvae.evaluate(network, steps=(2, 8, 32), samples=5)
    assert [point["step"] for point in found.curve] == [2, 8, 32]
    assert found.r2 == found.curve[-1]["r2"] > 0.5 > found.curve[0]["r2"]
    for point in found.curve:
        run = ipvae.run(network, samples=5, steps=point["step"])
        for key in ("mse", "r2", "zeros", "spikes"):
            assert point[key] == run.fit[key], key
        assert point["synaptic_ops"] == run.counts.synaptic_ops
    (table,) = found.shown()
    assert table.columns == ["step", "MSE", "R2", "zeros", "spikes", "synaptic ops"]
    assert "outputs" not in found.to_json()


def test_a_comparison_has_reconstructions(model, images, network):
    coarse = ipvae.quantize(model, images, weight_bits=5, most_loss=1).network
    found = ipvae.compare({"eight": network, "five": coarse}, steps=(4, 16, 64), samples=4)
    for compared in found.models:
        assert compared.curve[-1]["r2"] > 0.5
        assert compared.stop in (4, 16, 64)
    assert found.models[0].curve[-1]["r2"] == ipvae.evaluate(network, steps=64, samples=4).r2


def test_a_report_shows_photographs_and_maps(network, tmp_path):
    found = ipvae.make_report(network, steps=20, samples=2)
    data = found.to_json()
    assert found.quality["r2"] == ipvae.run(network, samples=2, steps=20).fit["r2"]
    assert [point["step"] for point in data["curve"]] == [1, 4, 16, 20]
    last = data["reconstructions"][-1]
    assert last["step"] == 20 and np.mean(last["r2"]) == pytest.approx(found.quality["r2"])
    means = [one["mean_count"] for one in data["maps"]]
    assert len(means) == 12 and means == sorted(means, reverse=True) and means[0] > 0
    page = found.save(tmp_path / "report").read_text()
    assert page.count("data:image/png") >= 2 * (1 + 4) + 12
    for text in ("Reconstructions", "Read out after 16 steps", "counts are drawn, seed 0", "map "):
        assert text in page
    json.loads((tmp_path / "report" / "report.json").read_text())
    assert any(title == "Reconstruction" for title, _ in found.rows())


def test_checks_plans_counts_and_energies(network):
    assert ipvae.check(network).ok
    run = ipvae.run(network, samples=2, steps=8)
    plan = ipvae.place(network, run=run)
    assert plan.fits
    counted = ipvae.count_operations(network, run)
    (layer,) = (of for of in run.layers if of.layer == "1")
    assert counted.synaptic_ops == layer.synaptic_ops > 0
    assert run.counts.effective_macs < counted.synaptic_ops
    assert ipvae.estimate_energy(network, run).loihi2 is not None
    assert ipvae.describe(network).to_json()["layers"][0]["kernel"] == [3, 3]


def test_a_trace_of_lava_is_counted_as_one_of_the_emulator(network, tmp_path):
    runs = [
        ipvae.run(network, samples=1, steps=6, backend=name, record="all", trace_file=path)
        for name, path in (("emulator", tmp_path / "e.h5"), ("lava", tmp_path / "l.h5"))
    ]
    assert runs[0].fit == runs[1].fit
    counted = [ipvae.count_operations(network, tmp_path / name) for name in ("e.h5", "l.h5")]
    assert counted[0].to_json() == counted[1].to_json()


def test_a_readout_of_classes_after_the_maps_is_judged_by_its_class(network):
    weights = np.random.default_rng(0).integers(-9, 20, (3, network.layers[0].n_neurons))
    readout = Layer(
        "2", CubaNeuron(90, 4096, 400), (Connection("1", Dense(weights)),), None, "readout"
    )
    found = ipvae.evaluate(replace(network, layers=(*network.layers, readout)), steps=8, samples=2)
    assert found.r2 is None
    assert len(found.classes) == 2
