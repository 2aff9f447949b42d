import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipvae.errors import QuantizationError
from ipvae.export.calibration.ranges import calibrate
from ipvae.export.rounding.power_of_two_scale import to_grid
from ipvae.export.rounding.quantize import WIDEST_PAYLOAD, Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat
from ipvae.network.proof.bounds import Bound, bounds
from ipvae.network.rules import payload

PER_NAT = 2**16 / math.log(2)
PULL = math.exp(-10)  # of the soft clamp, far from its limit


@pytest.fixture
def float_network(rng):
    return FloatNetwork(
        phi=rng.normal(size=(12, 8)) * 0.2,
        sigma=rng.uniform(0.5, 2.0, 12),
        step_size=0.7,
        bias=np.full(8, 0.05),
        u0=rng.uniform(-9, 1, 8),
    )


def exported(network, weight_bits=8):
    pixels = InputFormat(0, 16, 1 / 16, (3, 4))
    images = np.arange(24, dtype=np.int16).reshape(2, 12) % 17
    return quantize(network, pixels, Images(images, np.array([1, 2], np.int16)), weight_bits)


def test_integers_stand_for_the_float_network(float_network):
    network = exported(float_network)
    layer = network.layer
    gram = float_network.gram() * PER_NAT
    off = gram - np.diag(np.diag(gram))
    step = 2.0**layer.weight_exp
    assert np.abs(layer.weight_rec * step - off).max() <= step / 2
    assert network.provenance["grids"]["1"]["weight_rec"]["clipped"] == 0
    assert (np.diag(layer.weight_rec) == 0).all()
    assert np.abs(layer.self_weight - np.diag(gram) - PULL * PER_NAT).max() <= 0.5
    forward = float_network.feedforward() / 16 * PER_NAT
    error = np.abs(layer.weight * 2.0**layer.drive_exp - forward)
    assert error.max() <= 2.0**layer.drive_exp / 2
    assert np.abs(layer.weight).max() > 2**14 - 1
    assert np.abs(layer.bias + (0.7 * 0.05 + PULL) * PER_NAT).max() <= 0.5
    clipped = np.clip(float_network.u0 * PER_NAT, -756388, 524288)
    assert np.abs(layer.u_init - clipped).max() <= 0.5
    assert (layer.u_min, layer.u_max) == (-756388, 2**19)
    assert (layer.du_min, layer.du_max) == (-756388, 945485)
    assert layer.frac_bits == 16


def test_fewer_bits_use_fewer_integers(float_network):
    for bits in range(2, 9):
        largest = int(np.abs(exported(float_network, bits).layer.weight_rec.astype(int)).max())
        limit = 2 ** (bits - 1) - 1
        assert limit / 2 - 0.5 <= largest <= limit


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e4, 1e4, allow_subnormal=False), min_size=1, max_size=8),
    st.integers(2, 8),
)
def test_grid_has_the_least_squared_error_of_all_scales(values, bits):
    values = np.array(values)
    limit = 2 ** (bits - 1) - 1
    integers, exponent = to_grid(values, bits, (-24, 20), "w")
    assert np.abs(integers).max() <= limit
    error = ((integers * 2.0**exponent - values) ** 2).sum()
    for other in range(-24, 21):
        rounded = np.clip(np.rint(values / 2.0**other), -limit, limit) * 2.0**other
        assert error <= ((rounded - values) ** 2).sum() * (1 + 1e-12)


def test_a_lone_large_weight_is_clipped_for_the_sake_of_the_others_and_counted(rng):
    phi = rng.normal(size=(400, 40)) * 0.05
    phi[:, 1] = phi[:, 0] + rng.normal(size=400) * 0.02
    network = FloatNetwork(phi, np.ones(400), 1.0, np.full(40, 0.05), np.zeros(40))
    pixels = InputFormat(0, 255, 1 / 255, (20, 20))
    images = Images(np.zeros((0, 400), np.int16), np.zeros(0, np.int16))
    found = quantize(network, pixels, images, 4)
    layer = found.layer
    assert found.provenance["grids"]["1"]["weight_rec"]["clipped"] == 2
    assert layer.weight_rec[0, 1] == layer.weight_rec[1, 0] == 7


def test_zero_weights_stay_zero():
    integers, _ = to_grid(np.zeros((2, 2)), 8, (-8, 14), "w")
    assert (integers == 0).all()


def test_result_is_proved_free_of_overflow(float_network):
    network = exported(float_network)
    assert network.layer.payload_bits == 9
    assert all(b.holds for b in bounds(network))


def test_large_sums_narrow_the_payload_just_enough():
    network = FloatNetwork(
        np.full((12, 400), 0.2), np.ones(12), 0.7, np.full(400, 0.05), np.zeros(400)
    )
    narrowed = exported(network)
    bits = narrowed.layer.payload_bits
    assert bits < 9
    assert all(b.holds for b in bounds(narrowed))
    wider = replace(narrowed, layer=replace(narrowed.layer, payload_bits=bits + 1))
    assert not all(b.holds for b in bounds(wider))


def test_numbers_out_of_the_usual_range_are_refused(rng):
    network = FloatNetwork(
        rng.normal(size=(12, 8)), np.full(12, 0.01), 1.0, np.full(8, 0.05), np.zeros(8)
    )
    with pytest.raises(QuantizationError, match="out of the usual range"):
        exported(network)


@pytest.mark.parametrize("bits", [1, 9])
def test_other_weight_bits_are_refused(float_network, bits):
    with pytest.raises(QuantizationError, match="allowed 2 to 8"):
        exported(float_network, bits)


def test_calibration_records_what_a_run_reaches(float_network):
    network = exported(float_network)
    found = calibrate(network, network.test_images, [20], seed=0)
    assert found["images"] == 2
    assert found["reach"]["u"] <= 756388
    assert 0 <= found["zeros"] <= 1
    assert found["saturations"] == {"drive": 0, "a_in": 0, "u": 0, "z": 0}


@pytest.mark.parametrize("widest", [9, 4, 1, 0])
def test_the_widest_payload_that_is_proved_is_taken_down_to_one_bit(
    make_network, monkeypatch, widest
):
    """A stand-in for the proof: one bit takes 22,000 recurrent neurons or more."""

    def proved(network):
        most = 2**network.layer.payload_bits - 1
        return [Bound("p", 0, 1, 0, 9, "1"), Bound("a_in", 0, most, 0, 2**widest - 1, "1")]

    monkeypatch.setattr(payload, "bounds", proved)
    if widest:
        assert (
            payload.with_safe_payload(make_network(), WIDEST_PAYLOAD).layer.payload_bits == widest
        )
        return
    text = r"layer 1: no payload is free of overflow \(a_in reaches 1 of 0\); use fewer weight bits"
    with pytest.raises(QuantizationError, match=text):
        payload.with_safe_payload(make_network(), WIDEST_PAYLOAD)
