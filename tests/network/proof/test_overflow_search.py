"""An adversary tries to leave the intervals that network/proof/bounds.py states, and must fail.

It draws networks at and near the ends of every range of docs/spec/versions.md, evaluates single
updates in plain integers (tests/support/adversary.py) from any state that the format allows
(pixels, counts and log-rates in range) and climbs towards each end of each intermediate.
"""

import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ipvae.chip.check import check
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.errors import UnprovedOverflowError
from ipvae.lava_procs.runner import LavaRunner
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.drive import drive
from ipvae.network.rules.poisson import thresholds

L, S = 2**21 - 1, 2**22 - 1
PATTERNS = ("low", "high", "both", "few", "anywhere")

ALWAYS_TIGHT = {"partial p", "p", "q", "q + bias", "b", "a_in", "clip(a_in)", "a_in >> -e"}
ALWAYS_TIGHT |= {"g", "own", "b - g", "u", "u - 12288 + 4095", "o", "4096 * o", "v", "v + 49152"}
ALWAYS_TIGHT |= {"r", "c", "U"}
TIGHT_WITHOUT_SELF_CONNECTION = {"b - g - own", "d", "u + d"}
"""With G[k][k] != 0 a neuron's own count acts twice, and the intervals take the two apart."""
TIGHT_AT_FULL_LIMITS = {"f", "A[r+1] - A[r]", "(A[r+1] - A[r]) * f", "product >> 7"}
TIGHT_AT_FULL_LIMITS |= {"threshold", "total", "z"}
"""Narrower limits of the log-rate cut a row or the highest rate off, which the intervals ignore."""


def extreme(rng, low, high, shape, pattern):
    """Integers in low..high: all at one end, at both ends, or anywhere."""
    if pattern == "anywhere":
        return rng.integers(low, high + 1, shape)
    ends = {"low": [low], "high": [high], "both": [low, high], "few": [0, 0, 0, low, high]}
    return rng.choice(ends[pattern], shape)


def edge_rows(rng, weight, bits, past):
    """Put the largest row sum that fits 24 bits, or one more, into a random row."""
    z = min(2**bits - 1, 864)
    left, row = (2**23 - 1) // z + past, np.zeros(len(weight), np.int64)
    for j in range(len(row)):
        row[j] = min(left, 127)
        left -= row[j]
    assert left == 0
    weight[rng.integers(len(weight))] = rng.choice([-1, 1]) * rng.permutation(row)


@st.composite
def networks(draw, largest=140):
    """Networks at and near the ends of every range, some at the edge of the a_in bound."""

    def near(low, high):
        ends = [v for v in (low, low + 1, high - 1, high) if low <= v <= high]
        return draw(st.sampled_from(ends) | st.integers(low, high))

    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits, edge = near(1, 23), draw(st.sampled_from([None, None, 0, 1]))
    k, m = draw(st.sampled_from([1, 2, 3, 8, 16])), draw(st.sampled_from([1, 2, 5]))
    needed = -(-((2**23 - 1) // min(2**bits - 1, 864) + 1) // 127)
    if edge is not None and needed <= largest:
        k = needed
    pattern = st.sampled_from(PATTERNS)
    weight_rec = extreme(rng, -128, 127, (k, k), draw(pattern))
    if draw(st.booleans()):
        np.fill_diagonal(weight_rec, 0)
    if edge is not None and needed <= largest:
        edge_rows(rng, weight_rec, bits, edge)
    low = near(-32768, 32766)
    high = near(low + 1, 32767)
    full = draw(st.booleans())
    u_min, u_max = (-49152, 32768) if full else (near(-49152, 0), near(0, 32768))
    self_weight = extreme(rng, draw(st.sampled_from([0, 1])), S, k, draw(pattern))
    self_weight >>= draw(st.sampled_from([0, 0, 8, 12]))
    layer = PoissonLayer(
        weight=extreme(rng, -32768, 32767, (k, m), draw(pattern)).astype(np.int16),
        weight_rec=weight_rec.astype(np.int8),
        bias=extreme(rng, -L, L, k, draw(pattern)).astype(np.int32),
        self_weight=self_weight.astype(np.int32),
        u_init=extreme(rng, u_min, u_max, k, draw(pattern)).clip(u_min, u_max).astype(np.int32),
        drive_exp=near(-24, 14),
        weight_exp=near(-8, 14),
        u_min=u_min,
        u_max=u_max,
        du_min=near(-S, 0),
        du_max=near(0, S),
        payload_bits=bits,
    )
    return with_layer(layer, low, high, rng)


def with_layer(layer, low=0, high=255, rng=None):
    """Wrap a layer, with three test images: all smallest, all largest, anything."""
    k, m = layer.weight.shape
    anything = (rng or np.random.default_rng(0)).integers(low, high + 1, m)
    images = np.stack([np.full(m, low), np.full(m, high), anything]).astype(np.int16)
    return IntNetwork(
        InputFormat(low, high, 1.0, (1, m)), layer, np.zeros((m, k)), images, np.zeros(3, np.int16)
    )


def plain(oracle, network):
    """The integers of a network, without the oracle's check of ranges.md."""
    layer = network.layer
    arrays = {"W": "weight", "G": "weight_rec", "bias": "bias", "s": "self_weight"}
    arrays["u_init"] = "u_init"
    scalars = {"ed": "drive_exp", "e": "weight_exp", "umin": "u_min", "umax": "u_max"}
    scalars |= {"dmin": "du_min", "dmax": "du_max", "message_bits": "payload_bits"}
    return oracle.Network(
        **{short: getattr(layer, name).tolist() for short, name in arrays.items()},
        **{short: getattr(layer, name) for short, name in scalars.items()},
        A=thresholds().tolist(),
        lo=network.input.minimum,
        hi=network.input.maximum,
        images=network.test_images.tolist(),
    )


def assert_inside(found, seen, adversary, proved):
    """Every recorded value lies in its interval and, where that is proved, in its width."""
    assert set(seen) <= set(found)
    for name, (low, high) in seen.items():
        bound, width = found[name], adversary.WIDTHS.get(name, adversary.BITS_24)
        assert bound.low <= low <= high <= bound.high, (bound, low, high)
        assert width[0] <= bound.allowed_low <= bound.allowed_high <= width[1]
        assert not proved or width[0] <= low <= high <= width[1], (name, low, high)


def assert_tight(found, seen, layer):
    """Most intervals are reached at both ends, the others under the conditions named above."""
    names = set(ALWAYS_TIGHT)
    assert set(found) <= names | TIGHT_WITHOUT_SELF_CONNECTION | TIGHT_AT_FULL_LIMITS
    if not layer.weight_rec.diagonal().any():
        names |= TIGHT_WITHOUT_SELF_CONNECTION
    if (layer.u_min, layer.u_max) == (-49152, 32768):
        names |= TIGHT_AT_FULL_LIMITS
    for name in names & set(found):
        assert seen[name] == (found[name].low, found[name].high), name


def assert_emulation_inside(network, found, n_steps, seed):
    """Recorded runs of the emulator stay in the intervals too."""
    trace = run(network, network.test_images, n_steps, seed)
    recorded = {name: trace.stacked("1", name) for name in ("a_in", "u", "z")}
    for name, values in {**recorded, "b": drive(network, network.test_images)}.items():
        assert found[name].low <= values.min()
        assert values.max() <= found[name].high


def attack(adversary, oracle, network, climbs, n_random, n_steps, seed=0):
    """Search one network; run it if it is proved, leave its range if it is not."""
    found = {b.variable: b for b in bounds(network)}
    proved = all(b.holds for b in found.values())
    net = plain(oracle, network)
    search = adversary.Adversary(net, seed)
    whole = search.k <= 16
    search.attack(range(search.k) if whole else [search.worst_neuron()], climbs, n_random)
    assert_inside(found, search.seen, adversary, proved)
    if whole:
        assert_tight(found, search.seen, network.layer)
    assert found["a_in"].reach == max(map(abs, search.seen["a_in"]))
    if proved:
        oracle.check_bounds(net)
        assert_emulation_inside(network, found, n_steps, seed)
    else:
        assert [name for name, b in found.items() if not b.holds] == ["a_in"]
        with pytest.raises(ValueError, match="a_in may exceed"):
            oracle.check_bounds(net)
        assert leaves_24_bits(adversary, net, seed)
    return search, proved


def leaves_24_bits(adversary, net, seed):
    """Whether climbing from random states alone takes `a_in` out of its range."""
    search = adversary.Adversary(net, seed)
    for side in (0, 1):
        search.climb(search.worst_neuron(), "a_in", side)
    low, high = search.seen["a_in"]
    return low < -(2**23) or high > 2**23 - 1


SEARCH = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(SEARCH, max_examples=40)
@given(networks(), st.integers(0, 2**32 - 1))
def test_no_state_leaves_a_proved_interval(adversary, oracle, network, seed):
    attack(adversary, oracle, network, climbs=3, n_random=5, n_steps=6, seed=seed)


def test_the_drive_reaches_the_ends_of_64_bits(adversary, oracle):
    """The widest image there may be, all weights and pixels at their ends."""
    m = 2**19 - 1
    layer = small_layer(1, np.full((1, m), -32768, np.int16), bias=[L], drive_exp=14)
    network = with_layer(layer, -32768, 32767)
    found = {b.variable: b for b in bounds(network)}
    net, seen = plain(oracle, network), adversary.Seen()
    images = network.test_images[:2]
    worst = [adversary.drive(net, 0, x, seen) for x in images.tolist()]
    assert drive(network, images)[:, 0].tolist() == worst == [L, -L]
    for name in ("partial p", "p", "q", "q + bias"):
        assert seen[name] == (found[name].low, found[name].high)
    assert found["q + bias"].high == 2**63 - 2**44 + L < 2**63


def small_layer(k, weight, bias, **parts):
    """A layer with nothing in it but what is named."""
    empty = {
        "weight_rec": np.zeros((k, k), np.int8),
        "self_weight": np.zeros(k, np.int32),
        "u_init": np.zeros(k, np.int32),
        "drive_exp": 0,
        "weight_exp": 0,
        "u_min": -49152,
        "u_max": 32768,
        "du_min": -S,
        "du_max": S,
        "payload_bits": 23,
    }
    return PoissonLayer(weight=weight, bias=np.array(bias, np.int32), **{**empty, **parts})


def one_more_than_fits():
    weight = np.zeros((77, 77), np.int8)
    edge_rows(np.random.default_rng(0), weight, 16, past=1)
    return {"weight_rec": weight, "payload_bits": 16}


BROKEN = {
    "all weights negative": {"weight_rec": np.full((76, 76), -128, np.int8), "payload_bits": 10},
    "partial sums alone, the whole is 0": {
        "weight_rec": np.resize(np.array([127, -127], np.int8), (156, 156)),
        "payload_bits": 10,
    },
    "one neuron, by one weight step": one_more_than_fits(),
    "many neurons, narrow payload": {
        "weight_rec": np.full((300, 300), -128, np.int8),
        "payload_bits": 8,
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_built_to_break_the_proof_runs_nowhere(adversary, oracle, tmp_path, name):
    k, path = len(BROKEN[name]["weight_rec"]), tmp_path / "broken.net.h5"
    weight = np.zeros((k, 1), np.int16)
    write_network(path, with_layer(small_layer(k, weight, np.zeros(k), **BROKEN[name])))
    network = read_network(path)
    found = check(network).as_dict()
    assert found["overflow_proved"] is False
    assert [(v["rule"], v["where"]) for v in found["violations"]] == [("overflow", "layer 1: a_in")]
    for backend in (Emulator, lambda net: LavaRunner(net, 1)):
        with pytest.raises(UnprovedOverflowError, match="a_in can reach"):
            backend(network)
    with pytest.raises(ValueError, match="a_in may exceed"):
        oracle.load(str(path))
    assert leaves_24_bits(adversary, plain(oracle, network), 0)


def test_a_broken_file_would_really_overflow_in_its_second_step(oracle):
    """Not a state made up: counts drawn at the rate 256, all inhibited downwards at once."""
    parts = {**BROKEN["many neurons, narrow payload"], "u_init": np.full(300, 32768, np.int32)}
    network = with_layer(small_layer(300, np.zeros((300, 1), np.int16), np.zeros(300), **parts))
    with pytest.raises(AssertionError, match=r"-8\d{6}"):
        oracle.run_image(plain(oracle, network), [[0]], 1, 0, 0)


LONG_EXAMPLES = 4000


@pytest.mark.long
def test_ten_minutes_of_search_break_no_proof(adversary, oracle):
    """The same search, further: wider layers, more climbs, longer runs."""
    tally = dict.fromkeys(("networks", "proved", "refused", "evaluations"), 0)

    @settings(SEARCH, max_examples=LONG_EXAMPLES)
    @given(networks(largest=300), st.integers(0, 2**32 - 1))
    def search(network, seed):
        searched, proved = attack(adversary, oracle, network, 12, 60, 30, seed)
        tally["networks"] += 1
        tally["proved" if proved else "refused"] += 1
        tally["evaluations"] += searched.evaluations

    search()
    logging.info("%s", tally)
    assert tally["refused"] > 0 < tally["proved"], tally


@pytest.mark.long
def test_every_log_rate_draws_within_the_intervals(adversary, oracle):
    """counts.md has one argument that the network decides: all 81,921 values of it."""
    network = with_layer(small_layer(1, np.zeros((1, 1), np.int16), [0]))
    net, seen = plain(oracle, network), adversary.Seen()
    for u in range(-49152, 32769):
        adversary.count(net, u, (0, 2**24 - 1), seen)
    found = {b.variable: b for b in bounds(network)}
    assert_inside(found, seen, adversary, proved=True)
    for name, ends in seen.items():
        assert ends == (found[name].low, found[name].high), name
