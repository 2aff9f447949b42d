"""Inference of convolutional models against dense matrices, and their checkpoints."""

import json

import numpy as np
import pytest

from ipvae.errors import CheckpointError, ConfigError, DataError, InputError
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.float_models.config import TrainConfig, preset_config
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.steps import decode, infer
from ipvae.float_models.data import DataInfo
from ipvae.float_models.inference.infer import infer as dense_infer
from ipvae.float_models.units import in_real_units, in_training_units
from ipvae.float_models.zoo import MODEL_SPECS

CANVAS = Canvas((2, 10, 13), 6, 5, 2)


def tensors(canvas=CANVAS):
    rng = np.random.default_rng(4)
    kernels = rng.normal(0, 0.15, (canvas.maps, canvas.image[0], canvas.kernel, canvas.kernel))
    found = {
        "kernels": kernels,
        "u0": rng.normal(-1, 0.3, canvas.maps),
        "log_bias": rng.normal(-2, 0.3, canvas.maps),
        "log_lr": np.array(-1.5),
        "log_sigma_raw": rng.normal(0, 0.3, canvas.image[0]),
    }
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def dense_tensors(canvas, params):
    """The same model as a dense iP-VAE of the canvas, whose padding pixels are 0."""
    maps, rows, columns = canvas.grid
    phi = np.zeros((canvas.image[0], *canvas.size, maps, rows, columns), np.float32)
    k, s = canvas.kernel, canvas.stride
    for m in range(maps):
        for r in range(rows):
            for q in range(columns):
                phi[:, s * r : s * r + k, s * q : s * q + k, m, r, q] = params["kernels"][m]
    places, pixels = rows * columns, int(np.prod(canvas.size))
    return {
        "phi": phi.reshape(-1, canvas.neurons),
        "u0": np.repeat(params["u0"], places),
        "log_bias": np.repeat(params["log_bias"], places),
        "log_lr": params["log_lr"],
        "log_sigma_raw": np.repeat(params["log_sigma_raw"], pixels),
    }


def pictures(n=3, canvas=CANVAS):
    return np.random.default_rng(2).normal(0, 1, (n, *canvas.image)).astype(np.float32)


def checkpoint(**changes):
    config = TrainConfig("arrays", "conv-ipvae", latents=6, kernel_size=5, stride=2)
    data = DataInfo("arrays", 255, (10, 13), 7, channels=2)
    return Checkpoint(tensors() | changes, config, data)


def test_a_dense_model_of_all_atoms_has_the_same_draws():
    """Log-rates differ by the order of float32 sums: as in `test_infer`, below 1e-5 a step; a count
    changes if a random number is so near to a threshold, 4 steps of 846 neurons and 3 images
    at rates below 1: 0.1 counts expected at most. Measured: none."""
    params, x = tensors(), pictures()
    dense = dense_tensors(CANVAS, params)
    flat = CANVAS.pad(x).reshape(3, -1)
    ours = infer(params, CANVAS, x, [0, 1, 4], seed=5)
    theirs = dense_infer(dense, flat, [0, 1, 4], seed=5)
    for step in (0, 1, 4):
        assert np.array_equal(ours[step].counts, theirs[step].counts)
        assert np.allclose(ours[step].log_rates, theirs[step].log_rates, atol=4e-5)
    shown = decode(params, CANVAS, ours[4].counts)
    canvases = (theirs[4].counts @ dense["phi"].T).reshape(3, 2, *CANVAS.size)
    assert np.allclose(shown, CANVAS.crop(canvases), atol=1e-5)


def test_an_image_has_the_same_bits_in_any_company():
    params, x = tensors(), pictures(4)
    all_of_them = infer(params, CANVAS, x, [6], threads=2)[6]
    first = infer(params, CANVAS, x[:2].reshape(2, -1), [3, 6], threads=1)[6]
    assert np.array_equal(all_of_them.counts[:2], first.counts)
    assert np.array_equal(all_of_them.log_rates[:2], first.log_rates)
    other = infer(params, CANVAS, x, [6], seed=1)[6]
    assert not np.array_equal(all_of_them.counts, other.counts)


def test_every_step_is_watched():
    seen = []
    infer(tensors(), CANVAS, pictures(2), [3], threads=1, watch=lambda t, z: seen.append((t, z)))
    assert [t for t, _ in seen] == [0, 1, 2, 3] * 2
    assert all(z.shape == (1, CANVAS.neurons) for _, z in seen)


@pytest.mark.parametrize(
    ("images", "steps", "text"),
    [
        (np.zeros((1, 5), np.float32), [1], r"images: found shape \(1, 5\), allowed \(N, 260\)"),
        (np.zeros((1, 2, 13, 10), np.float32), [1], r"allowed .* \(N, 2, 10, 13\)"),
        (pictures(1), [-1], r"steps: found \[-1\], allowed 0 and above"),
    ],
)
def test_wrong_images_and_steps_are_refused(images, steps, text):
    with pytest.raises(DataError, match=text):
        infer(tensors(), CANVAS, images, steps)


def test_wrong_codes_are_refused():
    with pytest.raises(DataError, match=r"counts: found shape \(1, 7\), allowed \(N, "):
        decode(tensors(), CANVAS, np.zeros((1, 7)))


def test_checkpoint_round_trip(tmp_path):
    saved = checkpoint()
    save_checkpoint(tmp_path, saved)
    found = load_checkpoint(tmp_path)
    assert found.config == saved.config
    assert found.data == saved.data
    assert found.canvas == CANVAS
    assert (found.n_pixels, found.n_latents) == (260, CANVAS.neurons)
    assert ("neurons", f"{CANVAS.neurons} (6 x 7 x 8 maps of kernels 5 x 5, stride 2)") in [
        (name, text) for name, text in found.rows()
    ]
    assert found.to_json()["data"]["channels"] == 2
    for name, array in saved.params.items():
        assert np.array_equal(found.params[name], array)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kernels": np.zeros((6, 2, 4, 4), np.float32)}, r"kernels: found .*allowed .*\(6, 2, 5,"),
        ({"log_sigma_raw": np.zeros(3, np.float32)}, r"log_sigma_raw: found .*allowed .*\(2,\)"),
        ({"u0": np.zeros(5, np.float32)}, "with 260 pixels and 5 maps"),
    ],
)
def test_tensors_of_other_shapes_are_refused(tmp_path, changes, text):
    with pytest.raises(CheckpointError, match=text):
        save_checkpoint(tmp_path, checkpoint(**changes))


def test_json_of_dense_models_has_no_new_keys():
    config = preset_config("digits").to_json()
    assert not {"kernel_size", "stride"} & set(config)
    assert "channels" not in DataInfo("digits", 16, (8, 8), 9).to_json()
    convolutional = checkpoint().config
    assert convolutional is not None
    assert {"kernel_size", "stride"} <= set(convolutional.to_json())


def test_images_in_colour_need_a_convolutional_model(tmp_path):
    save_checkpoint(tmp_path, checkpoint())
    path = tmp_path / "model.json"
    content = json.loads(path.read_text())
    content["config"] = preset_config("digits", latents=6).to_json()
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="unknown tensors \\['kernels'\\]"):
        load_checkpoint(tmp_path)
    rng = np.random.default_rng(0)
    shapes = MODEL_SPECS["ipvae"].shapes((10, 13), 6)
    params = {n: np.asarray(rng.normal(size=s), np.float32) for n, s in shapes.items()}
    dense = Checkpoint(params, None, DataInfo("arrays", 255, (10, 13), 7, channels=3))
    with pytest.raises(CheckpointError, match="3 channels; ipvae allows 1"):
        save_checkpoint(tmp_path / "dense", dense)


@pytest.mark.parametrize(
    ("model", "settings", "text"),
    [
        ("conv-ipvae", {"stride": 10}, "'stride' is 10, with 'kernel_size' 9; allowed for conv-"),
        ("conv-ipvae", {"kernel_size": 65}, "'kernel_size' is 65; allowed are 0 to 64"),
        ("ipvae", {"stride": 2}, "'kernel_size' and 'stride' are 0 and 2; allowed for ipvae"),
        ("conv-ipvae", {"weight_bits": 4}, "'weight_bits' is 4; allowed for conv-ipvae"),
    ],
)
def test_settings_out_of_range_are_refused(model, settings, text):
    with pytest.raises(ConfigError, match=text):
        preset_config("digits", model=model, **settings)


def test_a_model_without_kernels_has_no_canvas():
    rng = np.random.default_rng(0)
    shapes = MODEL_SPECS["ipvae"].shapes((2, 3), 4)
    params = {n: np.asarray(rng.normal(size=s), np.float32) for n, s in shapes.items()}
    dense = Checkpoint(params, None, DataInfo("arrays", 255, (2, 3), 7))
    with pytest.raises(DataError, match="found a model of kind ipvae, allowed conv-ipvae"):
        dense.canvas  # noqa: B018
    dense.require_dictionary("model")
    with pytest.raises(InputError, match="model: found a model of kind conv-ipvae, allowed ipvae"):
        checkpoint().require_dictionary("model")


def test_units_scale_kernels():
    """Codes of real images and of training are equal; log sigma is not exact, see `test_units`."""
    params, x = tensors(), pictures(1)
    real = in_real_units(params, MODEL_SPECS["conv-ipvae"], 16.0)
    one = infer(params, CANVAS, x, [3])[3]
    two = infer(real, CANVAS, x * np.float32(16.0), [3])[3]
    assert np.allclose(one.log_rates, two.log_rates, rtol=1e-3, atol=1e-3)
    shown = [decode(p, CANVAS, one.counts) for p in (params, real)]
    assert np.allclose(16.0 * shown[0], shown[1], rtol=1e-5)
    back, unit = in_training_units(real, MODEL_SPECS["conv-ipvae"])
    assert unit == 16.0
    assert all(np.array_equal(back[name], params[name]) for name in params)
