"""Counters of a run move by exactly what happened, and past 31 and 32 bits without wrapping."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import count_run
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.proof.bounds import layer_saturations
from ipvae.network.rules.arithmetic import CHANGE_MAX, TERM_MAX
from ipvae.network.traces.activity import activity_of
from ipvae.network.traces.totals import LayerTotals, Totals, joined
from ipvae.network.traces.trace import VARIABLES, Trace

COUNTERS = ("sizes", "messages", "saturated", "words")


# ------------------------------------------------------------------ by hand


def hand_made(make_network):
    """Three neurons whose counts are replayed; what each counter must be is plain to see.

    The first receives the second 100 times, clipped at 2097151 >> 14 = 127 in size; its drive is at
    the limit, and so is the log-rate of the last, all others stay below theirs.
    """
    return make_network(
        k=3,
        m=1,
        n_images=2,
        weight=np.zeros((3, 1), np.int16),
        weight_rec=np.array([[0, 100, 0], [0, 0, 0], [0, 0, 0]], np.int8),
        weight_exp=14,
        bias=np.array([-TERM_MAX, 0, TERM_MAX], np.int32),
        self_weight=np.zeros(3, np.int32),
        u_init=np.array([0, 12289, 32767], np.int32),
        u_min=-49152,
        u_max=32768,
        du_min=-5,
        du_max=1,
        payload_bits=3,
    )


DRAWS = np.array(
    [
        [[0, 1, 7], [2, 2, 0], [0, 0, 6]],
        [[0, 0, 0], [0, 7, 7], [1, 3, 7]],
    ]
)
"""Images, steps, neurons; the second neuron sends 1 (100 inside), 2, 0 and 0, 7, 3 (clipped)."""


@pytest.mark.parametrize("tile", [1, 64])
def test_counters_of_poisson_neurons_by_hand(make_network, tile):
    network = hand_made(make_network)
    totals = Emulator(network, threads=1, tile=tile).totals(network.test_images, 2, 0, draws=DRAWS)
    layer = totals.layers["1"]
    assert layer.sizes.tolist() == [3, 13, 27]
    assert layer.messages.tolist() == [2, 4, 4]
    # Two drives of each image; 2 * 100 and 7 * 100 received; the last log-rate at steps 1 and 2.
    assert layer.saturations == {"drive": 4, "a_in": 2, "u": 4, "z": 4}
    # Each neuron once a row; the second once more at 12289, the last 31 times more, in 6 rows.
    assert layer.random_words == 18 + 6 * 1 + 6 * 31
    assert (totals.rows, totals.images, totals.steps) == (6, 2, 2)
    assert totals.saturations == layer.saturations
    sampled = Emulator(network, threads=1, tile=tile).totals(network.test_images, 2, 0)
    assert sampled.layers["1"].random_words == 18 + 6 * 1 + 6 * 31


def test_counters_of_a_soft_ceiling_by_hand():
    """16 octaves above it and more a log-rate is at the ceiling, at it an octave below."""
    top, octave = 1 << 16, 1 << 16
    layer = PoissonLayer(
        weight=np.zeros((4, 1), np.int16),
        bias=np.array([top, top + 16 * octave, top + 17 * octave, 0], np.int32),
        source=0,
        self_weight=np.zeros(4, np.int32),
        u_init=np.zeros(4, np.int32),
        u_min=0,
        u_max=top,
        du_min=-CHANGE_MAX,
        du_max=CHANGE_MAX,
        payload_bits=3,
        frac_bits=16,
        memory=False,
        ceiling=True,
    )
    network = IntNetwork(
        input=InputFormat(0, 1, 1.0, (1, 1)),
        layer=layer,
        decoder=np.zeros((1, 4), np.float32),
        test_images=np.zeros((3, 1), np.int16),
        test_labels=np.zeros(3, np.int16),
    )
    totals = Emulator(network, threads=1).totals(network.test_images, 4, 0)
    found = totals.layers["1"]
    assert found.u[0, :3].tolist() == [0, top, top]
    assert found.saturations["u"] == 3 * 5 * 2  # images, rows 0 to 4, neurons
    assert found.saturations["drive"] == found.saturations["a_in"] == 0


def graded_chain(values, weights, **parts):
    """Neurons that send given numbers at each row, and a read-out that receives all of them."""
    k = len(values)
    code = GradedLayer(
        weight=np.zeros((k, 1), np.int16), bias=np.array(values, np.int32), source=0, **parts
    )
    reader = GradedLayer(
        weight_rec=np.array([weights], np.int8),
        bias=np.zeros(1, np.int32),
        source=1,
        sign=1,
        z_min=-(2**23) + 1,
        z_max=2**23 - 1,
    )
    return IntNetwork(
        input=InputFormat(0, 1, 1.0, (1, 1)),
        layer=code,
        decoder=np.zeros((1, k), np.float32),
        test_images=np.zeros((1, 1), np.int16),
        test_labels=np.zeros(1, np.int16),
        readouts=(reader,),
    )


GIVEN = [0, -4, -5, 3, 7, 9, 1, -1]
"""What graded neurons would send if it had no limits."""


@pytest.mark.parametrize(("z_min", "at_limit"), [(-4, 4), (-5, 3), (0, 2)])
def test_counters_of_graded_neurons_by_hand(z_min, at_limit):
    """A number that cannot be negative is not saturated at 0: 7 and what is cut to 7 are."""
    network = graded_chain(GIVEN, [1] * len(GIVEN), z_min=z_min, z_max=7)
    totals = Emulator(network).totals(network.test_images, 3, 0)
    layer = totals.layers["1"]
    sent = np.clip(GIVEN, z_min, 7)
    assert layer.sizes.tolist() == (4 * np.abs(sent)).tolist()
    assert layer.messages.tolist() == (4 * (sent != 0)).tolist()
    assert layer.saturations == {"drive": 0, "a_in": 0, "u": 0, "z": 4 * at_limit}
    assert layer.random_words == 0
    assert totals.layers["2"].z.tolist() == [[sent.sum()]]


# ------------------------------------------------------------------ past 31 and 32 bits


@pytest.mark.parametrize("start", [2**31 - 2, 2**32 - 2, 2**53 + 1])
@pytest.mark.parametrize("name", ["recurrent", "errors, 16 bits + 2 read-outs", "lca"])
def test_counters_go_on_from_any_number(kinds, name, start):
    """What a run adds does not depend on what was counted before."""
    network = kinds.networks(5)[name]
    emulator = Emulator(network, threads=1)
    plain, later = (emulator.tiles(network.test_images, 30, 5)[0] for _ in range(2))
    for sums in later.sums.values():
        for counter in COUNTERS:
            getattr(sums, counter)[:] = start
    for tile in (plain, later):
        tile.advance(31)
    moved = set()
    for layer, sums in plain.sums.items():
        for counter in COUNTERS:
            expected, found = (getattr(s, counter) for s in (sums, later.sums[layer]))
            np.testing.assert_array_equal(found - start, expected)
            moved |= {counter} if expected.any() else set()
    assert moved >= {"sizes", "messages", "saturated"}
    assert ("words" in moved) == network.draws


@pytest.fixture(scope="module")
def loud():
    """Two numbers of 23 bits at each of 400 rows: their sum passes 2**32, each 2**31."""
    network = graded_chain([2**21 - 1, -(2**21 - 1)], [3, -1], z_min=-(2**21) + 1, z_max=2**21 - 1)
    return network, 1100


def test_sums_of_many_large_numbers_do_not_wrap(loud):
    network, steps = loud
    size, rows = 2**21 - 1, steps + 1
    totals = Emulator(network).totals(network.test_images, steps, 0)
    assert totals.layers["1"].sizes.tolist() == [size * rows] * 2
    assert size * rows > 2**31
    trace = run(network, network.test_images, steps, 0)
    for counts in (count_run(network, trace), count_run(network, totals)):
        assert counts.count_weighted_ops == 2 * size * rows
        assert counts.synaptic_ops == counts.effective_macs == 2 * rows
        assert counts.messages == 2 * rows and counts.neuron_updates == 3 * rows
    variables = {v: trace.stacked("1", v) for v in VARIABLES}
    drive = np.array([[size, -size]])
    expected = {"drive": 2, "a_in": 0, "u": 0, "z": 2 * rows}
    assert totals.layers["1"].saturations == expected
    assert layer_saturations(network.layer, variables, drive) == expected
    activity = activity_of(network, trace)
    assert activity.received == {"1": 0.0, "2": 2.0} and activity.peak == {"1": 0, "2": 2}


def layer_of(number, words):
    """Totals of a layer of two neurons that counted a number everywhere."""
    values = np.full((1, 2), 7, np.int32)
    counted = np.full(2, number, np.int64)
    saturations: dict[str, int] = {name: number for name in ("drive", "a_in", "u", "z")}
    return LayerTotals(counted, 2 * counted, saturations, values, values, words)


def test_totals_of_many_images_are_joined_beyond_32_bits():
    parts = [
        Totals(2**31, 2**19 - 1, {"1": layer_of(2**31 + i, 2**32 + i), "2": layer_of(1, 0)})
        for i in range(3)
    ]
    found = joined(parts)
    layer = found.layers["1"]
    assert layer.messages.tolist() == [3 * 2**31 + 3] * 2
    assert layer.sizes.tolist() == [6 * 2**31 + 6] * 2
    assert layer.random_words == 3 * 2**32 + 3
    assert set(layer.saturations.values()) == {3 * 2**31 + 3}
    assert found.saturations == dict.fromkeys(("drive", "a_in", "u", "z"), 3 * 2**31 + 6)
    assert (found.images, found.rows) == (3 * 2**31, 3 * 2**31 * 2**19)
    assert (layer.u.tolist(), layer.z.tolist()) == ([[7, 7]] * 3, [[7, 7]] * 3)


def test_rows_of_images_that_stopped_alone():
    """Row 0 of each counts; the steps of several images may pass 32 bits together."""
    each = np.array([0, 5, 2**31, 2**31], np.int64)
    alone = Totals(4, 2**31, {}, steps_of_each=each)
    assert alone.rows == 2**32 + 5 + 4
    twice = joined([alone, alone])
    assert twice.rows == 2 * alone.rows and twice.steps_of_each is not None
    assert twice.steps_of_each.tolist() == [*each.tolist(), *each.tolist()]


def test_saturations_are_counted_value_by_value():
    """`layer_saturations` at, below and above each limit; drives of both signs."""
    layer = GradedLayer(
        weight=np.zeros((1, 1), np.int16), bias=np.zeros(1, np.int32), source=0, z_min=-3, z_max=5
    )
    z = np.array([-4, -3, -2, 0, 4, 5, 6])[None, :, None]
    a_in = np.array([-TERM_MAX - 1, -TERM_MAX, 0, TERM_MAX, TERM_MAX + 1])
    variables = {"a_in": a_in, "u": 0 * z, "z": z}
    drive = np.array([-TERM_MAX, -TERM_MAX + 1, TERM_MAX - 1, TERM_MAX])
    assert layer_saturations(layer, variables, drive) == {"drive": 2, "a_in": 2, "u": 0, "z": 4}
    positive = replace(layer, z_min=0)
    assert layer_saturations(positive, variables, drive)["z"] == 2


def test_steps_of_a_trace_that_holds_every_third():
    rows = {"1": {"z": np.zeros((4, 2), np.int32)}}
    assert Trace("a", 0, "", [rows]).steps == 3
    assert Trace("a", 0, "", [rows], every=3).steps == 9
