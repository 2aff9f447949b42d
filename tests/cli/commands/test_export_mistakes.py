"""What a user may get wrong with `ipvae export`: one line, and nothing that was there is lost."""

import os

import numpy as np
import pytest

from ipvae.cli.main import run_command


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model of digits, hardly trained."""
    run = tmp_path_factory.mktemp("mistakes") / "run"
    tiny = ["--preset", "digits", "--latents", "8", "--epochs", "1"]
    assert run_command(["--quiet", "train", *tiny, "--out", str(run)]) == 0
    return run


@pytest.fixture
def images(tmp_path):
    """Function count -> file with that many black images."""

    def write(n):
        np.save(tmp_path / "images.npy", np.zeros((n, 64), np.int16))
        return tmp_path / "images.npy"

    return write


def assert_one_line(result, *parts):
    status, out, err = result
    *before, last = err.splitlines()
    assert (status, out) == (2, "") and last.startswith("ipvae: ")
    assert all(" read as " in line or ": warning: " in line for line in before)
    for part in parts:
        assert part in err


def test_outputs_take_the_place_of_nothing_else(command, trained, tmp_path):
    command("--version")
    before = {file: file.read_bytes() for file in trained.iterdir() if file.is_file()}
    for words, part in (
        (("--out", trained / "model.safetensors"), "which is MODEL's model.safetensors too"),
        (("--out", tmp_path / "a.h5", "--json", trained / "model.json"), "MODEL's model.json too"),
        (("--out", tmp_path / "a.h5", "--json", tmp_path / "a.h5"), "which is --out too"),
        (("--out", tmp_path), "it is a folder"),
    ):
        assert_one_line(command("export", trained, *words), part)
    assert {file: file.read_bytes() for file in before} == before
    assert not (tmp_path / "a.h5").exists()


def test_a_pipe_or_device_is_not_replaced(command, trained, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert_one_line(command("export", trained, "--out", tmp_path / "pipe"), "a device, a pipe or")
    assert (tmp_path / "pipe").is_fifo()


def test_images_and_a_folder_of_data_are_one_too_many(command, trained, images, tmp_path):
    words = ("--images", images(4), "--data-dir", tmp_path, "--out", tmp_path / "a.h5")
    assert_one_line(command("export", trained, *words), "--images and --data-dir: give one of them")


def test_images_on_which_nothing_can_be_fitted(command, trained, images, tmp_path):
    words = ("--images", images(1), "--most-loss", 10, "--out", tmp_path / "a.h5")
    few = command("export", trained, *words, "--refit-decoder")
    assert_one_line(few, "--refit-decoder: found 1 image(s), allowed 10 or more")
    silent = command("export", trained, *words, "--inference", "lca")
    assert_one_line(silent, "sends nothing for any calibration image: lower --threshold")
    assert not (tmp_path / "a.h5").exists()


def test_black_images_leave_the_decoder_as_it_is(command, trained, images, tmp_path):
    words = ("--images", images(20), "--most-loss", 1e9, "--out", tmp_path / "a.h5")
    assert command("export", trained, *words, "--refit-decoder")[0] == 0
