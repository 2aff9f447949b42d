# pyright: reportOptionalMemberAccess=false
"""`ipvae.quantize` on arrays: the network, the report, and what is refused."""

import numpy as np
import pytest

import ipvae
from ipvae.export.importers.arrays import to_parameters
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.description import FloatNetwork
from ipvae.workflows import quantize as quantizing

SIDE, K = 4, 10


@pytest.fixture
def model(rng):
    atoms = rng.normal(0, 0.3, (SIDE * SIDE, K))
    network = FloatNetwork(
        phi=atoms,
        sigma=np.ones(SIDE * SIDE),
        step_size=0.1,
        bias=np.full(K, 0.1),
        u0=np.full(K, -1.0),
    )
    return Checkpoint(to_parameters(network), None, DataInfo("arrays", 255, (SIDE, SIDE), 0))


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (40, SIDE, SIDE))


def test_an_array_of_images_is_all_that_it_takes(model, images, tmp_path):
    made = ipvae.quantize(model, images, most_loss=9.0)
    assert made.network.n_neurons == K
    np.testing.assert_array_equal(made.network.test_images, images.reshape(40, -1))
    report = made.report
    assert report.check.ok
    assert report.integer["r2"] - report.real["r2"] == report.loss["r2"]
    assert made.to_json()["calibration"]["integer"]["images"] == 40
    made.network.save(tmp_path / "net.h5")
    assert ipvae.diff(made.network, tmp_path / "net.h5").same
    assert "R2" in repr(made)


def test_a_network_worse_than_the_mean_image_is_named(model, images, caplog, monkeypatch):
    """Random atoms reconstruct nothing."""
    made = ipvae.quantize(model, images, most_loss=9.0)
    r2 = made.report.integer["r2"]
    assert r2 < 0
    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(f"the model: R2 of the network is {r2:.2f}, below 0")
    caplog.clear()
    calibrate = quantizing.calibrate
    monkeypatch.setattr(quantizing, "calibrate", lambda *a: {**calibrate(*a), "r2": 0.0})
    ipvae.quantize(model, images, most_loss=9.0)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_what_is_saved_is_reported_once(model, images, tmp_path):
    path = tmp_path / "net.h5"
    saved = ipvae.quantize(model, images, most_loss=9.0).save(path)
    assert ipvae.diff(path, saved.quantized.network).same
    assert saved.to_json() == {"network": str(path), **saved.quantized.to_json()}
    assert saved.shown()[0] == (
        f"wrote {path}: 16 pixels, neurons: {K} code; {K * K} synapses, 8 bits"
    )
    with pytest.raises(ipvae.IpvaeError, match="already exists. Pass overwrite=True"):
        saved.quantized.save(path)


def test_labels_make_a_read_out_of_classes(model, images):
    labels = (images.mean(axis=(1, 2)) > images.mean()).astype(int)
    made = ipvae.quantize(model, images, labels, readouts=("classes",), most_loss=9.0)
    assert made.network.layers["2"].n_neurons == 2
    np.testing.assert_array_equal(made.network.test_labels, labels)
    with pytest.raises(ipvae.IpvaeError, match="readouts=classes: needs labelled images"):
        ipvae.quantize(model, images, readouts=("classes",), most_loss=9.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layout": "ring"}, "layout: found 'ring', allowed recurrent, error-units"),
        ({"inference": "guess"}, "inference: found 'guess'"),
        ({"readouts": ("sound",)}, "readouts: found 'sound', allowed decoder, classes"),
        ({"threshold": 0.2}, "threshold: needs inference=lca"),
        ({"most_loss": -9.0}, r"R2 after \d+ steps falls.*refit_decoder=True"),
    ],
)
def test_bad_arguments_are_refused_in_the_words_of_the_arguments(model, images, given, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.quantize(model, images, **({"most_loss": 9.0} | given))


def test_a_model_of_arrays_needs_images(model):
    with pytest.raises(ipvae.IpvaeError, match="give images to calibrate on with images="):
        ipvae.quantize(model)


def test_a_start_from_the_image_is_fitted_and_reported(model, images, tmp_path):
    options = {"start": "affine", "start_margin": 1.0, "step_scale": 1.5, "inhibition_scale": 0.5}
    made = ipvae.quantize(model, images, most_loss=9.0, **options)
    plain = ipvae.quantize(model, images, most_loss=9.0)
    layer, base = made.network.layer, plain.network.layer
    assert base.start is None and layer.start.weight.shape == (K, SIDE * SIDE)
    unit = 2**layer.frac_bits / np.log(2)
    assert layer.start.margin == round(unit) and layer.start.threshold == 0
    assert layer.self_weight.mean() / base.self_weight.mean() == pytest.approx(1.5, rel=0.02)
    fit = made.to_json()["start"]
    assert fit["images"] == 40 and 0 < fit["explained_variance"] <= 1
    assert "start" not in plain.to_json()
    last = str(made.shown()[-1])
    assert last.startswith("start affine, fitted on 40 images (")
    assert f"stable up to {fit['largest_step_scale']:.3g}" in last
    made.network.save(tmp_path / "net.h5")
    assert ipvae.diff(made.network, tmp_path / "net.h5").same
    assert ipvae.load_network(tmp_path / "net.h5").provenance["step_scale"] == 1.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "linear"}, "start: found 'linear', allowed constant, affine"),
        ({"start_margin": 1.0}, "start_margin: needs start=affine"),
        ({"start": "affine", "start_margin": -1.0}, "start_margin: found -1, allowed 0 to 20 nats"),
        ({"start": "affine", "start_threshold": 21.0}, "start_threshold: found 21, allowed -20 to"),
        ({"step_scale": 0.0}, "step_scale: found 0, allowed numbers above 0"),
        ({"inhibition_scale": -1.0}, "inhibition_scale: found -1, allowed 0 and above"),
        ({"start": "affine", "inference": "lca"}, "start, step_scale and inhibition_scale: belong"),
        ({"step_scale": 2.0, "layout": "error-units"}, "in the layout recurrent"),
        ({"step_scale": 1e6}, "step_scale: found 1e\\+06, allowed up to"),
    ],
)
def test_starts_and_scales_that_cannot_be_are_refused(model, images, options, message):
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.quantize(model, images, most_loss=9.0, **options)
