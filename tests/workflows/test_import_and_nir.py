"""`ipvae.import_model` and `ipvae.save_nir`: models from elsewhere, and to elsewhere."""

import logging
from pathlib import Path

import numpy as np
import pytest

import ipvae

CHECKPOINT = next((Path(__file__).parents[1] / "export" / "iterative_vae").glob("*.pt"))
M, K = 12, 5


@pytest.fixture
def arrays(tmp_path, rng):
    path = tmp_path / "arrays.npz"
    np.savez(
        path,
        phi=rng.normal(0, 0.3, (M, K)),
        sigma=np.full(M, 0.7),
        step_size=0.1,
        bias=np.full(K, 0.1),
        u0=np.full(K, -1.0),
    )
    return path


def test_arrays_of_ones_own(arrays, rng):
    model = ipvae.import_model(arrays, image_shape=(3, 4), pixel_max=15)
    assert (model.n_pixels, model.n_latents) == (M, K)
    assert (model.data.image_shape, model.data.pixel_max, model.data.preset) == (
        (3, 4),
        15,
        "arrays",
    )
    images = rng.integers(0, 16, (20, 3, 4))
    assert ipvae.quantize(model, images, most_loss=99.0).network.n_neurons == K
    assert ipvae.import_model(str(arrays)).data.image_shape == (1, M)
    assert ipvae.import_model(arrays, image_shape="4x3").data.image_shape == (4, 3)


def test_a_checkpoint_of_the_authors_code():
    model = ipvae.import_model(CHECKPOINT, preset="digits")
    assert model.data.preset == "digits"
    assert model.metrics == {"trained_steps": 16, "trained_beta": 4.0}
    assert "neurons: 24" in repr(model)


def test_nir_and_back_are_the_same_parameters(arrays, tmp_path, caplog):
    model = ipvae.import_model(arrays)
    made = ipvae.save_nir(model, tmp_path / "x.nir")
    assert made.nodes["counts"] == "Threshold"
    assert ("feedback", "u") in made.edges
    assert len(made.lost) == 5 and made.lost[0] in repr(made)
    assert made.to_json()["graph"] == str(tmp_path / "x.nir")
    back = ipvae.import_model(tmp_path / "x.nir")
    assert all(np.array_equal(back.params[n], a) for n, a in model.params.items())
    caplog.set_level(logging.INFO, "ipvae")
    ipvae.save_nir(back, tmp_path / "x.nir", inference="lca", threshold=0.25, overwrite=True)
    ipvae.import_model(tmp_path / "x.nir")
    assert "exported with inference=lca and threshold=0.25" in caplog.messages[-1]


def test_a_model_in_units_of_its_own_goes_through_nir(tmp_path, rng):
    pytest.importorskip("torch")
    images = rng.uniform(0, 200, (30, 9))
    model = ipvae.train_model(images, latents=4, steps=2, epochs=2)
    assert "log_unit" in model.params
    ipvae.save_nir(model, tmp_path / "x.nir")
    back = ipvae.import_model(tmp_path / "x.nir")
    assert back.params["log_unit"] == model.params["log_unit"]
    assert all(np.array_equal(back.params[n], a) for n, a in model.params.items())


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("x.txt", {}, "x.txt: allowed are .pt files of IterativeVAE"),
        ("arrays.npz", {"steps": 4}, "config=, steps=, clamp= and inner_iterations= describe"),
        ("arrays.npz", {"pixel_scale": -1.0}, "pixel_scale: found -1.0, allowed are numbers above"),
        ("arrays.npz", {"image_shape": (3, 5)}, "image_shape: found '3x5', allowed HEIGHTxWIDTH"),
        ("arrays.npz", {"image_shape": "0x12"}, "image_shape: found '0x12'"),
        ("x.nir", {"pixel_max": 9}, r"pixel_max: not with .*x.nir: the file says it itself"),
        ("x.nir", {"steps": 9, "preset": "mnist"}, "preset and steps: not with"),
    ],
)
def test_what_does_not_go_with_a_file_is_reported_by_its_argument(arrays, name, given, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.import_model(arrays.parent / name, **given)


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(arrays, tmp_path):
    model, path = ipvae.import_model(arrays), tmp_path / "x.nir"
    path.write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(ipvae.IpvaeError, match=r"x\.nir: already exists and is not a NIR file"):
            ipvae.save_nir(model, path, overwrite=overwrite)
    assert path.read_bytes() == b"mine"
    path.unlink()
    ipvae.save_nir(model, path)
    with pytest.raises(ipvae.IpvaeError, match=r"x\.nir: already exists\. Pass overwrite=True"):
        ipvae.save_nir(model, path)
    ipvae.save_nir(model, path, overwrite=True)
    assert ipvae.import_model(path).n_latents == K
