"""The compiled draw of a step against the readable one, from log-rate to count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.lava_procs.models.count_kernel import draw_counts
from ipvae.network.rules import poisson, random_source
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, SPLIT_ABOVE


def both(u, image, neurons, step, most):
    """Counts by the kernel and by the readable functions."""
    image_a, image_b = (np.array([word], np.uint32) for word in image)

    def uniform(index, sub_draw):
        keys = neurons[0][index], neurons[1][index]
        return random_source.uniforms((image_a, image_b), keys, step, sub_draw)

    readable = np.minimum(poisson.draw(u, uniform), most)
    words = image_a[0], image_b[0], *neurons
    return draw_counts(u, *words, step, poisson.thresholds(), most), readable


def test_every_log_rate_draws_the_same_counts():
    u = np.arange(LOG_RATE_MIN, LOG_RATE_MAX + 1, dtype=np.int32)
    neurons = random_source.neuron_keys(1, len(u))
    for step in (0, 77, 2**19 - 1):
        found, expected = both(u, random_source.image_key(5, 9), neurons, step, 2**23 - 1)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int32
        assert found[u > SPLIT_ABOVE].min() >= 0 and found.max() > 250


@given(data=st.data())
def test_any_key_and_limit_draws_the_same_counts(data):
    words = st.integers(0, 2**24 - 1)
    n = data.draw(st.integers(1, 20))
    u = np.array(
        data.draw(st.lists(st.integers(LOG_RATE_MIN, LOG_RATE_MAX), min_size=n, max_size=n))
    )
    keys = [data.draw(st.lists(words, min_size=n, max_size=n)) for _ in range(2)]
    neurons = tuple(np.array(key, dtype=np.uint32) for key in keys)
    step, bits = data.draw(st.integers(0, 2**19 - 1)), data.draw(st.integers(1, 23))
    image = data.draw(words), data.draw(words)
    found, expected = both(u.astype(np.int32), image, neurons, step, 2**bits - 1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("most", [1, 7])
def test_counts_stop_at_the_payload(most):
    u = np.full(64, LOG_RATE_MAX, dtype=np.int32)
    found, expected = both(u, (1, 2), random_source.neuron_keys(1, 64), 3, most)
    assert (found == most).all() and (expected == most).all()


@pytest.mark.parametrize("step", [0, 2**19 - 1])
def test_draws_at_every_edge_of_the_sampler(directed, draw_edges, step):
    """Both sides of every threshold of the table, and both ends of every sub-draw."""
    cases = draw_edges.cases(directed, step)
    u, words = cases.log_rate.astype(np.int32), [np.uint32(word) for word in draw_edges.IMAGE]
    for most in (2**23 - 1, 1, 15, 255):
        found = draw_counts(u, *words, cases.na, cases.nb, step, poisson.thresholds(), most)
        np.testing.assert_array_equal(found, np.minimum(cases.count, most))
