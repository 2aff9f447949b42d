"""The models that ship: they do what their cards say, and go through export and verify."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ipvae.cli.main import run_command
from ipvae.train.datasets import patches, photographs

MODELS = Path(__file__).resolve().parents[2] / "models"
SEED = 20261130
NAMES = sorted(path.parent.name for path in MODELS.glob("*/model.json"))


def data_words(name):
    preset = json.loads((MODELS / name / "model.json").read_text())["data"]["preset"]
    if preset != "mnist":
        return []
    folder = os.environ.get("IPVAE_DATA")
    if not folder or not (Path(folder) / "MNIST").is_dir():
        pytest.skip("IPVAE_DATA names no folder with MNIST")
    return ["--data-dir", folder]


def command(tmp_path, *words):
    target = tmp_path / f"{words[0]}.json"
    assert run_command([*map(str, words), "--json", str(target)]) == 0
    return json.loads(target.read_text())


def test_there_are_models():
    assert NAMES == ["mnist", "patches", "photographs"]


@pytest.mark.parametrize("name", NAMES)
def test_model_does_what_was_recorded(name, tmp_path):
    check = json.loads((MODELS / name / "evaluation.json").read_text())["check"]
    found = command(tmp_path, "evaluate", MODELS / name, *check["words"], *data_words(name))
    # The same draws; where sums round otherwise, trajectories part and 200 images are drawn again:
    # R2 of an image varies by about 0.02 over draws, 5 deviations of the mean of 200 are 0.007.
    for kind in ("half", "single"):
        assert found["r2"] == pytest.approx(check[kind]["r2"], abs=0.007)
        assert found["zeros"] == pytest.approx(check[kind]["zeros"], abs=0.007)
        assert found["mse"] == pytest.approx(check[kind]["mse"], rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_card_gives_the_recorded_figures(name):
    result = json.loads((MODELS / name / "evaluation.json").read_text())["result"]
    card = (MODELS / name / "README.md").read_text()
    for point in result["curve"]:
        row = f"| {point['step']} | {point['mse']:.2e} | {point['r2']:.3f} | {point['zeros']:.3f} |"
        assert row in card
    if "accuracy" in result:
        assert f"{result['accuracy']:.2%}" in card
    assert sum(p.stat().st_size for p in (MODELS / name).iterdir()) < 1.5e6


def few_images(name):
    """Images (20, M) int16 that resemble the training images, but are made in no time."""
    if name == "patches":
        camera = pytest.importorskip("skimage").data.camera
        return patches.to_pixels(patches.cut([patches.whiten(camera() / 255.0)], 20, SEED))
    if name == "photographs":
        camera = pytest.importorskip("skimage").data.camera
        whole = photographs.to_pixels(photographs.prepare(camera() / 255.0))
        return np.stack([whole[n : n + 48, 5 * n : 5 * n + 48] for n in range(0, 80, 4)])
    small = np.asarray(load_digits(return_X_y=True)[0])[:20].reshape(-1, 8, 8)
    large = small.repeat(3, axis=1).repeat(3, axis=2) * 255 / 16
    large = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    return np.rint(large).astype(np.int16).reshape(20, -1)


@pytest.mark.lava
@pytest.mark.parametrize("name", NAMES)
def test_model_is_exported_and_bit_exact(name, tmp_path):
    """Calibrated on few images."""
    net, images = tmp_path / "net.h5", tmp_path / "images.npy"
    np.save(images, few_images(name))
    command(tmp_path, "export", MODELS / name, "--out", net, "--images", images)
    found = command(tmp_path, "verify", net, "--samples", "2", "--steps", "12")
    assert found["bit_exact"]
    assert found["max_count"] > 1


@pytest.mark.lava
@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_model_is_exported_on_its_own_images_and_bit_exact(name, tmp_path):
    net, data = tmp_path / "net.h5", data_words(name)
    command(tmp_path, "export", MODELS / name, "--out", net, *data)
    found = command(tmp_path, "verify", net, "--samples", "2", "--steps", "12")
    assert found["bit_exact"]
    counted = command(tmp_path, "report", net, "--out", tmp_path / "r", "--samples", "2")
    assert counted["counts"]["spikes"] > 0
