"""Compiled draws: at every edge of the sampler, and none that sends is left out by a quick look."""

import csv
from bisect import bisect_left
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ipvae.emulator import layout
from ipvae.emulator.simd.blocks import MIX
from ipvae.emulator.tile import Tile
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import NOTHING, PoissonLayer
from ipvae.network.rules import random_source
from ipvae.network.rules.poisson import (
    LOG_RATE_MAX,
    LOG_RATE_MIN,
    SPLIT_ABOVE,
    interpolated_thresholds,
)

VECTORS = Path(__file__).resolve().parents[3] / "docs" / "vectors"


def may_send(log_rate, uniform):
    """What `ipvae.emulator.simd.blocks.draw` asks, in NumPy."""
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
    log_rate = np.arange(LOG_RATE_MIN, -3 * 4096, 37)[::60]
    every = range(2**24)
    looked = [2**24 - bisect_left(every, True, key=partial(may_send, v)) for v in log_rate]
    rate = 2.0 ** (log_rate / 4096) * 2**24
    assert (np.array(looked) <= 1.07 * rate + 1).all()
    assert (np.array(looked) >= 0.99 * rate - 1).all()


def resting(log_rate, payload_bits=23, finer=0, below=0):
    """A layer whose log-rates are what they start at; `below` is in the bits that are cut off."""
    k, scale = len(log_rate), 1 << finer
    # At the highest log-rate nothing can be added.
    u_init = np.minimum(log_rate * scale + below, LOG_RATE_MAX * scale)
    layer = PoissonLayer(
        weight=np.zeros((k, 1), np.int16),
        source=NOTHING,
        bias=np.zeros(k, np.int32),
        self_weight=np.zeros(k, np.int32),
        u_init=u_init.astype(np.int32),
        u_min=LOG_RATE_MIN * scale,
        u_max=LOG_RATE_MAX * scale,
        du_min=0,
        du_max=0,
        payload_bits=payload_bits,
        frac_bits=12 + finer,
        memory=False,
    )
    return IntNetwork(
        input=InputFormat(0, 1, 1.0, (1, 1)),
        layer=layer,
        decoder=np.zeros((1, k), np.float32),
        test_images=np.zeros((1, 1), np.int16),
        test_labels=np.zeros(1, np.int16),
    )


def drawn(network, na, nb, image, step=0):
    """Counts (K,) that the kernels draw with these words, and the sums that they keep."""
    (part,) = layout.parts(network)
    words = {name: np.zeros(part.width, np.uint32) for name in ("na", "nb")}
    words["na"][: len(na)], words["nb"][: len(nb)] = na, nb
    part = replace(part, fixed=part.fixed._replace(**words))
    drives = {"1": np.zeros((1, 1, len(na)), np.int32)}
    tile = Tile((part,), drives, np.array([image], np.uint32))
    tile.row = step
    tile.advance(1)
    return tile.z("1", len(na))[0], tile.sums["1"]


@pytest.mark.parametrize(
    ("step", "finer", "below"), [(0, 0, 0), (2**19 - 1, 0, 0), (3, 4, 0), (77, 4, 15)]
)
def test_draws_at_every_edge_of_the_sampler(directed, draw_edges, step, finer, below):
    """Both sides of every threshold of the table; 16 fraction bits are cut to 12."""
    cases = draw_edges.cases(directed, step)
    network = resting(cases.log_rate, finer=finer, below=below)
    found, sums = drawn(network, cases.na, cases.nb, draw_edges.IMAGE, step)
    wrong = np.flatnonzero(found != cases.count)
    assert not wrong.size, (cases.log_rate[wrong[0]], cases.uniform[wrong[0]])
    np.testing.assert_array_equal(sums.sizes[: len(found)], cases.count)
    np.testing.assert_array_equal(sums.messages[: len(found)], cases.count > 0)
    octaves = np.maximum(-(-(cases.log_rate - 12288) // 4096), 0)
    assert sums.words[0] == (1 << octaves).sum()


@pytest.mark.parametrize("payload_bits", [1, 4, 8])
def test_draws_are_cut_to_the_payload_and_counted_there(directed, draw_edges, payload_bits):
    cases, most = draw_edges.cases(directed), 2**payload_bits - 1
    network = resting(cases.log_rate, payload_bits)
    found, sums = drawn(network, cases.na, cases.nb, draw_edges.IMAGE)
    np.testing.assert_array_equal(found, np.minimum(cases.count, most))
    assert sums.saturated[2] == (cases.count >= most).sum()
    assert (cases.count == most).any() and (cases.count > most).any()


def test_ends_of_the_sampler_by_hand():
    """counts.md: at a rate of 2**-12 the 4096 largest uniforms send 1; at 8 none sends above 27."""
    (limits,) = interpolated_thresholds(np.array([LOG_RATE_MIN]))
    assert limits[:2].tolist() == [2**24 - 4096, 2**24]
    (limits,) = interpolated_thresholds(np.array([SPLIT_ABOVE]))
    assert limits[0] == round(2**24 * np.exp(-8)) and len(limits) == 27
    assert limits[-1] < 2**24


def vector_rows(name):
    with (VECTORS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_emulator_draws_the_vectors_of_one_sub_draw(directed):
    """sampler.csv gives uniforms: here the words with which the random source gives them."""
    rows = [row for row in vector_rows("sampler.csv") if row["halvings"] == "0"]
    log_rate, uniform, total = (
        np.array([int(row[name]) for row in rows]) for name in ("log_rate", "uniforms", "total")
    )
    image, nb = (123, 456), np.arange(len(rows))
    na = directed.neuron_word(uniform, image, nb, 0)
    found, _ = drawn(resting(log_rate), na, nb, image)
    np.testing.assert_array_equal(found, total)
    ends = {(LOG_RATE_MIN, 0), (LOG_RATE_MIN, 2**24 - 1), (SPLIT_ABOVE, 2**24 - 1)}
    assert ends <= set(zip(log_rate.tolist(), uniform.tolist(), strict=True))


def test_emulator_draws_the_whole_counts_of_the_vectors():
    for row in vector_rows("counts.csv"):
        key = random_source.image_key(int(row["seed"]), int(row["image"]))
        na, nb = random_source.neuron_keys(int(row["layer"]), int(row["neuron"]) + 1)
        network = resting(np.array([int(row["u"])]), int(row["message_bits"]))
        found, _ = drawn(network, na[-1:], nb[-1:], key, int(row["step"]))
        assert found.tolist() == [int(row["count"])], row
