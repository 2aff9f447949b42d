import math

import numpy as np
import pytest

from ipvae.export.rounding.fake_quantize import fake_quantize, rounding_to, with_learned_rounding
from ipvae.export.rounding.power_of_two_scale import recurrent_grid
from ipvae.export.rounding.quantize import Images, quantize
from ipvae.network.description import FloatNetwork, InputFormat

PER_NAT = 2**16 / math.log(2)
RAISED = {3: 2.0, 4: 2.0, 5: 0.0, 8: 0.0}


def on_the_grid(recurrent, bits):
    off_diagonal = (recurrent - np.diag(np.diag(recurrent))) * PER_NAT
    integers, exponent = recurrent_grid(off_diagonal, bits, (-64, 64), "w")
    return integers, 2.0**exponent / PER_NAT


@pytest.mark.parametrize("bits", [3, 4, 5, 8])
def test_matrix_is_what_integers_stand_for_and_a_raised_diagonal(rng, bits):
    recurrent = rng.normal(size=(20, 20))
    runs, step, free = fake_quantize(recurrent, np.zeros((20, 20)), bits)
    # The file's units are finer than an octave by a power of two, which changes no integer.
    integers, want = on_the_grid(recurrent, bits)
    assert step == pytest.approx(want, rel=1e-12)
    np.testing.assert_allclose(runs - np.diag(np.diag(runs)), integers * step, rtol=1e-12, atol=0)
    assert len(np.unique(integers)) > bits
    raised = RAISED[bits] * step
    np.testing.assert_allclose(np.diag(runs - recurrent), raised, rtol=1e-9, atol=1e-12)
    off_diagonal = ~np.eye(20, dtype=bool)
    error = np.abs(runs - recurrent)[off_diagonal]
    np.testing.assert_array_equal(free[off_diagonal], error <= step * (0.5 + 1e-9))


def test_a_change_moves_integers_but_never_the_step(rng):
    recurrent, change = rng.normal(size=(20, 20)), 6 * rng.normal(size=(20, 20))
    plain, step, _ = fake_quantize(recurrent, np.zeros((20, 20)), 4)
    runs, same, free = fake_quantize(recurrent, change, 4)
    assert same == step
    off_diagonal = ~np.eye(20, dtype=bool)
    integers = np.clip(np.rint(recurrent / step + change), -7, 7)
    np.testing.assert_allclose(runs[off_diagonal], (integers * step)[off_diagonal], rtol=1e-12)
    np.testing.assert_allclose(np.diag(runs - plain), np.diag(change) * step, rtol=1e-9)
    assert 0 < (~free).sum() < 300
    # By itself the sum would ask for a coarser step.
    assert on_the_grid(recurrent + step * change, 4)[1] > step


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_quantize_finds_the_integers_that_training_saw(rng, bits):
    network = FloatNetwork(
        phi=0.3 * rng.normal(size=(30, 20)),
        sigma=np.ones(30),
        step_size=0.1,
        bias=np.full(20, 0.05),
        u0=np.zeros(20),
    )
    change = rng.normal(size=(20, 20))
    runs = fake_quantize(network.gram(), change, bits).matrix
    ready = with_learned_rounding(network, change, bits)
    images = Images(np.zeros((1, 30), np.int16), np.zeros(1, np.int16))
    layer = quantize(ready, InputFormat(0, 1, 1.0, (5, 6)), images, bits).layer
    unit = 2.0**layer.frac_bits / math.log(2)
    found = np.asarray(layer.weight_rec) * 2.0**layer.weight_exp / unit
    off_diagonal = ~np.eye(20, dtype=bool)
    np.testing.assert_allclose(found[off_diagonal], runs[off_diagonal], rtol=1e-9, atol=1e-12)
    own = np.asarray(layer.self_weight) / unit
    np.testing.assert_allclose(own, np.diag(runs), atol=1e-4)


def test_no_bits_no_rounding(rng):
    assert rounding_to(0) is None
    rounding = rounding_to(5)
    assert rounding is not None
    recurrent, change = rng.normal(size=(6, 6)), rng.normal(size=(6, 6))
    want = fake_quantize(recurrent, change, 5).matrix
    np.testing.assert_array_equal(rounding(recurrent, change).matrix, want)
