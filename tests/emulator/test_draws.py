"""The quick look that leaves most neurons out of the sampler leaves none out that sends."""

import numpy as np

from ipvae.emulator.blocks import MIX
from ipvae.network.poisson import LOG_RATE_MAX, LOG_RATE_MIN, SPLIT_ABOVE, interpolated_thresholds


def may_send(log_rate, uniform):
    """What `ipvae.emulator.blocks.draw` asks, in NumPy."""
    one = MIX[-1]
    rest = (2**24 - np.asarray(uniform)).astype(np.float32).view(np.int32).astype(np.int64)
    return rest <= (np.asarray(log_rate, np.int64) << 11) + one


def test_every_uniform_that_sends_is_looked_at():
    """At each log-rate of a single draw; the smallest uniform that sends decides."""
    log_rate = np.arange(LOG_RATE_MIN, SPLIT_ABOVE + 1)
    smallest = interpolated_thresholds(log_rate)[:, 0].astype(np.int64)
    assert (smallest < 2**24).all()
    assert may_send(log_rate, smallest).all()
    # A larger uniform is nearer to 2**24, so that it passes too.
    assert may_send(log_rate, np.full_like(smallest, 2**24 - 1)).all()


def test_rates_that_are_split_are_always_looked_at():
    log_rate = np.arange(SPLIT_ABOVE, LOG_RATE_MAX + 1)
    assert may_send(log_rate, np.zeros_like(log_rate)).all()


def test_few_are_looked_at_in_vain():
    """Of low rates at most 7 % more than the rate."""
    log_rate = np.arange(LOG_RATE_MIN, -3 * 4096, 37)
    looked = [2**24 - np.searchsorted(may_send(v, np.arange(2**24)), True) for v in log_rate[::60]]
    rate = 2.0 ** (log_rate[::60] / 4096) * 2**24
    assert (np.array(looked) <= 1.07 * rate + 1).all()
    assert (np.array(looked) >= 0.99 * rate - 1).all()
