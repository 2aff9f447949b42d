"""Counts at unsplit and split rates against the sampler's exact law, along each index.

Judged by the rule of draw_statistics.py. Uniforms come from the source or from a control.
"""

import numpy as np
import pytest

from ipvae.network.rules import poisson, random_source
from ipvae.network.rules.distribution import probabilities

AXES = ("neuron", "step", "image", "seed")
RATES = (3.7, 11.3, 16.0, 45.0, 90.0, 256.0)
SUB_DRAWS = (1, 2, 2, 8, 16, 32)
LOG_RATES = np.rint(4096 * np.log2(RATES)).astype(np.int64)
SEED = 20261121
SHORT, LONG = 2**14, 2**22
ROW = 2**14
LEAST_EXPECTED = 20
N_CLASSES = 8


def keys(axis, row):
    """Image words, neuron words and steps of ROW draws that differ in one index alone."""
    span = np.arange(ROW)
    seed, image, neuron, step = SEED + 2**20 * row, 7 * row, 11 * row, 5 * row
    if axis in ("image", "seed"):
        pairs = [(seed, i) if axis == "image" else (seed + i, image) for i in span.tolist()]
        words = [random_source.image_key(seed, image) for seed, image in pairs]
        a, b = np.array(words, dtype=np.uint32).T
    else:
        a, b = (np.full(ROW, w, dtype=np.uint32) for w in random_source.image_key(seed, image))
    words = random_source.neuron_keys(1, ROW if axis == "neuron" else neuron + 1)
    pick = span if axis == "neuron" else np.full(ROW, neuron)
    steps = span if axis == "step" else np.full(ROW, step)
    return (a, b), tuple(w[pick] for w in words), steps * random_source.DRAWS_PER_STEP


def source(axis, row):
    """Uniforms of the random source, as poisson.draw asks for them."""
    image, neuron, counter = keys(axis, row)

    def uniform(at, sub_draw):
        return random_source.uniforms(
            (image[0][at], image[1][at]),
            (neuron[0][at], neuron[1][at]),
            0,
            counter[at] + sub_draw,
        )

    return uniform


def philox(axis, row):
    rng = np.random.Generator(np.random.Philox([AXES.index(axis), row]))

    def uniform(index, _):
        return rng.integers(0, 2**24, len(index), dtype=np.uint32)

    return uniform


def shared_sub_draws(axis, row):
    """Bad on purpose: all sub-draws of a count share one uniform."""
    whole = source(axis, row)

    def uniform(index, sub_draw):
        return whole(index, 0 * sub_draw)

    return uniform


def shared_neighbours(axis, row):
    """Bad on purpose: the second of each two neighbours gets the uniform of the first."""
    whole = source(axis, row)

    def uniform(index, sub_draw):
        return whole(index - index % 2, sub_draw)

    return uniform


def classes(law, least):
    """First count of each class of neighbouring counts that has at least this probability."""
    starts, total = [0], 0.0
    rest = 1.0
    for count, p in enumerate(law):
        if total >= least and rest >= least:
            starts.append(count)
            total = 0.0
        total += p
        rest -= p
    return np.array(starts)


def p_values(uniform_of, axis, n_counts, judge):
    """Chi-squares of the counts along an axis: their law, and neighbours' independence."""
    found = {}
    tables = {rate: np.zeros(865, dtype=np.int64) for rate in RATES}
    pairs = {rate: np.zeros((N_CLASSES, N_CLASSES)) for rate in RATES}
    laws = probabilities(LOG_RATES)
    quantiles = [np.searchsorted(law.cumsum(), np.arange(1, N_CLASSES) / N_CLASSES) for law in laws]
    for row in range(n_counts // ROW):
        for i, rate in enumerate(RATES):
            uniform = uniform_of(axis, row * len(RATES) + i)
            z = poisson.draw(np.full(ROW, LOG_RATES[i]), uniform)
            tables[rate] += np.bincount(z, minlength=865)
            which = np.searchsorted(quantiles[i], z)
            cell = which[0::2] * N_CLASSES + which[1::2]
            pairs[rate] += np.bincount(cell, minlength=N_CLASSES**2).reshape(N_CLASSES, N_CLASSES)
    for rate, law in zip(RATES, laws, strict=True):
        starts = classes(law, LEAST_EXPECTED / n_counts)
        observed = np.add.reduceat(tables[rate], starts)
        expected = np.add.reduceat(law, starts) * n_counts
        found[f"rate {rate}, law"] = judge.chi_square_p(observed, expected)
        table = pairs[rate][pairs[rate].any(axis=1)][:, pairs[rate].any(axis=0)]
        expected = table.sum(axis=0) * table.sum(axis=1)[:, None] / table.sum()
        found[f"rate {rate}, neighbours"] = judge.chi_square_p(
            table, expected, sum(table.shape) - 1
        )
    return found


def test_rates_take_the_stated_numbers_of_sub_draws():
    assert tuple(1 << poisson.octaves_above(LOG_RATES)) == SUB_DRAWS


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("uniform_of", [source, philox])
def test_counts_follow_their_law_and_neighbours_are_independent(draw_statistics, uniform_of, axis):
    found = p_values(uniform_of, axis, SHORT, draw_statistics)
    assert draw_statistics.failures(found) == {}


@pytest.mark.long
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("uniform_of", [source, philox])
def test_many_counts_follow_their_law(draw_statistics, uniform_of, axis):
    """2^22 counts at each of six rates along each of four axes: 1e8 for each source."""
    found = p_values(uniform_of, axis, LONG, draw_statistics)
    print(f"{uniform_of.__name__}, {axis}: least p-value {min(found.values()):.2g}")
    assert draw_statistics.failures(found) == {}


def test_sub_draws_that_share_a_uniform_break_the_law(draw_statistics):
    found = draw_statistics.failures(p_values(shared_sub_draws, "image", SHORT, draw_statistics))
    split = {f"rate {rate}, law" for rate, n in zip(RATES, SUB_DRAWS, strict=True) if n > 1}
    assert set(found) == split


def test_neighbours_that_share_uniforms_are_not_independent(draw_statistics):
    found = draw_statistics.failures(p_values(shared_neighbours, "neuron", SHORT, draw_statistics))
    assert {f"rate {rate}, neighbours" for rate in RATES} <= set(found)
