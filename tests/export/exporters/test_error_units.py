"""Error neurons compute the float equations of their model, up to what is rounded on the way."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.errors import QuantizationError
from ipvae.export.exporters.error_units import FINE, _shared_grid, error_units
from ipvae.export.rounding.optq import CalibrationMoments
from ipvae.export.rounding.quantize import Images
from ipvae.network.description import FloatNetwork, InputFormat
from ipvae.network.proof.bounds import bounds

M, K, STEPS = 12, 8, 40
PIXELS = InputFormat(0, 16, 1 / 16, (3, 4))
PER_NAT = 2**16 / math.log(2)
PULL = math.exp(-10)


@pytest.fixture
def model(rng):
    """A model whose weights, precision and pixels lie on the grid: c D^1/2 Phi are integers."""
    sigma = rng.choice([0.5, 1.0, 2.0], M)
    return FloatNetwork(
        phi=sigma[:, None] * rng.integers(-20, 21, (M, K)) / 128.0,
        sigma=sigma,
        step_size=2**15 / PER_NAT,
        bias=np.full(K, 0.05),
        u0=rng.uniform(-1.0, 1.0, K),
    )


@pytest.fixture
def images(rng):
    return rng.integers(0, 17, (6, M)).astype(np.int16)


def exported(model, images, weight_bits=8, largest_error=30.0):
    activity = CalibrationMoments(np.ones(K), np.eye(K))
    stored = Images(images, np.zeros(len(images), np.int16))
    largest = np.full(M, largest_error)
    return error_units(model, PIXELS, stored, largest, activity, weight_bits)


def synapses(layer):
    """Weights of a layer's input from another layer, which it must have."""
    assert layer.weight_rec is not None
    return layer.weight_rec.astype(int)


def test_log_rates_follow_the_float_equations_on_the_same_counts(model, images):
    """u += a (Phi^T D (x - Phi z) - exp c) - pull (1 + z), 40 times.

    An update rounds each error to half a step of what is sent, and once each the sum that
    arrives, the bias, and the self-inhibition of each count.
    """
    network = exported(model, images)
    rows = list(Emulator(network).rows(images, STEPS, seed=3))
    errors, code = network.hidden[0], network.layer
    assert errors.shift > 0 and code.frac_bits == 16
    real, precise = images / 16.0, model.phi / model.sigma[:, None] ** 2
    reach = np.abs(synapses(errors)).sum(axis=0)
    u = np.tile(model.u0 * PER_NAT, (len(images), 1))
    bound = np.full_like(u, 0.5)
    for before, after in itertools.pairwise(rows):
        z = before["2"].z
        update = model.step_size * ((real - z @ model.phi.T) @ precise - model.bias)
        u = u + (update - PULL * (1 + z)) * PER_NAT
        bound = bound + 2.0**code.weight_exp * reach / 2 + 1.5 + z / 2
        assert (code.u_min < after["2"].u).all() and (after["2"].u < code.u_max).all()
        assert (np.abs(after["1"].z) < errors.z_max).all()
        assert (np.abs(after["2"].u - u) <= bound).all()
    moved = np.abs(u - model.u0 * PER_NAT).mean()
    assert bound.max() < moved / 50  # the bound leaves no room for another equation


def test_what_the_soft_clamp_takes_away_goes_into_bias_and_self_inhibition(model, images):
    code = exported(model, images).layer
    assert np.abs(code.bias + (model.step_size * model.bias + PULL) * PER_NAT).max() <= 0.5
    assert np.abs(code.self_weight - PULL * PER_NAT).max() <= 0.5
    assert np.abs(code.u_init - model.u0 * PER_NAT).max() <= 0.5


def test_down_and_up_go_the_same_integers(model, images, rng):
    phi = rng.normal(size=(M, K)) * 0.2
    network = exported(replace(model, phi=phi), images)
    np.testing.assert_array_equal(synapses(network.layer), synapses(network.hidden[0]).T)


@pytest.mark.parametrize(("bits", "lost"), [(8, 0.02), (6, 0.06), (4, 0.2)])
def test_down_and_up_again_is_the_gram_matrix(model, images, rng, bits, lost):
    """2^E Q^T Q = a Phi^T D Phi up to the rounding of Q; measured: .008, .025, .163 of it."""
    model = replace(model, phi=rng.normal(size=(M, K)) * 0.2, sigma=rng.uniform(0.5, 2.0, M))
    network = exported(model, images, bits)
    errors, code = network.hidden[0], network.layer
    q = synapses(errors).astype(float)
    runs = 2.0 ** (code.weight_exp + FINE - errors.shift) * q.T @ q
    exact = model.gram() * 2**code.frac_bits / math.log(2)
    assert np.linalg.norm(runs - exact) <= lost * np.linalg.norm(exact)
    assert np.linalg.eigvalsh(runs).min() > -1e-6 * np.linalg.norm(runs)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("largest_error", [0.1, 30.0, 3000.0])
def test_no_variable_can_overflow(model, images, bits, largest_error):
    network = exported(model, images, bits, largest_error)
    assert all(bound.holds for bound in bounds(network))
    assert network.schedule.period == 2


def test_errors_of_the_calibration_are_sent_whole_and_finer_if_they_are_small(model, images):
    scale = {}
    for largest in (1.0, 10.0, 100.0):
        network = exported(model, images, largest_error=largest)
        errors = network.hidden[0]
        exponent = network.layer.weight_exp + FINE - errors.shift
        factor = math.sqrt(model.step_size * PER_NAT / 2.0**exponent)
        scale[largest] = 2.0 ** (FINE - errors.shift)
        assert errors.z_max >= factor * largest * scale[largest]
        assert errors.z_min == -errors.z_max
    assert scale[1.0] > scale[10.0] > scale[100.0]


def test_grids_are_true(model, images, rng):
    phi = rng.standard_t(2, (M, K)) * 0.2
    network = exported(replace(model, phi=phi), images, 4)
    q = synapses(network.hidden[0])
    grids = network.provenance["grids"]
    facts = grids["1"]["weight_rec"]
    assert facts == grids["2"]["weight_rec"]
    exponent = network.layer.weight_exp + FINE - network.hidden[0].shift
    unit = 2**network.layer.frac_bits / math.log(2)
    factor = math.sqrt(model.step_size * unit / 2.0**exponent)
    values = factor * phi / model.sigma[:, None]
    assert facts["scale"] == 1.0
    assert facts["range"] == [q.min(), q.max()]
    assert facts["zeros"] == (q == 0).sum() and facts["weights"] == q.size
    assert facts["clipped"] == (np.abs(values) > 7.5).sum() > 0
    forward = grids["1"]["weight"]
    assert forward["scale"] == 2.0 ** network.hidden[0].drive_exp
    assert forward["clipped"] == 0


def test_what_fits_no_grid_is_refused(model, images):
    with pytest.raises(QuantizationError, match="weight_bits: found 9, allowed 2 to 8"):
        exported(model, images, 9)
    with pytest.raises(QuantizationError, match="phi: all entries are 0; train the model"):
        exported(replace(model, phi=np.zeros((M, K))), images)
    with pytest.raises(QuantizationError, match="bias: largest value"):
        exported(replace(model, bias=np.full(K, 1e6)), images)


def test_errors_of_a_perfect_calibration_may_still_be_one(model, images):
    network = exported(model, images, largest_error=0.0)
    errors = network.hidden[0]
    assert errors.z_max == 2 ** (FINE - errors.shift)
    assert FINE - errors.shift >= 1


@pytest.mark.parametrize("bits", [3, 8])
def test_both_scales_of_a_factor_of_two_are_tried(rng, bits):
    """c^2 2^E may double with E or with c^2: twice the units are the same integers, E one more."""
    values, counts = rng.normal(size=(M, K)), rng.poisson(1.0, (200, K))
    activity = CalibrationMoments.of(counts)
    found = [_shared_grid(values, units, bits, activity) for units in (1000.0, 2000.0, 4000.0)]
    first, *others = found
    for i, (integers, factor, exponent) in enumerate(others, start=1):
        np.testing.assert_array_equal(integers, first[0])
        assert factor == pytest.approx(first[1], rel=1e-12)
        assert exponent == first[2] + i
    assert first[1] ** 2 * 2.0 ** first[2] == pytest.approx(1000.0)
    with pytest.raises(QuantizationError, match="all entries are 0"):
        _shared_grid(0 * values, 1000.0, bits, activity)
