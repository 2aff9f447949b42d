"""Activity of a small trace by hand: means per row 0..T, and the busiest row of any image."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.chip.core_memory import error_unit_shapes, full_activity
from ipvae.network.traces.activity import activity_of, received_messages
from ipvae.network.traces.trace import Trace

CODE = [
    [[1, 0, 0], [5, 0, 2], [0, 0, 9]],
    [[0, 0, 0], [1, 1, 1], [1, 0, 0]],
]
"""Counts of three neurons at rows 0..2 of two images."""

ERRORS = [
    [[0, -3], [0, 0], [4, -4]],
    [[1, 0], [2, 0], [0, 0]],
]
"""What two error units send at the same rows."""


@pytest.fixture
def traced(kinds):
    """Two error units receive three neurons at the same row, which receive them at the next."""
    network = kinds.networks(0)["errors"]
    (errors,) = network.hidden
    small = {
        "bias": errors.bias[:2],
        "weight": errors.weight[:2],
        "weight_rec": errors.weight_rec[:2, :3],
    }
    code = network.layer
    names = ("bias", "self_weight", "u_init")
    own = {name: getattr(code, name)[:3] for name in names}
    network = replace(
        network,
        input=replace(network.input, shape=(1, 2)),
        hidden=(replace(errors, **small),),
        layer=replace(code, weight_rec=code.weight_rec[:3, :2], **own),
        decoder=network.decoder[:2, :3],
        test_images=network.test_images[:, :2],
    )
    samples = [
        {"1": {"z": np.array(e, np.int32)}, "2": {"z": np.array(z, np.int32)}}
        for e, z in zip(ERRORS, CODE, strict=True)
    ]
    return network, Trace("emulator", 0, "", samples)


def test_what_layers_receive_is_counted_per_row(traced):
    """The code does not receive the last row; row 0, at which it receives nothing, counts."""
    network, trace = traced
    found = activity_of(network, trace, "by hand", plan=True)
    assert found.source == "by hand"
    np.testing.assert_allclose(found.received_fractions["1"], np.array([4, 1, 3]) / 6)
    np.testing.assert_allclose(found.received_fractions["2"], np.array([2, 1]) / 6)
    assert found.received == pytest.approx({"1": 8 / 6, "2": 3 / 6})
    assert found.peak == {"1": 3, "2": 1}


def test_messages_are_those_that_are_not_zero(traced):
    _, trace = traced
    found = received_messages(trace, "1", 0)
    assert found.dtype == bool and found.shape == (2, 3, 2)
    np.testing.assert_array_equal(found, np.array(ERRORS) != 0)
    np.testing.assert_array_equal(received_messages(trace, "1", 1), found[:, :2])


def test_the_most_there_can_be():
    found = full_activity(error_unit_shapes(6, 10))
    assert found.received == {"1": 6.0, "2": 10.0} and found.peak == {"1": 6, "2": 10}
