"""Checkpoints: whole round trips, and one clear line for whatever is damaged."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ipvae.errors import CheckpointError
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo

M, K = 6, 4


def make_params():
    rng = np.random.default_rng(0)
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    return {name: np.asarray(rng.normal(size=s), dtype=np.float32) for name, s in shapes.items()}


def make_checkpoint(config=None):
    data = DataInfo("digits", 16, (2, 3), 100)
    return Checkpoint(make_params(), config, data, {"r2": 0.5})


@pytest.fixture
def run(tmp_path):
    save_checkpoint(tmp_path / "run", make_checkpoint(preset_config("digits", latents=K)))
    return tmp_path / "run"


def refused(run, text):
    with pytest.raises(CheckpointError, match=text) as info:
        load_checkpoint(run)
    assert "\n" not in str(info.value)


def edit_json(run, **changes):
    path = run / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(run, **changes):
    path = run / "model.safetensors"
    arrays = {**load_file(path), **changes}
    save_file({name: a for name, a in arrays.items() if a is not None}, path)


@pytest.mark.parametrize("part", [".", "model.safetensors", "model.json"])
def test_round_trip(run, part):
    got, want = load_checkpoint(run / part), make_checkpoint(preset_config("digits", latents=K))
    assert got.config == want.config
    assert got.data == want.data
    assert got.metrics == want.metrics
    assert (got.n_pixels, got.n_latents) == (M, K)
    assert got.params.keys() == want.params.keys()
    for name, array in want.params.items():
        assert got.params[name].dtype == np.float32
        assert got.params[name].shape == array.shape
        assert np.array_equal(got.params[name], array)


def test_half_precision_is_half_the_size_and_read_as_float32(tmp_path):
    whole, half = (tmp_path / name for name in ("whole", "half"))
    checkpoint = make_checkpoint()
    checkpoint.params["phi"][0, 0] = 6e-8  # float16's smallest number
    sizes = [
        save_checkpoint(folder, checkpoint, half=half).stat().st_size
        for folder, half in ((whole, False), (half, True))
    ]
    n_values = sum(array.size for array in checkpoint.params.values())
    assert sizes[0] - sizes[1] >= 2 * n_values - 16  # the header's words differ by a few bytes
    back = load_checkpoint(half).params
    for name, array in checkpoint.params.items():
        assert back[name].dtype == np.float32
        assert np.array_equal(back[name], array.astype(np.float16).astype(np.float32))


def test_half_precision_refuses_what_it_cannot_hold(tmp_path):
    checkpoint = make_checkpoint()
    checkpoint.params["phi"][2, 1] = 1e5
    with pytest.raises(CheckpointError, match="a parameter is beyond float16's 65504; only"):
        save_checkpoint(tmp_path, checkpoint, half=True)
    assert list(tmp_path.iterdir()) == []


def test_model_not_trained_here_has_no_config(tmp_path):
    save_checkpoint(tmp_path, make_checkpoint())
    assert load_checkpoint(tmp_path).config is None


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_else(run):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    save_checkpoint(run, make_checkpoint(preset_config("digits", latents=K)))
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert set(before) == {"model.safetensors", "model.json"}


def test_weights_written_by_others_are_read(run):
    edit_weights(run, u0=np.ones(K, dtype=np.float32))
    assert load_checkpoint(run).params["u0"].tolist() == [1.0] * K


def test_failed_write_keeps_the_old_model(run, monkeypatch):
    before = {path.name: path.read_bytes() for path in run.iterdir()}

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CheckpointError, match="model.safetensors: cannot write there .disk full."):
        save_checkpoint(run, make_checkpoint())
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_files_of_two_saves_are_distinguished(run, tmp_path):
    other = make_checkpoint()
    other.params["u0"][:] = 7
    save_checkpoint(tmp_path / "other", other)
    (run / "model.safetensors").write_bytes((tmp_path / "other/model.safetensors").read_bytes())
    refused(run, "does not belong to model.json")


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_missing_file_is_named(run, name):
    (run / name).unlink()
    refused(run, f"{name}: missing; a model is")


def test_path_that_is_no_model(tmp_path):
    refused(tmp_path / "nowhere", "nowhere: no such model; allowed are a folder")


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_an_empty_file_and_a_pointer_are_named(run, name):
    (run / name).write_bytes(b"")
    refused(run, f"{name}: is empty")
    (run / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refused(run, f"{name}: a Git LFS pointer, not the file: fetch it with git lfs pull")


def test_every_flipped_bit_of_the_weights_is_found(run):
    """But in the padding and in names of the header that change no tensor."""
    path, params = run / "model.safetensors", make_params()
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(bytes(damaged))
        try:
            found = load_checkpoint(run).params
        except CheckpointError:
            continue
        assert place < 8 + int.from_bytes(whole[:8], "little")
        assert all(np.array_equal(found[name], array) for name, array in params.items())


def test_every_flipped_bit_of_the_description_is_found(run):
    path = run / "model.json"
    whole, content = path.read_bytes(), json.loads(path.read_bytes())
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 7)
        path.write_bytes(bytes(damaged))
        try:
            load_checkpoint(run)
        except CheckpointError:
            continue
        assert json.loads(bytes(damaged)) == content, place  # white space


@pytest.mark.parametrize("digits", [5000, 200])
def test_an_integer_of_thousands_of_digits_is_refused(run, digits):
    text = (run / "model.json").read_text()
    (run / "model.json").write_text(text.replace('"n_train": 100', f'"n_train": {"1" * digits}'))
    refused(run, f"model.json: not readable as JSON .it holds an integer of {digits} digits")


@pytest.mark.parametrize("keep", [4, 40, 300, -1])
def test_truncated_weights(run, keep):
    path = run / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(run, "model.safetensors: not readable as safetensors")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_damaged_description(run, content):
    (run / "model.json").write_bytes(content)
    refused(run, "model.json: not readable as JSON")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "gvae"}, "kind is 'gvae', allowed is 'ipvae'"),
        ({"version": 2}, "version is 2, this ipvae reads 1"),
        ({"extra": 1}, r"unknown keys \['extra'\]"),
        ({"metrics": [1]}, "metrics: found .1., allowed an object of numbers"),
        ({"config": {"preset": "digits", "betta": 1}}, "unknown key 'betta'"),
        ({"config": 3}, "found int, need an object"),
        ({"data": {"preset": "digits"}}, "data is .*allowed is an object"),
        (
            {"data": {"preset": "d", "pixel_max": 0, "image_shape": [2, 3], "n_train": 1}},
            "data is .*pixel_max",
        ),
        (
            {
                "data": {
                    "preset": "d",
                    "pixel_max": 16,
                    "image_shape": [2, 3],
                    "n_train": 1,
                    "pixel_scale": 0.0,
                }
            },
            "data is .*pixel_scale",
        ),
        (
            {"data": {"preset": "d", "pixel_max": 16, "image_shape": [3, 3], "n_train": 1}},
            "phi: found float32 .6, 4.*with 9 pixels and 4 neurons",
        ),
    ],
)
def test_wrong_description(run, changes, text):
    edit_json(run, **changes)
    refused(run, text)


def test_huge_description_is_not_read(run):
    (run / "model.json").write_bytes(b" " * (2 << 20))
    refused(run, "allowed are up to 1048576")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"phi": np.zeros((K, M), np.float32)},
            r"phi: found float32 \(4, 6\), allowed float32 \(6, 4\)",
        ),
        ({"phi": np.zeros((M, K))}, "phi: found float64"),
        ({"u0": np.full(K, np.nan, np.float32)}, "u0 has 4 of 4 values that are not finite"),
        ({"u0": np.zeros((K, 1), np.float32)}, "u0: found float32"),
        ({"u0": np.zeros(0, np.float32)}, "u0: found float32"),
        ({"log_lr": np.zeros(2, np.float32)}, "log_lr: found float32 .2,."),
        ({"log_lr": None}, r"missing tensors \['log_lr'\]"),
        ({"spare": np.zeros(1, np.float32)}, r"unknown tensors \['spare'\]"),
    ],
)
def test_wrong_weights(run, changes, text):
    edit_weights(run, **changes)
    refused(run, text)


def test_wrong_model_is_not_saved(tmp_path):
    checkpoint = make_checkpoint()
    checkpoint.params["phi"] = checkpoint.params["phi"].T
    with pytest.raises(CheckpointError, match="phi: found float32"):
        save_checkpoint(tmp_path / "run", checkpoint)
    assert not (tmp_path / "run").exists()


def test_loading_needs_no_torch(run):
    code = (
        "import sys; import ipvae.train; from ipvae.train.datasets.images import load_images;"
        f"ipvae.train.load_checkpoint({str(run)!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
