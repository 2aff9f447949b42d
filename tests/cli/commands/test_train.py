# pyright: reportAttributeAccessIssue=false
"""`ipvae train`: own images, settings by name, what a terminal shows, no PyTorch."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from sklearn.datasets import load_digits

from ipvae.cli import output
from ipvae.cli.arguments import OPTIONS
from ipvae.cli.commands.train import NAMES, SET
from ipvae.float_models.config import SETTABLE

TINY = ("--latents", 6, "--steps", 2, "--epochs", 2, "--threads", 1)


@pytest.fixture
def files(tmp_path):
    """Digits as levels in an .npy file, and as pictures in a folder."""
    from PIL import Image

    images = load_digits().images[:60].astype(np.uint8)
    np.save(tmp_path / "x.npy", images.reshape(60, 64))
    (tmp_path / "pictures").mkdir()
    for n, image in enumerate(images):
        Image.fromarray(image * 15).save(tmp_path / "pictures" / f"{n:02}.png")
    return tmp_path


def test_every_setting_has_an_option_or_a_name_for_set():
    own = {name for name in SETTABLE if name in OPTIONS or name == "model"} - {"motion"}  # of run
    assert sorted(SETTABLE.keys() - own) == list(SET)
    assert all(NAMES[name] == f"--set {name}=" for name in SET)


def test_images_of_ones_own_from_a_file_and_from_a_folder(command, files):
    status, found, err = command(
        "train", "--images", files / "x.npy", *TINY, "--out", files / "run", "--json", "-"
    )
    assert status == 0
    assert found["config"]["preset"] == "arrays"
    assert "x.npy: 60 of 8 x 8 pixels, levels from 0 to 16, as integer pixels 0..16; 6 are" in err
    words = ("train", "--images", files / "pictures", "--image-shape", "6x4", *TINY)
    status, _, err = command(*words, "--out", files / "small")
    assert status == 0
    assert "60 of 6 x 4 pixels, levels from 0 to" in err
    status, found, _ = command("info", files / "small", "--json", "-")
    assert (status, found["image_shape"]) == (0, [6, 4])


def test_a_model_of_ones_own_images_goes_through_the_whole_chain(command, files):
    run, net, images = files / "run", files / "net.h5", ("--images", files / "x.npy")
    assert command("train", *images, *TINY, "--out", run)[0] == 0
    status, _, err = command("export", run, "--out", net)
    assert (status, err.count("\n")) == (2, 1)
    assert "--images" in err
    assert command("export", run, "--out", net, *images, "--most-loss", 9)[0] == 0
    assert command("run", net, "--samples", 4, "--steps", 3, *images)[0] == 0
    assert command("check", net)[0] == 0
    for subject in (run, net):
        assert command("evaluate", subject, *images, "--steps", 4, "--samples", 9)[0] == 0


def test_resume_reads_the_file_again(command, files, monkeypatch):
    from ipvae.signals import StopRequest

    words = ("train", "--images", files / "x.npy", *TINY)
    with monkeypatch.context() as patch:
        patch.setattr("ipvae.cli.commands.train.StopRequest", lambda: StopRequest(15))
        assert command(*words, "--out", files / "cut")[0] == 143
    assert command("train", "--resume", "--out", files / "cut")[0] == 0
    assert command(*words, "--out", files / "whole")[0] == 0
    for name in ("model.safetensors", "model.json"):
        assert (files / "cut" / name).read_bytes() == (files / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--images", "x.npy", "--preset", "digits"), "--images and --preset: give one of them"),
        (("--images", "none.npy"), "none.npy: "),
        (("--images", "x.npy", "--image-shape", "3x3"), "--image-shape: found '3x3', allowed"),
        (("--preset", "digits", "--image-shape", "3x3"), "--image-shape: goes with --images; "),
        (("--preset", "digits", "--set", "kl"), "--set: found 'kl', allowed is NAME=VALUE"),
        (("--preset", "digits", "--set", "stpes=3"), "--set: no setting 'stpes', allowed are"),
        (("--preset", "digits", "--seed", 1, "--set", "seed=3"), "--set: 'seed' was given twice"),
        (
            ("--preset", "digits", "--set", "kl=a", "--set", "kl=b"),
            "--set: 'kl' was given twice; give it once",
        ),
    ],
)
def test_mistakes_are_one_line_in_the_words_of_the_options(
    command, files, monkeypatch, words, message
):
    monkeypatch.chdir(files)
    status, out, err = command("train", *words, "--out", "run")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (files / "run").exists()


def test_a_terminal_shows_the_figures_and_a_pipe_nothing(command, files, monkeypatch):
    words = ("train", "--images", files / "x.npy", *TINY, "--out", files / "run")
    _, _, err = command(*words)
    assert "loss" not in err
    shown = io.StringIO()
    words = (*words, "--overwrite")
    terminal = Console(file=shown, force_terminal=True, width=160)
    monkeypatch.setattr(output, "_status", terminal)
    assert command(*words)[0] == 0
    assert re.search(r"training: \d of 2; epoch \d of 2, loss \S+, R2 ", shown.getvalue())
    shown.truncate(0)
    assert command("--quiet", *words)[0] == 0
    assert shown.getvalue().strip("\0") == ""


def test_without_pytorch_it_is_one_line(command, tmp_path, monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("ipvae.train.run.state")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    status, out, err = command("train", "--preset", "digits", "--out", tmp_path / "run")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "training needs PyTorch, which cannot be imported" in err and "pip install torch" in err
    assert not (tmp_path / "run").exists()


def test_json_states_the_same_as_the_text(command, files):
    words = ("train", "--images", files / "x.npy", *TINY, "--out", files / "run")
    status, out, _ = command(*words, "--json", files / "x.json")
    found = json.loads((files / "x.json").read_text())
    assert status == 0
    last = found["history"][-1]
    assert f"saved {found['model']}: R2 {last['r2']:.3f}" in out
    assert found["config"]["latents"] == 6
