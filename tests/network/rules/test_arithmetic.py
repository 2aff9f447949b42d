import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.network.rules.arithmetic import (
    SELF_MAX,
    TERM_MAX,
    clip,
    input_clipped,
    scale_input,
    self_inhibition,
    shift,
    to_octaves,
)


@pytest.mark.parametrize(
    ("value", "exponent", "expected"),
    [(-5, -1, -3), (5, -1, 2), (-1, -8, -1), (-37, -2, -10), (37, 6, 2368), (0, 3, 0)],
)
def test_shift_rounds_toward_minus_infinity(value, exponent, expected):
    assert shift(np.array(value, dtype=np.int32), exponent) == expected


def test_shift_widens_narrow_types():
    assert shift(np.array(127, dtype=np.int8), 10) == 127 * 1024


@given(st.integers(-(2**23) + 1, 2**23 - 1), st.integers(-8, 14))
def test_scaled_input_stays_within_its_bound_and_follows_the_document(a_in, e):
    if e >= 0:
        expected = min(max(a_in, -(TERM_MAX >> e)), TERM_MAX >> e) << e
    else:
        expected = min(max(a_in >> -e, -TERM_MAX), TERM_MAX)
    found = int(scale_input(np.array(a_in), e))
    assert found == expected
    assert abs(found) <= TERM_MAX


@given(st.integers(-(2**23) + 1, 2**23 - 1), st.integers(-8, 14))
def test_input_is_called_clipped_where_the_clip_changes_it(a_in, e):
    changed = scale_input(np.array(a_in), e) != shift(np.array(a_in), e)
    assert input_clipped(np.array(a_in), e) == changed


@given(st.integers(0, SELF_MAX), st.integers(0, 2**20))
def test_self_inhibition_is_exact_until_its_bound(weight, count):
    found = int(self_inhibition(np.array(weight), np.array(count)))
    if weight * count <= SELF_MAX:
        assert found == weight * count
    else:
        assert SELF_MAX - weight < found <= SELF_MAX


def test_clip_is_inclusive():
    assert clip(np.array([-9, 0, 9]), -3, 3).tolist() == [-3, 0, 3]


@pytest.mark.parametrize(
    ("nats", "octaves"), [(math.log(2.0), 4096), (-8.0, -47274), (10.0, 59093)]
)
def test_octaves_of_known_values(nats, octaves):
    assert to_octaves(nats) == octaves
