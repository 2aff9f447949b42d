"""What `ipvae compare`, classifiers and `ipvae export` print has the numbers of their JSON."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ipvae.network.io.network_file import write_network
from ipvae.report.pictures import comparison
from ipvae.workflows.compare import ComparedModel
from ipvae.workflows.comparison.costed import PROBE
from ipvae.workflows.evaluation.codes import Codes
from ipvae.workflows.evaluation.figures import dimension_figures, neighbour_figures, probe_figures
from ipvae.workflows.evaluation.text import dimensionality_text, neighbours_text, probe_text
from ipvae.workflows.quantizing.quantized import Quantized
from ipvae.workflows.quantizing.saved import SavedNetwork
from ipvae.workflows.results import Table

MICRO = 1_000_000


@pytest.fixture(scope="module")
def compared(tmp_path_factory, kinds, shown, run_wide):
    """JSON, text and what was drawn, of a network with classes, of another and of least squares."""
    home = tmp_path_factory.mktemp("compared")
    every = kinds.networks(4)
    images = every["lca"].test_images, every["lca"].test_labels
    for name in ("recurrent + 2 read-outs", "feed-forward"):
        network = every[name]
        named = shown.with_named_readouts(network) if network.readouts else network
        same = dict(zip(("test_images", "test_labels"), images, strict=True))
        write_network(home / f"{name.split()[0]}.h5", shown.replace(named, **same))
    drawn = []
    words = ("compare", "recurrent.h5", "feed-forward.h5", "--dense", "recurrent.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(comparison, "comparison", lambda *given: drawn.append(given))
        options = ("--samples", 3, "--steps", "1,4,12", "--seed", 2, "--out", "out")
        status, text = run_wide(*words, *options)
        assert status == 0
        words = ("evaluate", "recurrent.h5", *options[:-2], "--json", "evaluated.json")
        assert run_wide(*words)[0] == 0
    found = json.loads((home / "out" / "compare.json").read_text())
    found["evaluated"] = json.loads((home / "evaluated.json").read_text())
    return found, text, drawn[0]


def test_the_table_has_the_numbers_of_the_json(compared, shown):
    found, text, _ = compared
    title = (
        "3 images, seed 2, at the early-stopping point: the least compared step whose R2 is the "
        "last less 0.005, or more; per image"
    )
    heads = ["kind", "stop", "R2", "zeros", "accuracy", "synaptic ops", "products"]
    names = {subject["name"] for subject in found["subjects"]}
    rows = [row for row in shown.lines(text) if row[0] in names and len(row) == len(heads) + 1]
    assert " ".join(title.split()) in " ".join(text.split())
    assert heads in shown.lines(text)
    assert [row[0] for row in rows] == [
        "recurrent.h5", "feed-forward.h5", "recurrent.h5, least squares",
    ]  # fmt: skip
    for row, subject in zip(rows, found["subjects"], strict=True):
        (point,) = [point for point in subject["curve"] if point["step"] == subject["stop"]]
        accuracy = f"{point['accuracy']:.2%}*" if "accuracy" in point else "none"
        assert row[1:8] == [
            subject["kind"],
            "one shot" if subject["one_shot"] else f"{point['step']} of 12",
            f"{point['r2']:.4f}",
            f"{point['zeros']:.4f}",
            accuracy,
            f"{point['synaptic_ops']:,.0f}",
            f"{point['drive_macs'] + point['readout_ops']:,.0f}",
        ]
    assert sum("*" in row[5] for row in rows) == 1


ENERGIES = "energy per image, microjoules, modelled, at the early-stopping point"


def test_energies_are_loihi_2s_dynamic_and_static_apart_and_loihi_1s_beside_them(compared, shown):
    found, text, _ = compared
    heads, *rows = shown.rows_below(text, ENERGIES)
    assert heads == ["Loihi 2 band, dynamic", "Loihi 2 band, static", "Loihi 1 constants"]
    assert [row[0] for row in rows] == ["recurrent.h5", "feed-forward.h5"]
    for row, subject in zip(rows, found["subjects"], strict=False):
        (point,) = [point for point in subject["curve"] if point["step"] == subject["stop"]]
        for cell, model, part in zip(
            row[1:], ("Loihi 2 band",) * 2 + ("Loihi 1 constants",),
            ("dynamic", "static", "dynamic"), strict=True,
        ):  # fmt: skip
            (of,) = [r for r in point["energy"] if (r["model"], r["part"]) == (model, part)]
            assert of["low_j"] < of["high_j"]
            assert shown.shows_band(cell, of["low_j"], of["high_j"], MICRO)
    assert "Loihi 2 band: no energy per operation is published" in text


def test_a_probes_accuracy_has_no_star(compared):
    found, _, _ = compared
    point = {**found["subjects"][0]["curve"][0], "accuracy": 0.98765, "accuracy_by": PROBE}
    one = ComparedModel("a", None, "integers", False, {}, point["step"], [point])
    assert one.cells()[5] == "98.77%"
    later = {**point, "step": 99, "r2": 0.5}
    both = replace(one, stop=None, curve=[point, later])
    assert both.cells()[2:4] == ["99 of 99", "0.5000"]


def test_the_picture_is_of_the_same_subjects(compared):
    found, _, (png, svg, subjects, below, energy) = compared
    assert (png.name[:12], svg.name[:12]) != ("", "")
    assert json.loads(json.dumps(subjects)) == found["subjects"]
    assert below == "3 images, seed 2"
    assert energy == found["energy_model"] == "Loihi 2 band"


def test_points_are_those_of_evaluate(compared):
    found, _, _ = compared
    evaluated, subject = found["evaluated"], found["subjects"][0]
    keys = ("step", "r2", "mse", "zeros")
    assert [{key: point[key] for key in keys} for point in subject["curve"]] == evaluated["curve"]
    (accuracy,) = [of["accuracy"] for of in evaluated["readouts"] if "accuracy" in of]
    assert subject["curve"][-1]["accuracy"] == accuracy


def test_least_squares_take_two_products(compared):
    (point,) = compared[0]["subjects"][-1]["curve"]
    assert (point["drive_macs"], point["readout_ops"], point["synaptic_ops"]) == (42, 42, 0)


def test_sums_of_operations_are_of_their_parts(compared):
    for subject in compared[0]["subjects"]:
        for point in subject["curve"]:
            parts = ("synaptic_ops", "drive_macs", "readout_ops")
            assert point["operations"] == sum(point[part] for part in parts) > 0
            if "counts" in point:
                assert {part: point["counts"][part] for part in parts} == {
                    part: point[part] for part in parts
                }


@pytest.fixture(scope="module")
def codes():
    """Features of 240 + 60 images of three classes that a classifier may confuse."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 6)) + np.eye(3, 6)[labels] * 1.5
    return Codes(features[:240], labels[:240], features[240:], labels[240:])


def test_accuracies_are_percentages(codes):
    found = probe_figures(codes)
    text = probe_text(found)
    assert 0.5 < found["accuracy"] < 1
    assert (
        text
        == f"accuracy {100 * found['accuracy']:.2f}% (classifier fitted on 240 training images)"
    )
    found = neighbour_figures(codes, 0)
    text = neighbours_text(found)
    of = found["neighbours"]["200"]
    assert 0 < of["deviation"] < of["accuracy"] < 1
    assert text.split(", ")[0] == (
        f"{found['neighbours_voting']} nearest neighbours: {100 * of['accuracy']:.2f}% +- "
        f"{100 * of['deviation']:.2f}% with 200"
    )
    assert text.endswith(", none with 5000 (only 240 training images) labels")
    assert found["neighbours_train_images"] == 240


def test_dimensionality_is_reported_as_it_was_found(codes):
    found = dimension_figures(codes, 0)
    text = dimensionality_text(found, 6)
    of = found["dimensionality"]["shattering"]
    assert of["lowest"] < of["accuracy"]
    assert text == (
        f"dimensionality: participation ratio {found['dimensionality']['participation_ratio']:.1f} "
        f"of 6, shattering {100 * of['accuracy']:.2f}% (mean of {of['dichotomies']} of "
        f"{of['possible']} dichotomies, the worst {100 * of['lowest']:.2f}%; fitted on "
        f"{of['train_images']} training images)"
    )


CURVES = {
    kind: {
        "curve": [
            {"step": step, "r2": r2, "mse": 1 - r2, "zeros": r2 / 2}
            for step, r2 in ((16, at), (64, at + 0.125))
        ],
        "silent_neurons": int(100 * at),
        "saturated_neurons": int(10 * at),
        "images": 77,
    }
    for kind, at in (("integer", 0.5), ("float", 0.75))
}
GRID = {"weights": 1600, "scale": 2**-5, "range": [-31, 29], "clipped": 3, "zeros": 17}
LAYER = {
    "layer": "1",
    "role": "code",
    "neurons": 40,
    "grids": {"weight": {**GRID, "weights": 9, "clipped": 8}, "weight_rec": GRID},
    "widest_accumulator": "a_in",
    "accumulator_bits": 21,
    "saturations": {"u": 5, "z": 2},
}


def test_export_states_what_was_lost():
    other = {**LAYER, "layer": "2", "role": "read-out", "neurons": 64, "widest_accumulator": None}
    report: Any = SimpleNamespace(
        options=SimpleNamespace(weight_bits=6, changed_inference=False),
        integer=CURVES["integer"],
        real=CURVES["float"],
        layers=[LAYER, {**other, "grids": {}}],
    )
    code = SimpleNamespace(weight_rec=np.zeros((40, 40)))
    network: Any = SimpleNamespace(
        input=SimpleNamespace(size=48), layers={"1": code, "2": SimpleNamespace(weight_rec=None)}
    )
    message, losses, layers = SavedNetwork("a.h5", Quantized(network, report)).shown()
    assert isinstance(losses, Table) and isinstance(layers, Table)
    assert message == "wrote a.h5: 48 pixels, neurons: 40 code, 64 read-out; 1600 synapses, 6 bits"
    assert losses.title == "77 training images"
    forms = {"R2": ("r2", ".4f"), "MSE": ("mse", ".3e"), "zeros": ("zeros", ".4f")}
    pairs = list(zip(*(CURVES[kind]["curve"] for kind in ("float", "integer")), strict=True))
    assert [tuple(row) for row in losses.rows] == [
        *(
            (f"{name}, {real['step']} steps", f"{real[key]:{form}}", f"{whole[key]:{form}}")
            for real, whole in pairs
            for name, (key, form) in forms.items()
        ),
        ("silent neurons", "75", "50"),
        ("saturated neurons", "7", "5"),
    ]
    assert losses.columns == ["", "float", "integer"]
    assert [list(column) for column in zip(*layers.rows, strict=True)] == [
        ["1 code", "2 read-out"],
        ["1600", ""],
        ["0.03125", ""],
        ["-31..29", ""],
        ["3", ""],
        ["17", ""],
        ["21 bits", "none"],
        ["7", "7"],
    ]
