# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""Sparse coding (LCA) on the kernels of a convolutional model, as integers."""

import numpy as np
import pytest

import ipvae
from ipvae.errors import LossError
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.lca import ConvolutionalLca

CANVAS = Canvas((1, 16, 14), 12, 4, 2)
THRESHOLD = 0.3


@pytest.fixture(scope="module")
def model(maps):
    return maps.checkpoint(CANVAS)


@pytest.fixture(scope="module")
def images(maps):
    return maps.pixels(CANVAS.image, 16)


@pytest.fixture(scope="module")
def quantized(model, images):
    return ipvae.quantize(model, images, inference="lca", threshold=THRESHOLD)


@pytest.mark.parametrize("bits", [8, 6, 4])
def test_loss_is_small(model, images, bits):
    found = ipvae.quantize(
        model, images, inference="lca", threshold=THRESHOLD, weight_bits=bits, most_loss=0.06
    )
    assert found.report.real["r2"] > 0.7
    assert found.report.integer["r2"] > found.report.real["r2"] - 0.06
    assert found.report.check.ok
    assert found.report.layers[0]["saturations"] == {"a_in": 0, "u": 0, "z": 0}


def test_codes_are_those_of_float_lca(model, images, quantized, maps):
    """After 256 steps at 8 bits: codes of the network in pixel units against float codes."""
    (layer,) = quantized.network.layers
    run = ipvae.run(quantized.network, images, steps=256, record=("z",))
    found = run.trace.stacked("1", "z")[:, -1] * layer.neuron.unit
    solver = ConvolutionalLca(model.params["kernels"], CANVAS, THRESHOLD)
    real = (images * maps.SCALE).astype(np.float32)
    exact = solver.codes(real, [256])[256]
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.97
    assert found.min() >= 0 and (found > 0).any()
    assert np.abs(found - exact).mean() < 0.3 * exact.mean()


def test_backends_agree_in_every_variable(quantized):
    found = ipvae.verify(quantized.network, samples=2, steps=12)
    assert found.bit_exact, found.first_divergence
    assert found.variables == ("1/a_in", "1/u", "1/z")
    assert found.max_count > 1


def test_a_resized_network_is_bit_exact_and_a_file_keeps_it(quantized, tmp_path, maps):
    other = ipvae.resize(quantized.network, (9, 21))
    found = ipvae.verify(other, maps.pixels((1, 9, 21), 1), steps=6)
    assert found.bit_exact, found.first_divergence
    saved = quantized.save(tmp_path / "n.h5")
    assert "864 code" in saved.shown()[0]
    again = ipvae.load_network(tmp_path / "n.h5")
    assert ipvae.diff(again, quantized.network).same
    assert again.provenance["inference"] == "lca" and again.provenance["threshold"] == THRESHOLD
    assert saved.to_json()["inference"] == "lca" and saved.to_json()["payload_bits"] is None


def test_evaluation_of_the_file_is_that_of_the_calibration(quantized, images):
    found = ipvae.evaluate(quantized.network, images, steps=(64, 512)).to_json()
    expected = [point["r2"] for point in quantized.report.integer["curve"]]
    np.testing.assert_allclose([point["r2"] for point in found["curve"]], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"inference": "omp"}, "inference: found 'omp', allowed model, lca"),
        ({"inference": "model"}, "threshold: needs inference=lca; give both or neither"),
        ({"threshold": 0.0}, "threshold: found 0, allowed numbers above 0, in pixel units"),
        ({"step_scale": 0.5}, "step_scale and inhibition_scale: not with inference=lca; omit them"),
        ({"threshold": 500.0}, "LCA sends nothing for any calibration image: lower threshold="),
        ({"layout": "error-units"}, "layout: found error-units, but the model is a convolutional"),
    ],
)
def test_arguments_that_do_not_apply_are_refused(model, images, changes, text):
    given = {"inference": "lca", "threshold": THRESHOLD, **changes}
    with pytest.raises(ipvae.IpvaeError, match=text):
        ipvae.quantize(model, images, **given)


def test_a_large_loss_is_refused(model, images):
    with pytest.raises(LossError, match="R2 after"):
        ipvae.quantize(
            model, images, inference="lca", threshold=THRESHOLD, weight_bits=2, most_loss=0.001
        )
