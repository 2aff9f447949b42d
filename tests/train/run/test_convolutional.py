"""Training of convolutional models: a few seconds, resumed, on grey images and in colour."""

import numpy as np
import pytest
import torch

import ipvae
from ipvae.errors import InputError, StoppedError
from ipvae.float_models.checkpoint import load_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.convolutional.steps import decode, infer
from ipvae.train.datasets.images import Images
from ipvae.train.run.fit import fit, to_checkpoint
from ipvae.train.run.resume import is_unfinished

torch.set_num_threads(1)
SMALL = {
    **{"latents": 8, "kernel_size": 5, "stride": 2, "steps": 6, "beta": 0.5, "epochs": 12},
    **{"batch_size": 10, "learning_rate": 0.02, "threads": 1, "step_size": 0.3},
}


def blobs(n, channels=1, side=12, seed=0):
    """Images of a few Gaussian blobs, in colour where asked for, real values 0 to 1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    found = np.zeros((n, channels, side, side))
    for number in range(n):
        for _ in range(3):
            y, x, tint = *rng.uniform(2, side - 2, 2), rng.uniform(0.3, 1, channels)
            blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 4.0)
            found[number] += tint[:, None, None] * blob
    return np.clip(found, 0.0, 1.0)


@pytest.mark.parametrize("channels", [1, 3])
def test_short_training_explains_held_out_images(channels):
    images = blobs(150, channels)
    if channels == 3:
        images = np.moveaxis(images, 1, 3)
    model = ipvae.train_model(images, model="conv-ipvae", **SMALL)
    assert model.data.channels == channels
    assert model.params["kernels"].shape == (8, channels, 5, 5)
    assert model.metrics["r2"] > 0.2
    assert 0.3 < model.metrics["zeros"] < 1.0
    found = ipvae.evaluate(model, images[:20], steps=32)
    assert found.curve[-1]["r2"] > 0.5


def test_a_model_codes_images_of_another_size():
    model = ipvae.train_model(blobs(150), model="conv-ipvae", **SMALL)
    large = blobs(3, side=40, seed=5).astype(np.float32)
    canvas = model.canvas.resized(40, 40)
    counts = infer(model.params, canvas, large, [32])[32].counts
    shown = decode(model.params, canvas, counts)
    assert 1 - np.square(shown - large).sum() / np.square(large - large.mean()).sum() > 0.5


def test_an_interrupted_training_ends_in_the_same_bits(tmp_path):
    images = blobs(40)
    settings = {**SMALL, "epochs": 3, "model": "conv-ipvae"}
    whole = ipvae.train_model(images, out=tmp_path / "whole", **settings)
    seen = []

    def stop(event):
        seen.append(event)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, StoppedError)):
        ipvae.train_model(images, out=tmp_path / "run", progress=stop, **settings)
    assert is_unfinished(tmp_path / "run")
    again = ipvae.train_model(images, out=tmp_path / "run", resume=True)
    for name, array in whole.params.items():
        assert np.array_equal(again.params[name], array), name
    saved = load_checkpoint(tmp_path / "run")
    assert saved.config == whole.config


def test_warm_start_and_units(tmp_path):
    """Images 1024 times as large give kernels 1024 times as large, and the same counts."""
    one = ipvae.train_model(blobs(40), model="conv-ipvae", **{**SMALL, "epochs": 2})
    more = ipvae.train_model(
        blobs(40),
        init_from=one,
        **{n: v for n, v in SMALL.items() if n not in ("step_size", "epochs")},
        epochs=1,
    )
    assert more.model == "conv-ipvae"
    assert not np.array_equal(more.params["kernels"], one.params["kernels"])
    scaled = ipvae.train_model(blobs(40) * 1024.0, model="conv-ipvae", **{**SMALL, "epochs": 2})
    ratio = scaled.params["kernels"].std() / one.params["kernels"].std()
    assert 0.8 * 1024 < ratio < 1.25 * 1024


def test_mnist_like_images_have_the_presets_settings():
    config = preset_config("mnist-conv")
    assert (config.model, config.kernel_size, config.stride) == ("conv-ipvae", 7, 3)
    dense = preset_config("mnist-conv", model="ipvae")
    assert (dense.kernel_size, dense.stride) == (0, 0)
    pixels = np.rint(blobs(24, side=28) * 255).astype(np.uint8).reshape(24, -1)
    labels = np.zeros(24, np.int64)
    images = Images("mnist-conv", pixels, labels, pixels[:4], labels[:4], (28, 28), 255)
    small = preset_config("mnist-conv", epochs=1, batch_size=12, latents=4)
    model, history = fit(small, images)
    made = to_checkpoint(model, small, images, history)
    assert made.canvas.grid == (4, 11, 11)


@pytest.mark.parametrize(
    ("images", "given", "text"),
    [
        (blobs(5, 3), {"model": "ipvae"}, "They are in colour"),
        (blobs(5, 2), {"model": "conv-ipvae"}, r"images: found shape \(5, 2, 12, 12\)"),
        (blobs(5), {"model": "conv-ipvae", "pictures": True}, "pictures: found a model of kind"),
        (blobs(5), {"model": "conv-ipvae", "stride": 8}, "'stride' is 8, with 'kernel_size' 7"),
    ],
)
def test_what_cannot_be_trained_is_refused(images, given, text, tmp_path):
    with pytest.raises((InputError, ValueError), match=text) as info:
        ipvae.train_model(images, out=tmp_path / "run", **given)
    assert "\n" not in str(info.value)
