"""The source's words in five orders, judged by the rule of draw_statistics.py."""

import numpy as np
import pytest

ORDERS = ("neuron", "step", "sub-draw", "image", "seed")
SHORT, LONG, CONTROL = 2**22, 2**30, 2**21
SEED = 20261121


@pytest.fixture(scope="module")
def measure(stream_script, draw_statistics):
    def run(order, draws, **source):
        return draw_statistics.statistics(stream_script.words(order, SEED, **source), draws)

    return run


@pytest.mark.parametrize("order", ORDERS)
def test_words_are_uniform_and_uncorrelated(measure, draw_statistics, order):
    found = measure(order, SHORT)
    assert draw_statistics.failures(found.p_values()) == {}


@pytest.mark.long
@pytest.mark.parametrize("order", ORDERS)
def test_words_are_uniform_and_uncorrelated_in_long_runs(measure, draw_statistics, order):
    found = measure(order, LONG).p_values()
    print(f"{order}: {len(found)} p-values, the least {min(found.values()):.2g}")
    assert draw_statistics.failures(found) == {}


@pytest.mark.long
@pytest.mark.parametrize("order", ["PCG64", *ORDERS])
def test_equal_words_are_as_frequent_as_by_chance(
    stream_script, weak_sources, draw_statistics, order
):
    if order == "PCG64":
        blocks = weak_sources.good(np.random.PCG64(SEED))
    else:
        blocks = stream_script.words(order, SEED)
    found = draw_statistics.equal_words(blocks, LONG)
    print(order, found)
    assert draw_statistics.failures(found) == {}


@pytest.mark.parametrize("name", ["Philox", "PCG64"])
def test_good_generators_pass(draw_statistics, weak_sources, name):
    blocks = weak_sources.good(getattr(np.random, name)(SEED))
    found = draw_statistics.statistics(blocks, SHORT)
    assert draw_statistics.failures(found.p_values()) == {}


@pytest.mark.parametrize(
    ("parameters", "caught_by"),
    [
        ((1140671485, 12820163, 2**24, 0), "low bits"),
        ((65539, 0, 2**31, 7), "triples, high bits"),
    ],
    ids=["modulo 2**24", "RANDU"],
)
def test_congruential_generators_fail(draw_statistics, weak_sources, parameters, caught_by):
    found = draw_statistics.statistics(weak_sources.congruential(*parameters), CONTROL)
    assert caught_by in draw_statistics.failures(found.p_values())


@pytest.mark.parametrize("order", ORDERS)
def test_rule_written_anew_gives_the_source(stream_script, weak_sources, order):
    a = next(stream_script.words(order, SEED))
    b = next(stream_script.words(order, SEED, uniforms=weak_sources.mix24()))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("part", ["image", "neuron"])
def test_a_source_that_ignores_a_key_fails(measure, draw_statistics, weak_sources, part):
    found = measure(part, CONTROL, uniforms=weak_sources.ignoring(part))
    assert "lag 1, correlation" in draw_statistics.failures(found.p_values())


@pytest.mark.parametrize(
    ("order", "without"),
    [
        ("neuron", ("m1", "m2", "m3", "m4", "mixed b")),
        ("step", ("m1", "m2", "m3", "m4", "mixed b")),
        ("sub-draw", ("m1", "m2", "m3", "m4", "mixed b")),
        ("step", ("m2", "m3", "m4", "m5", "mixed b")),
        ("sub-draw", ("m2", "m3", "m4", "m5", "mixed b")),
    ],
)
def test_a_source_with_most_of_its_rounds_left_out_fails(
    measure, draw_statistics, weak_sources, order, without
):
    found = measure(order, CONTROL, uniforms=weak_sources.mix24(without))
    assert draw_statistics.failures(found.p_values())


@pytest.mark.long
def test_the_former_source_repeats_words_unlike_chance(
    stream_script, weak_sources, draw_statistics
):
    """mix24/1 had a round less, another factor and no mixing of the second word."""
    former = weak_sources.mix24(("m2", "s3", "mixed b"), second_factor=0x85EBCB)
    found = draw_statistics.equal_words(
        stream_script.words("step", SEED, uniforms=former), LONG // 8
    )
    print(found)
    assert "equal words by lag" in draw_statistics.failures(found)
