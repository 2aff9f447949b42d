import math

import numpy as np

from ipvae.export.fake_quantize import fake_quantize, rounding_to
from ipvae.export.grid import recurrent_grid


def test_diagonal_is_kept_and_the_rest_is_what_integers_stand_for(rng):
    recurrent = rng.normal(size=(20, 20))
    runs = fake_quantize(recurrent, bits=4)
    np.testing.assert_array_equal(np.diag(runs), np.diag(recurrent))
    # The file's units are finer than an octave by a power of two, which changes no integer.
    per_nat = 2**16 / math.log(2)
    off = (recurrent - np.diag(np.diag(recurrent))) * per_nat
    integers, exponent = recurrent_grid(off, 4, (-64, 64), "w")
    np.testing.assert_allclose(
        runs - np.diag(np.diag(runs)), integers * 2.0**exponent / per_nat, rtol=1e-12, atol=0
    )
    assert len(np.unique(integers)) > 8


def test_rounded_once_it_stays(rng):
    once = fake_quantize(rng.standard_t(3, (20, 20)), bits=3)
    np.testing.assert_allclose(fake_quantize(once, bits=8), once, rtol=1e-12)


def test_no_bits_no_rounding(rng):
    assert rounding_to(0) is None
    rounding = rounding_to(5)
    assert rounding is not None
    recurrent = rng.normal(size=(6, 6))
    np.testing.assert_array_equal(rounding(recurrent), fake_quantize(recurrent, 5))
