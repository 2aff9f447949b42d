# pyright: reportAttributeAccessIssue=false
"""The scripts that make tables and figures of docs/, on a tiny model.

Each runs its `main` here, with fewer rows than the documents show; with `-m long` all rows, in a
separate process.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.emulator import recording
from ipvae.energy.counting.counts import count_run
from ipvae.workflows.image_input.images import preset_images

ROOT = Path(__file__).resolve().parents[2]
BETAS = {"ipvae": (2, 96), "pvae-linear": (0.25, 8)}
CHANGES = ["--rotate", "0,90", "--shift", "1,2", "--contrast", "0.5,1"]
STEPS = {
    "bits_curve": ["--samples", "8", "--steps", "1,2", "--seeds", "2"],
    "robustness": ["--samples", "8", "--fewer", "4", "--steps", "2", "--seeds", "2", *CHANGES],
    "compare_figures": ["--samples", "8", "--steps", "1,2", "--train-steps", "2"],
}
STEPS["robustness"] += ["--sets", "faces"]
STEPS["compare_figures"] += ["--epochs", "1", "--probe-images", "100"]

pytestmark = pytest.mark.xdist_group("documents")


@pytest.fixture
def tiny(shop, documents, tmp_path):
    """The README's model, of few neurons and epochs."""
    train = next(act for act in documents.acts("README.md") if act.command == "train")
    words = documents.with_less(train.words[:-1])
    status, text = shop.ipvae(*words, str(tmp_path / "run"), "--latents", "16")
    assert status == 0, text
    return tmp_path / "run"


@pytest.fixture
def made(script, monkeypatch, capsys):
    """Function of a script's name, words and values to set in it: what it prints."""

    def run(name, *words, **values):
        module = script(name)
        for key, value in values.items():
            monkeypatch.setattr(module, key, value)
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        capsys.readouterr()
        module.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def in_a_process():
    """The same with all that the script does by itself."""

    def run(name, *words):
        command = [sys.executable, ROOT / "scripts" / "figures" / f"{name}.py", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run


def require_picture(path):
    assert path.read_bytes().startswith(b"\x89PNG")


def rows_of(printed):
    return [line for line in printed.splitlines() if line.startswith("| ")]


def dial_is_there(printed, folder, betas):
    for model, values in betas.items():
        rows = [row.split(" | ") for row in rows_of(printed) if row.startswith(f"| `{model}` |")]
        assert [float(row[1]) for row in rows] == list(values)
    require_picture(folder / "dial.png")


def test_script_of_the_energy_dial_gives_its_table_and_figure(made, tmp_path):
    words = ["--runs", tmp_path / "runs", "--figure", tmp_path / "dial.png", "--epochs", "1"]
    dial_is_there(made("beta_dial", *words, BETAS=BETAS), tmp_path, BETAS)


@pytest.mark.long
def test_script_of_the_energy_dial_gives_every_row(in_a_process, script, tmp_path):
    words = ["--runs", tmp_path / "runs", "--figure", tmp_path / "dial.png", "--epochs", "1"]
    betas = script("beta_dial").BETAS
    assert [len(values) for values in betas.values()] == [5, 6]
    dial_is_there(in_a_process("beta_dial", *words), tmp_path, betas)


def curve_is_there(printed, folder, names):
    rows = rows_of(printed)
    assert [row.split(" | ")[0][2:] for row in rows[1:]] == list(names)
    several = ("| float", "| 8 bits |", "| 6 bits |", "| 4 bits, decoder")
    assert all(("±" in row) == row.startswith(several) for row in rows[1:])
    found = json.loads((folder / "curve" / "bits_curve.json").read_text())
    assert [row["name"] for row in found] == list(names)
    require_picture(folder / "curve.png")


def test_script_of_the_curve_of_bits_gives_its_table_and_figure(made, script, tiny, tmp_path):
    names = ["float", "8 bits", "7 bits", "4 bits, decoder refitted", "8 bits, error-units"]
    some = [export for export in script("bits_curve").EXPORTS if export.name in names]
    words = [tiny, "--out", tmp_path / "curve", "--figure", tmp_path / "curve.png"]
    printed = made("bits_curve", *words, *STEPS["bits_curve"], EXPORTS=some)
    curve_is_there(printed, tmp_path, names)


@pytest.mark.long
def test_script_of_the_curve_of_bits_gives_every_row(in_a_process, script, tiny, tmp_path):
    words = [tiny, "--out", tmp_path / "curve", "--figure", tmp_path / "curve.png"]
    printed = in_a_process("bits_curve", *words, *STEPS["bits_curve"])
    curve_is_there(printed, tmp_path, [export.name for export in script("bits_curve").EXPORTS])


def robustness_is_there(printed, folder):
    rows = [row.split(" | ")[0] for row in rows_of(printed)]
    rotated = [row for row in rows if row.startswith("| rotate")]
    assert rotated == ["| rotate 0", "| rotate 90"] + ["| rotate 90"] * 3
    assert "| invert" in rows
    assert rows.count("| faces-framed") == 3
    found = json.loads((folder / "out" / "robustness.json").read_text())
    assert set(found["response"]) == {"self", "drive"}
    assert len(found["changes"]["float"]) == 2
    require_picture(folder / "robustness.png")


def test_script_of_robustness_gives_its_tables_and_figure(made, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("ipvae.workflows.evaluation.codes.PROBE_IMAGES", 200)
    words = [tiny, "--out", tmp_path / "out", "--figure", tmp_path / "robustness.png"]
    words += ["--noise", "0.1", "--salt", "0.1"]
    robustness_is_there(made("robustness", *words, *STEPS["robustness"]), tmp_path)


@pytest.mark.long
def test_script_of_robustness_gives_every_row(in_a_process, tiny, tmp_path):
    words = [tiny, "--out", tmp_path / "out", "--figure", tmp_path / "robustness.png"]
    robustness_is_there(in_a_process("robustness", *words, *STEPS["robustness"]), tmp_path)


def comparisons_are_there(printed, folder, rows):
    assert [part.count("\n| `") for part in printed.split("\n\n")] == rows
    pictures = sorted(path.name for path in (folder / "pictures").iterdir())
    assert pictures == ["compare_beta.png", "compare_bits.png", "compare_digits.png"]


def test_script_of_comparisons_gives_its_tables_and_pictures(made, tiny, tmp_path):
    words = [tiny, "--out", tmp_path / "made", "--pictures", tmp_path / "pictures"]
    fewer = {"BITS": (8, 4), "THRESHOLDS": (0.1,), "BETAS": (1,)}
    printed = made("compare_figures", *words, *STEPS["compare_figures"], **fewer)
    comparisons_are_there(printed, tmp_path, [8, 2, 1])


@pytest.mark.long
def test_script_of_comparisons_gives_every_row(in_a_process, tiny, tmp_path):
    words = [tiny, "--out", tmp_path / "made", "--pictures", tmp_path / "pictures"]
    printed = in_a_process("compare_figures", *words, *STEPS["compare_figures"])
    comparisons_are_there(printed, tmp_path, [9, 4, 4])


def test_script_of_cheap_inference_gives_its_table_and_figure(made, script, tiny, tmp_path):
    names = ["as trained", "start, margin 2", "LCA 0.1"]
    some = {name: script("cheap_inference").VARIANTS[name] for name in names}
    folder, steps = tmp_path / "cheap", (0, 1, 8)
    words = [tiny, "--out", folder, "--pictures", tmp_path, "--samples", "8", "--seeds", "2"]
    printed = made("cheap_inference", *words, VARIANTS=some, STEPS=steps, LONG=steps)
    rows = [row.split(" | ") for row in rows_of(printed)[1:]]
    assert [row[0][2:] for row in rows] == [name for name in names for _ in steps]
    assert [int(row[1]) for row in rows] == list(steps) * 3
    network = ipvae.load_network(folder / "1.h5")
    point = json.loads((folder / "1-1.json").read_text())[-1]
    images = preset_images("digits", None).test_pixels[:8].astype(np.int16)
    found = ipvae.evaluate(network, images, steps=8, seeds=(1,), readout="mean")
    assert point["mean"] == pytest.approx(found.r2) and point["zeros"] == pytest.approx(found.zeros)
    counts = count_run(network, recording.run(network, images, 8, 1))
    assert point["synaptic_ops"] == counts.synaptic_ops
    assert point["host_ops"] == counts.drive_macs == 2 * network.layer.weight.size
    require_picture(tmp_path / "cheap_inference_run.png")


def test_script_of_moving_images_gives_its_table_and_figures(made, script, tiny, tmp_path):
    names = ["as trained", "start, step x 3", "LCA 0.1"]
    gentle = {"start": "affine"}
    some = dict(zip(names, [{}, gentle, {"inference": "lca", "threshold": 0.1}], strict=True))
    sizes = {"FILMS": 3, "FRAMES": 3, "UPDATES": (1, 4), "SHOWN": 2}
    words = [tiny, "--out", tmp_path / "films", "--pictures", tmp_path]
    printed = made("moving_images", *words, VARIANTS={"mnist": some}, **sizes)
    rows = [row.split(" | ") for row in rows_of(printed)[1:]]
    assert [row[1] for row in rows] == [name for name in names for _ in range(12)]
    assert [row[2:4] for row in rows[:4]] == [[n, s] for n in "14" for s in ("kept", "reset")]
    found = json.loads((tmp_path / "films" / "digits-1-2-4-1.json").read_text())
    network = ipvae.load_network(tmp_path / "films" / "digits-1.h5")
    stills = preset_images("digits", None).test_pixels[:3].astype(np.int16).reshape(3, 8, 8)
    film = ipvae.film(stills, motion="jitter", frames=3, seed=2026)
    again = ipvae.evaluate_film(network, film, steps=4, seed=2026, reset=True)
    assert found == again.to_json()
    assert rows[23][5] == f"{again.r2_averaged.mean():.4f}"
    require_picture(tmp_path / "moving_digits.png")
    require_picture(tmp_path / "film_digits.png")


def test_script_of_the_papers_table_resumes_and_writes_its_page(made, script, tmp_path):
    runs, page = tmp_path / "runs", tmp_path / "page.md"
    names, betas = ["ipvae", "gvae-linear"], ["2", "24"]  # 24: the preset's
    words = ["--runs", runs, "--page", page, "--epochs", "1", "--steps", "4", "--samples", "60"]
    words += ["--probe-images", "210", "--models", *names, "--betas", *betas]
    made("paper_table", *words, PRESET="digits")
    text = page.read_text()
    rows = [row.strip("| ").split(" | ") for row in rows_of(text)]
    found = {row[0]: row for row in rows if row[0].startswith("`")}
    assert list(found) == ["`ipvae`", "`gvae-linear`"]
    figures = ipvae.evaluate(runs / "ipvae", steps=4, samples=60, probe=True, probe_images=210)
    assert found["`ipvae`"][1:3] == ["4,289", "4"]
    assert found["`ipvae`"][4:6] == [f"{figures.r2:.3f}", f"{figures.zeros:.3f}"]
    assert figures.accuracy is not None
    assert found["`ipvae`"][6] == f"{100 * figures.accuracy:.1f}"
    assert found["`gvae-linear`"][2] == "1"
    assert found["`gvae-linear`"][8:10] == ["", ""]  # fewer labelled images
    assert [row[0] for row in rows[-2:]] == betas
    assert "**Budget: short.**" in text and "Not measured here: igvae, " in text
    before = {file: file.read_bytes() for file in runs.rglob("*.*")}
    made("paper_table", *words, PRESET="digits")
    assert page.read_text() == text
    assert {file: file.read_bytes() for file in runs.rglob("*.*")} == before
    assert len(script("paper_table").MODELS) == 13
