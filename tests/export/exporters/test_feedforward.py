"""Log-rates of a feed-forward network equal the encoder's, up to rounding."""

import math

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.errors import QuantizationError
from ipvae.export.exporters.feedforward import amortized
from ipvae.export.rounding.quantize import Images
from ipvae.network.description import InputFormat
from ipvae.network.proof.bounds import bounds

M, K, H = 12, 6, 20
PIXELS = InputFormat(0, 16, 1 / 16, (3, 4))
OCTAVE = 2.0**16
PER_NAT = OCTAVE / math.log(2)
FINE = 2.0**12

# Interpolation between table entries, 1/16 apart, of a function with |f''| <= c errs by c / 2048;
# 0.5 for an entry's rounding, 1 for the shift; swish: c = 1/2 of 4096, ceiling: c = ln 2 / 4.
SWISH_ERROR = 0.5 / 2048 * FINE + 1.5
CEILING_ERROR = math.log(2) / 4 / 2048 * OCTAVE + 1.5


@pytest.fixture
def linear(rng):
    return {
        "phi": rng.normal(size=(M, K)).astype(np.float32),
        "u0": rng.uniform(-3, 1, K).astype(np.float32),
        "encoder_weight": rng.uniform(-1, 1, (K, M)).astype(np.float32),
        "encoder_bias": rng.uniform(1, 5, K).astype(np.float32),
    }


@pytest.fixture
def mlp(rng, linear):
    return linear | {
        "hidden_weight": rng.uniform(-1, 1, (H, M)).astype(np.float32),
        "hidden_bias": rng.uniform(-1, 1, H).astype(np.float32),
        "residual_weight": rng.uniform(-0.5, 0.5, (M, H)).astype(np.float32),
        "residual_bias": rng.uniform(-1, 1, M).astype(np.float32),
    }


@pytest.fixture
def images(rng):
    return rng.integers(0, 17, (30, M)).astype(np.int16)


def exported(params, images, weight_bits=8):
    stored = Images(images, np.zeros(len(images), np.int16))
    return amortized(params, images / 16.0, PIXELS, stored, weight_bits)


def under_ceiling(v):
    """C - softplus(C - v) with C = 5 nats, as in training."""
    return 5.0 - np.logaddexp(0.0, 5.0 - v)


def first_row(network, images):
    return next(Emulator(network).rows(images, 1, seed=0))


def drive_error(layer, images):
    """Half a step of each weight times its pixel, and the shift."""
    return 2.0**layer.drive_exp / 2 * images.sum(axis=1)[:, None] + 1


def test_log_rates_of_a_linear_encoder(linear, images):
    network = exported(linear, images)
    v = images / 16.0 @ linear["encoder_weight"].T + linear["encoder_bias"] + linear["u0"]
    bound = drive_error(network.layer, images) + 0.5 + 0.5 + CEILING_ERROR
    found = first_row(network, images)["1"].u
    assert (np.abs(found - under_ceiling(v) * PER_NAT) <= bound).all()
    assert bound.max() < 0.001 * OCTAVE
    assert (v > 4.5).any()  # where the ceiling bends by more than 0.4 octaves


def test_log_rates_of_an_mlp_encoder(mlp, images):
    """Hidden potentials and messages are rounded, and each weight from them by half a step."""
    network = exported(mlp, images)
    hidden, code = network.hidden[0], network.layer
    real, step = images / 16.0, 2.0**hidden.shift
    potential = real @ mlp["hidden_weight"].T + mlp["hidden_bias"]
    active = potential / (1 + np.exp(-potential))
    seen = real + active @ mlp["residual_weight"].T + mlp["residual_bias"]
    v = seen @ mlp["encoder_weight"].T + mlp["encoder_bias"] + mlp["u0"]
    row = first_row(network, images)
    sent_error = 1.1 * (drive_error(hidden, images) + 0.5) + SWISH_ERROR + step / 2
    assert (np.abs(row["1"].z * step - active * FINE) <= sent_error).all()
    synapses = mlp["encoder_weight"].astype(float) @ mlp["residual_weight"]
    size = np.abs(synapses).sum(axis=1) * PER_NAT / FINE
    weight_error = 2.0**code.weight_exp / 2 * np.abs(row["1"].z).sum(axis=1)[:, None]
    bound = drive_error(code, images) + 2 + CEILING_ERROR + weight_error + size * sent_error
    assert (np.abs(row["2"].u - under_ceiling(v) * PER_NAT) <= bound).all()
    assert bound.max() < 0.2 * OCTAVE
    assert np.abs(seen - real - mlp["residual_bias"]).mean() > 0.5  # the hidden layer matters


def test_every_step_is_a_draw_of_its_own_at_the_same_log_rates(mlp, images):
    rows = list(Emulator(exported(mlp, images)).rows(images, 3, seed=1))
    for row in rows[1:]:
        np.testing.assert_array_equal(row["2"].u, rows[0]["2"].u)
        assert (row["2"].z != rows[0]["2"].z).any()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("times", [0.01, 1.0, 5.0])
def test_no_variable_can_overflow(mlp, images, bits, times):
    params = mlp | {"hidden_weight": mlp["hidden_weight"] * times}
    network = exported(params, images, bits)
    assert all(bound.holds for bound in bounds(network))
    assert network.hidden[0].z_max < 2**12


def test_no_activation_of_the_calibration_reaches_the_limit(mlp, images):
    network = exported(mlp, images)
    hidden = network.hidden[0]
    sent = first_row(network, images)["1"].z
    assert hidden.z_min < sent.min() and sent.max() < hidden.z_max <= 1.6 * sent.max()


def test_grids_are_true(mlp, images):
    mlp["encoder_weight"][0] *= 5.0
    network = exported(mlp, images, 3)
    hidden, code = network.hidden[0], network.layer
    grids = network.provenance["grids"]
    step = 2.0**code.weight_exp
    synapses = mlp["encoder_weight"].astype(float) @ mlp["residual_weight"]
    values = synapses * PER_NAT / FINE * 2.0**hidden.shift
    facts = grids["2"]["weight_rec"]
    assert facts["scale"] == step
    assert facts["range"] == [code.weight_rec.min(), code.weight_rec.max()]
    assert facts["zeros"] == (code.weight_rec == 0).sum() > 0
    assert facts["clipped"] == (np.abs(values) > 3.5 * step).sum() > 0
    assert facts["relative_error"] == pytest.approx(
        np.linalg.norm(code.weight_rec * step - values) / np.linalg.norm(values)
    )
    assert grids["1"]["weight"]["scale"] == 2.0**hidden.drive_exp
    assert grids["2"]["weight"]["scale"] == 2.0**code.drive_exp


def test_a_linear_encoder_has_one_layer_and_no_synapses(linear, images):
    network = exported(linear, images)
    assert (list(network.layers), network.layer.weight_rec) == (["1"], None)
    assert list(network.provenance["grids"]["1"]) == ["weight"]
    np.testing.assert_array_equal(network.decoder, linear["phi"])


def test_numbers_that_fit_no_grid_are_refused(linear, images):
    for name, message in (
        ("encoder_weight", "weight: largest value .* needs the scale"),
        ("encoder_bias", "bias: largest value"),
    ):
        with pytest.raises(QuantizationError, match=message):
            exported(linear | {name: linear[name] * 1e9}, images)
    with pytest.raises(QuantizationError, match="weight_bits: found 1"):
        exported(linear, images, 1)


@pytest.mark.parametrize(("most", "shift", "z_max"), [(127.9, 7, 4093), (128.0, 8, 2048)])
def test_activations_are_sent_with_twelve_bits_at_most(mlp, images, most, shift, z_max):
    """Half as large again as the calibration's, and 4,096 is one too many; swish(85) is 85."""
    params = mlp | {"hidden_weight": np.zeros((H, M)), "hidden_bias": np.full(H, most / 1.5)}
    hidden = exported(params, images, 2).hidden[0]
    assert (hidden.shift, hidden.z_max) == (shift, z_max)
