import math

import numpy as np
import pytest

from ipvae.export.fake_quantize import fake_quantize, rounding_to
from ipvae.export.grid import recurrent_grid


@pytest.mark.parametrize("bits", [3, 4, 5, 8])
def test_matrix_is_what_integers_stand_for_and_a_raised_diagonal(rng, bits):
    recurrent = rng.normal(size=(20, 20))
    runs = fake_quantize(recurrent, bits)
    # The file's units are finer than an octave by a power of two, which changes no integer.
    per_nat = 2**16 / math.log(2)
    off = (recurrent - np.diag(np.diag(recurrent))) * per_nat
    integers, exponent = recurrent_grid(off, bits, (-64, 64), "w")
    step = 2.0**exponent / per_nat
    np.testing.assert_allclose(runs - np.diag(np.diag(runs)), integers * step, rtol=1e-12, atol=0)
    assert len(np.unique(integers)) > bits
    raised = {3: 2.0, 4: 2.0, 5: 0.0, 8: 0.0}[bits]
    np.testing.assert_allclose(np.diag(runs - recurrent), raised * step, rtol=1e-9, atol=1e-12)


def test_no_bits_no_rounding(rng):
    assert rounding_to(0) is None
    rounding = rounding_to(5)
    assert rounding is not None
    recurrent = rng.normal(size=(6, 6))
    np.testing.assert_array_equal(rounding(recurrent), fake_quantize(recurrent, 5))
