# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false, reportArgumentType=false
"""Convolutional models through the public API: quantize, resize, run, verify, files, refusals."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError, LossError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.network.connections import Connection, Convolution, Dense
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

CANVAS = Canvas((1, 16, 14), 12, 4, 2)


@pytest.fixture(scope="module")
def model(maps):
    return maps.checkpoint(CANVAS)


@pytest.fixture(scope="module")
def images(maps):
    return maps.pixels(CANVAS.image, 16)


@pytest.fixture(scope="module")
def quantized(model, images):
    return ipvae.quantize(model, images)


@pytest.mark.parametrize("bits", [8, 6, 4])
def test_loss_is_small(model, images, bits):
    """R2 of 16 images; at 4 bits it was below -1e4 without a raise of self-inhibition."""
    found = ipvae.quantize(model, images, weight_bits=bits, most_loss=0.06)
    assert found.report.real["r2"] > 0.7
    assert found.report.integer["r2"] > found.report.real["r2"] - 0.06
    assert found.report.check.ok


def test_the_result_has_the_keys_of_a_dense_export(quantized, tmp_path):
    found = quantized.to_json()
    json.dumps(found)
    assert found["weight_bits"] == 8 and found["payload_bits"] == 9
    assert found["synapses"] == 12 * 12 * 9
    assert found["layers"][0]["bounds"]["a_in"][1] < 2**23
    assert set(found["layers"][0]["saturations"]) == {"a_in", "u", "z"}
    saved = quantized.save(tmp_path / "n.h5")
    assert "864 code" in saved.shown()[0]
    again = ipvae.load_network(tmp_path / "n.h5")
    assert ipvae.diff(again, quantized.network).same
    assert again.provenance["calibration"]["float"]["r2"] == quantized.report.real["r2"]


def test_backends_agree_in_every_variable(quantized):
    found = ipvae.verify(quantized.network, samples=2, steps=12)
    assert found.bit_exact, found.first_divergence
    assert found.variables == ("1/a_in", "1/u", "1/z")
    assert found.max_count > 1


def test_a_resized_network_is_a_fresh_export_and_bit_exact(
    model, images, quantized, tmp_path, maps
):
    quantized.save(tmp_path / "n.h5")
    other = ipvae.resize(tmp_path / "n.h5", "9x21")
    fresh = ipvae.quantize(model, images, image_size=(9, 21)).network
    assert ipvae.diff(other, fresh).same
    assert other.layers[0].shape == CANVAS.resized(9, 21).grid
    assert ipvae.resize(quantized.network, (16, 14)) is quantized.network
    found = ipvae.verify(other, maps.pixels((1, 9, 21), 1), steps=6)
    assert found.bit_exact, found.first_divergence


def test_images_of_any_size_calibrate(model, maps):
    found = ipvae.quantize(model, maps.pixels((1, 11, 18), 8)[:, 0], most_loss=1)
    assert found.network.input.shape == (1, 11, 18)
    assert len(found.network.test_images) == 8


def test_images_in_colour(tmp_path, maps):
    canvas = Canvas((3, 12, 10), 12, 5, 3)
    images = maps.pixels(canvas.image, 6)
    model = maps.checkpoint(canvas)
    found = ipvae.quantize(model, np.moveaxis(images, 1, 3), most_loss=1).network
    assert found.input.shape == (3, 12, 10)
    np.testing.assert_array_equal(found.test_images, images.reshape(6, -1))
    real = ipvae.quantize(model, images * maps.SCALE, most_loss=1).network
    assert ipvae.diff(found, real).same
    np.save(tmp_path / "i.npy", images)
    assert ipvae.diff(found, ipvae.quantize(model, tmp_path / "i.npy", most_loss=1).network).same
    assert ipvae.verify(found, samples=1, steps=4).bit_exact


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"layout": "error-units"}, "layout: found error-units, but the model is a convolutional"),
        ({"refit_decoder": True}, "refit_decoder: found True, but the model is"),
        ({"start": "affine"}, "only start=constant is available; omit it"),
        ({"step_scale": 0.0}, "step_scale: found 0, allowed numbers above 0"),
        ({"inhibition_scale": -1.0}, "inhibition_scale: found -1, allowed 0 and above"),
        ({"image_size": "9x"}, "image_size: found '9x', allowed HEIGHTxWIDTH"),
        ({"weight_bits": 1}, "weight_bits: found 1, allowed 2 to 8"),
    ],
)
def test_arguments_that_do_not_apply_are_refused(model, images, changes, text):
    with pytest.raises(ipvae.IpvaeError, match=text):
        ipvae.quantize(model, images, **changes)


def test_a_large_loss_is_refused(model, images):
    with pytest.raises(LossError, match="R2 after"):
        ipvae.quantize(model, images, weight_bits=2, most_loss=0.001)


def test_images_are_needed_and_in_range(model, images):
    with pytest.raises(InputError, match="give images to calibrate on with images="):
        ipvae.quantize(model)
    with pytest.raises(InputError, match="allowed -255 to 255"):
        ipvae.quantize(model, images * 9)


def test_networks_of_one_size_are_not_resized(tmp_path):
    dense = Layer("1", CubaNeuron(9, 9, 9), (Connection("0", Dense(np.ones((2, 12), int))),))
    with pytest.raises(InputError, match="size: found 4x5: layer 1: found dense weights"):
        ipvae.resize(Network(Input((1, 3, 4)), (dense,)), (4, 5))
    seen = Convolution(np.ones((2, 1, 3, 3), int), (1, 5, 5))
    each = Layer("1", CubaNeuron(9, 9, 9), (Connection("0", seen),), np.arange(18))
    with pytest.raises(InputError, match="bias has 18 numbers, one for each neuron"):
        ipvae.resize(Network(Input((1, 5, 5)), (each,)), (4, 5))
    small = Layer("1", CubaNeuron(9, 9, 9), (Connection("0", seen),))
    with pytest.raises(InputError, match="size: found 2x5: kernel spans 3 in height"):
        ipvae.resize(Network(Input((1, 5, 5)), (small,)), (2, 5))
    with pytest.raises(InputError, match="allowed .channels, height, width."):
        ipvae.resize(Network(Input((12,)), (dense,)), (4, 5))


def test_a_network_of_several_layers_of_maps_is_resized():
    first = Convolution(np.ones((2, 1, 3, 3), int), (1, 9, 9), (2, 2))
    second = Convolution(np.ones((3, 2, 2, 2), int), first.shape)
    back = Convolution(np.ones((2, 3, 2, 2), int), second.shape, padding=(1, 1))
    layers = (
        Layer("1", CubaNeuron(9, 9, 9), (Connection("2", back, delay=2), Connection("0", first))),
        Layer("2", CubaNeuron(9, 9, 9), (Connection("1", second),)),
    )
    found = ipvae.resize(Network(Input((1, 9, 9)), layers), (21, 13))
    assert [layer.shape for layer in found.layers] == [(2, 10, 6), (3, 9, 5)]
    assert ipvae.verify(found, np.ones((1, 21, 13), int), steps=4).bit_exact


def test_step_size_and_inhibition_are_scaled(model, images, quantized):
    half = ipvae.quantize(model, images, step_scale=0.5, most_loss=1)
    numbers = [of.to_json() for of in (half, quantized)]
    assert 2.0 ** (numbers[0]["drive_exp"] - numbers[1]["drive_exp"]) == 0.5
    assert half.network.provenance["step_scale"] == 0.5
    half.shown()
    priced = ipvae.quantize(model, images, inhibition_scale=8.0, most_loss=1)
    assert priced.report.integer["zeros"] > quantized.report.integer["zeros"] + 0.02
    ipvae.quantize(model, images, inhibition_scale=0.0, most_loss=1)


def hotter(model, nats):
    """The model with a larger step size."""
    return replace(model, params=model.params | {"log_lr": model.params["log_lr"] + nats})


def test_a_model_that_diverges_is_refused_with_the_step_size_that_works(model, images):
    few = images[:2]
    with pytest.raises(ipvae.IpvaeError, match="diverges on the calibration") as info:
        ipvae.quantize(hotter(model, 2.1), few)
    advised = re.search(r"step_scale=(\S+), which is stable for 1000 steps", str(info.value))
    assert advised is not None and 0.01 < float(advised[1]) < 0.5
    found = ipvae.quantize(hotter(model, 2.1), few, step_scale=float(advised[1]), most_loss=1)
    assert found.report.real["r2"] > 0.5
    assert found.report.real["largest_load"] < 1.1


def test_a_step_size_beyond_the_bound_is_refused(model, images):
    """The largest eigenvalue is proportional to the step size: 2 is beyond stable mean rates."""
    few = images[:2]
    rho = ipvae.quantize(model, few, most_loss=1).report.real["largest_load"]
    nats = np.float32(np.log(2.6 / rho))
    with pytest.raises(ipvae.IpvaeError, match="eigenvalue .* allowed is below 2|diverges") as info:
        ipvae.quantize(hotter(model, nats), few, most_loss=1)
    advised = re.search(r"step_scale=(\S+),", str(info.value))
    assert advised is not None
    assert 0.1 < float(advised[1]) * 2.6 < 1.3


def test_a_step_size_near_the_bound_is_allowed_with_a_warning(model, images, caplog):
    few = images[:2]
    rho = ipvae.quantize(model, few, most_loss=1).report.real["largest_load"]
    assert "largest eigenvalue" not in caplog.text
    near = hotter(model, np.float32(np.log(1.15 / rho)))
    found = ipvae.quantize(near, few, most_loss=1)
    assert 1.0 < found.report.real["largest_load"] < 2.0
    assert "up to 1 is advised for hundreds of steps. Use step_scale=0." in caplog.text
