"""Convolutional models are read and described; what needs a dense dictionary refuses them."""

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(0)
    shapes = MODEL_SPECS["conv-ipvae"].shapes((12, 9), 4, kernel_size=5)
    params = {n: np.asarray(rng.normal(0, 0.1, s), np.float32) for n, s in shapes.items()}
    config = TrainConfig("arrays", "conv-ipvae", latents=4, kernel_size=5, stride=2)
    model = Checkpoint(params, config, DataInfo("arrays", 255, (12, 9), 20))
    place = tmp_path_factory.mktemp("conv") / "run"
    model.save(place)
    return place


def test_a_model_is_read_and_described(folder):
    model = ipvae.load_model(folder)
    assert model.canvas.grid == (4, 8, 6)
    assert "4 x 8 x 6 maps of kernels 5 x 5, stride 2" in dict(model.rows())["neurons"]
    facts = ipvae.describe(folder).to_json()
    assert (facts["model"], facts["neurons"], facts["pixels"]) == ("conv-ipvae", 192, 108)


@pytest.mark.parametrize(
    "call",
    [
        lambda of, _: ipvae.compare([of], np.zeros((2, 12, 9), np.uint8), dense=[of]),
        lambda of, place: ipvae.save_nir(of, place / "x.nir"),
    ],
    ids=["least squares", "save_nir"],
)
def test_what_needs_a_dictionary_refuses_by_name(folder, tmp_path, call):
    with pytest.raises(InputError, match="found a model of kind conv-ipvae, allowed ipvae") as info:
        call(folder, tmp_path)
    assert "\n" not in str(info.value)
    assert list(tmp_path.iterdir()) == []
