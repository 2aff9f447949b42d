"""The authors' checkpoint on the command line: import, export, check, run; hostile files."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ipvae.network.io.network_file import read_network
from ipvae.train.datasets.images import load_images

GOLDEN = Path(__file__).parents[2] / "export" / "iterative_vae"
CHECKPOINT = next(GOLDEN.glob("*.pt"))


@pytest.fixture
def images(tmp_path):
    digits = load_images("digits").test[:100].reshape(-1, 8, 8)
    np.save(tmp_path / "x.npy", digits.repeat(2, 1).repeat(2, 2))
    return tmp_path / "x.npy"


def test_a_checkpoint_goes_through_like_any_other_model(command, tmp_path, images):
    """Float and integer model reconstruct as the authors' code does, within 0.02."""
    importing = ("import", CHECKPOINT, "--pixel-max", 16, "--out", tmp_path / "m", "--json", "-")
    status, found, _ = command(*importing)
    assert (status, found["pixels"], found["neurons"], found["data"]) == (0, 256, 24, "arrays")
    assert (found["trained_steps"], found["trained_beta"]) == (16, 4.0)
    status, described, _ = command("info", tmp_path / "m", "--json", "-")
    assert described["image_shape"] == [16, 16]
    assert described["metrics"] == {"trained_steps": 16, "trained_beta": 4.0}
    net = tmp_path / "n.h5"
    assert command("export", tmp_path / "m", "--images", images, "--out", net)[0] == 0
    assert command("check", net)[0] == 0
    for model in (tmp_path / "m", net):
        status, figures, _ = command(
            "evaluate", model, "--images", images, "--steps", 64, "--json", "-"
        )
        assert figures["r2"] == pytest.approx(0.797, abs=0.02)
        assert figures["zeros"] == pytest.approx(0.568, abs=0.02)


def test_the_data_set_that_is_ours_too_is_known(command, tmp_path):
    config = json.loads((GOLDEN / "ConfigPoisVAE.json").read_text())
    (tmp_path / "c.json").write_text(json.dumps({**config, "dataset": "MNIST"}))
    importing = ("import", CHECKPOINT, "--config", tmp_path / "c.json", "--json", "-")
    assert command(*importing, "--out", tmp_path / "m")[1]["data"] == "mnist"
    found = command(*importing, "--out", tmp_path / "n", "--preset", "digits")[1]
    assert found["data"] == "digits"


def test_standardised_pixels_may_be_negative_through_the_whole_chain(command, tmp_path, rng):
    config = json.loads((GOLDEN / "ConfigPoisVAE.json").read_text())
    (tmp_path / "c.json").write_text(json.dumps({**config, "dataset": "vH16-wht"}))
    importing = ("import", CHECKPOINT, "--config", tmp_path / "c.json", "--out", tmp_path / "m")
    status, _, err = command(*importing)
    assert status == 0
    assert "vH16-wht, whose pixels are standardised and may be negative" in err
    np.save(tmp_path / "x.npy", rng.normal(size=(8, 256)))
    net = tmp_path / "n.h5"
    assert command("export", tmp_path / "m", "--images", tmp_path / "x.npy", "--out", net)[0] == 0
    network = read_network(net)
    assert (network.input.minimum, network.input.maximum) == (-4096, 4095)
    np.testing.assert_allclose(
        network.test_images * network.input.scale, np.load(tmp_path / "x.npy"), atol=1 / 512
    )
    assert command("run", net, "--samples", 8, "--steps", 5)[0] == 0


def test_pixels_can_be_declared(command, tmp_path):
    words = ("--pixel-min", -8, "--pixel-max", 7, "--pixel-scale", 0.25, "--out", tmp_path / "m")
    assert command("import", CHECKPOINT, *words)[0] == 0
    np.save(tmp_path / "x.npy", np.full((4, 256), -2.0))
    exporting = ("export", tmp_path / "m", "--images", tmp_path / "x.npy", "--out")
    assert command(*exporting, tmp_path / "n.h5")[0] == 0
    network = read_network(tmp_path / "n.h5")
    assert network.test_images.tolist() == [[-8] * 256] * 4
    # R2 of constant images is undefined: null, since JSON has no NaN.
    assert network.provenance["calibration"]["integer"]["r2"] is None
    assert command("info", tmp_path / "n.h5", "--json", "-")[0] == 0
    np.save(tmp_path / "x.npy", np.full((4, 256), -2.2))
    status, _, err = command(*exporting, tmp_path / "o.h5")
    assert (status, err.count("\n")) == (2, 1)
    assert "found -2.2 to -2.2, allowed -2 to 1.75" in err and "(-8 to 7)" in err
    status, _, err = command("import", CHECKPOINT, "--pixel-scale", 0, "--out", tmp_path / "o")
    assert (status, err.count("\n")) == (2, 1)
    assert "--pixel-scale: found 0.0" in err


def test_options_in_place_of_a_configuration(command, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    alone = shutil.copy(CHECKPOINT, tmp_path / "a" / "b" / "c.pt")
    status, out, err = command("import", alone, "--out", tmp_path / "m")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--steps, --clamp, --inner-iterations" in err
    given = ("--steps", 16, "--clamp", 10, "--inner-iterations")
    assert command("import", alone, "--out", tmp_path / "m", *given, 1)[0] == 0
    status, _, err = command("import", alone, "--out", tmp_path / "n", *given, 2)
    assert status == 2
    assert "2 inner iterations" in err
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("shape", ["²x2", "2x²", "x", "16", "-16x-16", "9" * 5000 + "x1"])
def test_image_shapes_that_are_none_are_refused(command, tmp_path, shape):
    words = ("--image-shape", shape, "--out", tmp_path / "m")
    status, out, err = command("import", CHECKPOINT, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "HEIGHTxWIDTH with a product of 256" in err and len(err) < 200


@pytest.mark.parametrize("name", ["a.pt", "a.npz", "a.json"])
def test_a_pipe_is_refused_at_once(command, tmp_path, name):
    os.mkfifo(tmp_path / name)
    words = (CHECKPOINT, "--config", tmp_path / name) if name == "a.json" else (tmp_path / name,)
    status, out, err = command("import", *words, "--out", tmp_path / "m")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"{name}: cannot be read (it is no regular file)" in err


class Hostile:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return os.system, (f"touch {self.flag}",)


def test_a_hostile_checkpoint_gives_one_line_and_runs_nothing(command, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"m": Hostile(tmp_path / "flag")}, protocol=2))
    status, out, err = command("import", tmp_path / "a.pt", "--out", tmp_path / "m")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "system; allowed are tensors" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt"]


def test_importing_needs_no_torch(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; from ipvae.cli.main import run_command;"
        f"words = ['import', {str(CHECKPOINT)!r}, '--out', {str(tmp_path / 'm')!r}];"
        "assert run_command(words) == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
