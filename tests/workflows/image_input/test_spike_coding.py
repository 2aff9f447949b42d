"""Rates, latencies and event recordings as sequences of spikes."""

import numpy as np
import pytest

import ipvae


def test_rates_are_the_pixels_share_of_the_largest():
    """4,000 draws at probabilities p: the mean is within 5 standard deviations, sqrt(p(1-p)/n)."""
    images = np.array([[0.0, 10.0, 20.0, 40.0]])
    found = ipvae.encode_rate(images, steps=4000, seed=1)
    assert found.shape == (1, 4000, 4) and found.dtype == np.int8
    share = images[0] / 40
    assert (np.abs(found[0].mean(axis=0) - share) <= 5 * np.sqrt(share * (1 - share) / 4000)).all()
    again = ipvae.encode_rate(images, steps=4000, seed=1)
    np.testing.assert_array_equal(found, again)
    assert ipvae.encode_rate(images, steps=2000, largest=80.0)[..., 3].mean() < 0.6


def test_every_pixel_above_0_sends_once_and_earlier_where_it_is_larger():
    images = np.array([[[0.0, 1.0], [2.0, 4.0]]])
    found = ipvae.encode_latency(images, steps=5)
    assert found.shape == (1, 5, 2, 2)
    np.testing.assert_array_equal(found.sum(axis=1)[0], [[0, 1], [1, 1]])
    np.testing.assert_array_equal(found[0].argmax(axis=0), [[0, 3], [2, 0]])


@pytest.mark.parametrize("structured", [False, True])
def test_events_are_binned_by_time_place_and_polarity(structured):
    events = np.array([(100, 2, 1, 1), (149, 0, 0, -1), (150, 2, 1, 1), (999, 1, 1, 1)])
    if structured:
        kind = [("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "i1")]
        events = np.array([tuple(e) for e in events.tolist()], kind)
    found = ipvae.encode_events([events, events[:0]], shape=(2, 2, 3), steps=3, step_time=50)
    assert found.shape == (2, 3, 2, 2, 3) and not found[1].any()
    assert np.argwhere(found[0]).tolist() == [[0, 0, 0, 0], [0, 1, 1, 2], [1, 1, 1, 2]]
    alike = ipvae.encode_events([events], shape=(1, 2, 3), steps=3, step_time=50)
    assert alike[0].sum() == 3


def test_wrong_arguments_are_one_line():
    cases = [
        (lambda: ipvae.encode_rate([[-1.0]], steps=2), "^images: shape"),
        (lambda: ipvae.encode_rate([[1.0]], steps=0), "^steps: found 0, allowed 1 and above"),
        (
            lambda: ipvae.encode_latency([[1.0]], steps=2, largest=0),
            "^largest: found 0, allowed",
        ),
        (
            lambda: ipvae.encode_events([np.zeros((2, 3))], shape=(2, 4, 4), steps=1, step_time=1),
            "^events: recording 0 has dtype",
        ),
        (
            lambda: ipvae.encode_events(
                [np.array([(0, 9, 0, 1)])], shape=(2, 4, 4), steps=1, step_time=1
            ),
            "^events: recording 0 has x in 9..9, allowed 0..3",
        ),
        (
            lambda: ipvae.encode_events([], shape=(3, 4, 4), steps=1, step_time=1),
            "^events: steps 1, step_time 1, 3 polarities",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ipvae.IpvaeError, match=message):
            call()
