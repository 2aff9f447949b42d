"""Float evaluation of convolutional models, on images of any size."""

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.convolutional.steps import decode, infer, sample
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.workflows.evaluate import Evaluation


def evaluated(*arguments, **named) -> Evaluation:
    found = ipvae.evaluate(*arguments, **named)
    assert isinstance(found, Evaluation)
    return found


def made(channels=1):
    rng = np.random.default_rng(0)
    shapes = MODEL_SPECS["conv-ipvae"].shapes((12, 9), 6, channels=channels, kernel_size=5)
    params = {n: np.asarray(rng.normal(0, 0.1, s), np.float32) for n, s in shapes.items()}
    params["u0"] -= 2.0
    config = TrainConfig("arrays", "conv-ipvae", latents=6, kernel_size=5, stride=2)
    return Checkpoint(params, config, DataInfo("arrays", 255, (12, 9), 20, channels=channels))


@pytest.mark.parametrize("size", [(12, 9), (20, 31)])
def test_figures_are_of_the_cropped_image(size):
    model = made()
    images = np.random.default_rng(1).integers(0, 256, (4, *size)).astype(np.uint8)
    found = evaluated(model, images, steps=(3, 8), seeds=(5,), sparsity=True)
    canvas = model.canvas.resized(*size)
    real = images.reshape(4, -1).astype(np.float32) / np.float32(255.0)
    counts = infer(model.params, canvas, real, [3, 8], seed=5)
    assert found.neurons == canvas.neurons
    for point in found.curve:
        z = counts[point["step"]].counts
        shown = decode(model.params, canvas, z).reshape(4, -1)
        variation = np.square(real - real.mean(axis=1, keepdims=True)).sum(axis=1)
        explained = 1 - np.square(real - shown).sum(axis=1) / variation
        assert point["r2"] == pytest.approx(explained.mean(), rel=1e-5)
        assert point["zeros"] == pytest.approx((z == 0).mean())
        assert point["mse"] == pytest.approx(np.square(real - shown).mean(), rel=1e-5)
    assert found.figures["spikes"] == pytest.approx(counts[8].counts.sum(axis=1).mean())


def test_images_in_colour_and_changes():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (3, 15, 14, 3)).astype(np.uint8)
    found = evaluated(made(3), images, steps=4)
    first = np.moveaxis(images, 3, 1)
    assert evaluated(made(3), first, steps=4).curve == found.curve
    grey = evaluated(made(), first[:, 0], steps=4, changes=[("noise", 0.1), ("shift", 1)])
    assert grey.figures["changes"][0]["r2"] != grey.curve[-1]["r2"]


def test_labels_can_be_read_out():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 60, (30, 12, 9))
    images[::2, :, 4:] += 150
    labels = np.arange(30) % 2
    found = evaluated(made(), images, labels, steps=6, probe=True)
    assert found.figures["accuracy"] > 0.8


def test_sparse_coding_on_the_kernels():
    """The code of a step has the recorded zeros; a small threshold reconstructs better."""
    images = np.random.default_rng(1).integers(0, 256, (3, 16, 11))
    found = [
        evaluated(made(), images, steps=(5, 60), inference="lca", threshold=threshold)
        for threshold in (0.02, 0.4)
    ]
    curves = [evaluation.curve for evaluation in found]
    assert found[0].neurons == made().canvas.resized(16, 11).neurons
    assert found[0].facts["inference"] == "lca"
    assert curves[0][1]["r2"] > curves[0][0]["r2"]
    assert curves[0][1]["mse"] < curves[1][1]["mse"]
    assert curves[0][1]["zeros"] < curves[1][1]["zeros"]


def test_samples_are_decoded_counts_of_the_prior():
    model = made()
    images = sample(model.params, model.canvas, 400, seed=2)
    rates = np.exp(np.repeat(model.params["u0"], np.prod(model.canvas.grid[1:])))
    expected = decode(model.params, model.canvas, rates[None]).reshape(-1)
    # The variance of a pixel is the decoded sum of rates with squared kernels.
    squared = {**model.params, "kernels": np.square(model.params["kernels"])}
    deviation = np.sqrt(decode(squared, model.canvas, rates[None]).reshape(-1) / 400)
    # 108 pixels, 5 deviations: 6e-5 for a wrong alarm.
    assert np.abs(images.mean(axis=0) - expected).max() < 5 * deviation.max()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"pictures": "p"}, "pictures: found a model of kind conv-ipvae"),
        ({"readout": "mean"}, "readout=mean"),
    ],
)
def test_what_is_not_for_maps_is_refused(given, text, tmp_path):
    if "pictures" in given:
        given = {"pictures": tmp_path / "p"}
    images = np.zeros((3, 12, 9), np.uint8) + np.arange(9, dtype=np.uint8)
    with pytest.raises(InputError, match=text):
        evaluated(made(), images, steps=3, **given)


def test_changes_of_colour_are_refused():
    images = np.arange(3 * 12 * 9 * 3, dtype=np.float64).reshape(3, 3, 12, 9) / 1000
    with pytest.raises(InputError, match="changes: found a model of images with 3 channels"):
        evaluated(made(3), images, steps=3, changes=[("noise", 0.1)])
