"""Placements: nothing is lost, nothing is exceeded, more cores are never slower."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.chip.check import check
from ipvae.chip.core_memory import (
    CONSERVATIVE,
    OPTIMISTIC,
    READINGS,
    LayerShape,
    core_lines,
    core_words,
    error_unit_shapes,
    full_activity,
    layer_shapes,
    recurrent_shape,
)
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import Placement, place
from ipvae.chip.plan import (
    between_chips,
    core_ops,
    deliveries,
    make_plan,
    pace,
    peak_ops,
)
from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import count_run
from ipvae.errors import InputError
from ipvae.network.traces.activity import activity_of, received_activity

ROOT = Path(__file__).resolve().parents[2]
CHIP = TARGETS["loihi2"]
KAPOHO = TARGETS["kapoho-point"]

layouts = st.one_of(
    st.integers(1, 2285).map(recurrent_shape),
    st.tuples(st.integers(1, 3000), st.integers(1, 900)).map(lambda km: error_unit_shapes(*km)),
)
messages = st.floats(0, 1, allow_subnormal=False)


@st.composite
def cases(draw):
    """Shapes, the messages that each layer receives, a reading."""
    shapes = draw(layouts)
    received = {shape.name: draw(messages) * shape.fan_in for shape in shapes}
    return shapes, received, draw(st.sampled_from(READINGS))


def placed(*arguments):
    found = place(*arguments)
    assert isinstance(found, Placement)
    return found


@given(cases(), st.integers(1, 960))
def test_every_neuron_is_placed_once_and_no_core_exceeds_a_limit(case, cores):
    shapes, received, reading = case
    found = placed(shapes, KAPOHO, reading, received, cores)
    for shape in shapes:
        held = [core.own for core in found.cores if core.layer is shape]
        every = np.concatenate([np.arange(own.start, own.stop) for own in held])
        assert np.array_equal(every, np.arange(shape.neurons))
    places = [(core.chip_idx, core.core_idx) for core in found.cores]
    assert len(set(places)) == len(places) == found.total_cores
    assert max(chip for chip, _ in places) + 1 == found.chips <= KAPOHO.chips
    assert max(core for _, core in places) < 120
    for core in found.cores:
        assert all(line.holds for line in core_lines(core.layer, core.neurons, reading, ""))
    assert all(line.holds for line in found.lines)
    assert found.binding.share == max(line.share for line in found.lines)


@given(cases(), st.integers(1, 960), st.integers(1, 960))
def test_more_cores_never_make_the_busiest_core_slower(case, one, other):
    shapes, received, reading = case
    few, many = (
        placed(shapes, KAPOHO, reading, received, n).busiest(received) for n in sorted((one, other))
    )
    assert many <= few
    least = placed(shapes, KAPOHO, reading, received)
    assert few <= least.busiest(received)


@given(layouts)
def test_the_conservative_reading_never_takes_fewer_cores(shapes):
    received = full_activity(shapes).received
    low, high = (
        placed(shapes, KAPOHO, r, received).total_cores for r in (OPTIMISTIC, CONSERVATIVE)
    )
    assert low <= high


@given(st.integers(1, 7), st.integers(1, 7), messages, messages, st.integers(2, 14))
def test_the_busiest_core_is_as_little_busy_as_any_split_allows(k, m, one, two, cores):
    """Against all ways to give `cores` cores to two small layers."""
    shapes = error_unit_shapes(k, m)
    received = {"1": one * k, "2": two * m}
    found = placed(shapes, CHIP, CONSERVATIVE, received, cores)
    best = min(
        max(received["1"] * -(-m // a), received["2"] * -(-k // b))
        for a in range(1, m + 1)
        for b in range(1, k + 1)
        if a + b <= cores
    )
    assert found.busiest(received) == best
    assert found.total_cores <= cores


def test_k_512_fits_one_chip_in_both_layouts():
    for shapes in (recurrent_shape(512), error_unit_shapes(512, 784)):
        plan = make_plan(shapes, CHIP, full_activity(shapes))
        assert plan.fits
        assert isinstance(plan.conservative, Placement)
        assert plan.conservative.chips == 1
        assert plan.conservative.binding.rule == "synapse_words_per_core"


def test_a_network_too_large_names_the_rule():
    shapes = recurrent_shape(2700)
    plan = make_plan(shapes, CHIP, full_activity(shapes))
    assert not plan.fits
    assert isinstance(plan.conservative, LimitCheck)
    assert (plan.conservative.rule, plan.conservative.allowed) == ("cores", 120)
    assert plan.as_dict()["readings"]["conservative"]["binding"]["margin"] < 0
    assert make_plan(shapes, KAPOHO, full_activity(shapes)).fits


def test_cores_that_cannot_be_are_refused():
    shapes = recurrent_shape(512)
    with pytest.raises(InputError, match="found 5, the conservative reading needs 6"):
        make_plan(shapes, CHIP, full_activity(shapes), 5)
    with pytest.raises(InputError, match="found 121, one chip has 120"):
        make_plan(shapes, CHIP, full_activity(shapes), 121)


def test_operations_of_all_cores_are_those_of_the_counts(kinds, network_kind):
    network = kinds.networks(3)[network_kind]
    trace = run(network, network.test_images, 9, 1)
    activity = activity_of(network, trace, "a run")
    plan = make_plan(layer_shapes(network), CHIP, activity)
    assert isinstance(plan.conservative, Placement)
    total = count_run(network, trace).synaptic_ops
    assert core_ops(plan.conservative, activity).sum() * 10 == pytest.approx(total)
    assert peak_ops(plan.conservative, activity) >= core_ops(plan.conservative, activity).max()


def test_messages_between_chips_by_hand():
    """200 cores of a recurrent layer: 120 on chip 0, 80 on chip 1."""
    shapes = recurrent_shape(3100)
    activity = full_activity(shapes)
    activity.layers["1"].received[:] = np.arange(3100) % 2
    found = placed(shapes, KAPOHO, OPTIMISTIC, activity.received, 200)
    on_first = sum(c.neurons for c in found.cores if c.chip_idx == 0)
    cores = [sum(c.chip_idx == chip for c in found.cores) for chip in (0, 1)]
    assert found.chips == 2 and sum(cores) == found.total_cores
    senders = activity.received_fractions["1"]
    first, second = senders[:on_first].sum(), senders[on_first:].sum()
    assert between_chips(found, activity) == (
        first + second,
        first * cores[1] + second * cores[0],
    )
    assert deliveries(found, activity) == 1550 * found.total_cores


def test_pace_goes_from_the_fewest_cores_to_all_that_help():
    shapes = recurrent_shape(512)
    activity = full_activity(shapes)
    found = placed(shapes, CHIP, CONSERVATIVE, activity.received)
    rows = list(pace(found, activity))
    assert [row["cores"] for row in rows] == [6, 12, 24, 47, 86, 103]
    assert rows[0]["busiest_synaptic_ops"] == 86 * 512
    assert rows[-1]["busiest_synaptic_ops"] == 5 * 512  # 120 cores cannot make it 4
    assert rows[-1]["deliveries"] == 512 * 103


def test_check_gives_the_range_and_its_limits_for_every_target(make_network):
    network = make_network(k=2700, m=1, weight_rec=np.zeros((2700, 2700), np.int8))
    assert [v.rule for v in check(network).violations] == ["cores"]
    for target in ("kapoho-point", "hala-point"):
        found = check(network, target)
        assert found.ok and found.cores is not None
        assert 1 < found.cores.low <= found.cores.high <= TARGETS[target].cores


def test_table_of_limits_in_the_documents_is_the_scripts(core_limits_script):
    text = (ROOT / "docs" / "hardware.md").read_text()
    assert "\n".join(core_limits_script.table()) in text
    assert re.search(r"scripts/core_limits\.py", text)


def test_the_scripts_largest_networks_fit_and_the_next_ones_do_not(core_limits_script):
    for target in TARGETS.values():
        for reading in READINGS:
            best, broken = core_limits_script.largest(recurrent_shape, target, reading)
            k = best.shapes[0].neurons
            received = {"1": 0.0}
            assert isinstance(place(recurrent_shape(k), target, reading, received), Placement)
            assert place(recurrent_shape(k + 1), target, reading, received) == broken


def small_plan(n_cores):
    """Six neurons and ten error units, which receive three and two messages in an update."""
    shapes = error_unit_shapes(6, 10)
    received = {"1": np.full(6, 5), "2": np.full(10, 2)}
    activity = received_activity("made up", 10, received, {"1": 5, "2": 7})
    return make_plan(shapes, CHIP, activity, n_cores)


def test_every_figure_of_a_plan_by_hand():
    """Three cores of 4, 3 and 3 error units do no more than one core of all neurons: 12 each."""
    found = small_plan(5).as_dict()
    assert {key: found[key] for key in ("version", "target", "chips", "cores_per_chip")} == {
        "version": 1,
        "target": "loihi2",
        "chips": 1,
        "cores_per_chip": 120,
    }
    assert found["fits"] and found["activity"] == "made up"
    plan = found["readings"]["conservative"]
    assert (plan["fits"], plan["cores"], plan["chips"]) == (True, 4, 1)
    assert plan["binding"] == {
        "rule": "neuron_groups_per_core",
        "found": 1,
        "allowed": 8,
        "where": "layer 1: fullest core",
        "margin": 7 / 8,
    }
    assert plan["synaptic_ops_per_core"] == pytest.approx(
        {"least": 9.0, "mean": 10.5, "busiest": 12.0, "busiest_in_any_update": 7 * 6}
    )
    assert plan["deliveries"] == pytest.approx(3 * 3 + 2)
    assert plan["between_chips"] == {"once_per_chip": 0.0, "once_per_core": 0.0}
    names = ("layer", "neurons", "cores", "neurons_on_fullest", "one_neuron_too_many")
    assert [tuple(layer[name] for name in names) for layer in plan["layers"]] == [
        ("1", 10, 3, 4, None),
        ("2", 6, 1, 6, None),
    ]
    names = ("chip_idx", "core_idx", "layer", "first_neuron", "neurons", "axon_in_words")
    names += ("synapse_words", "axon_map_words", "axon_mem_words", "neuron_words", "shared_words")
    assert [tuple(core[name] for name in names) for core in plan["placement"]] == [
        (0, 0, "1", 0, 4, 6, 12, 4, 0, 4, 26),
        (0, 1, "1", 4, 3, 6, 12, 3, 0, 3, 24),
        (0, 2, "1", 7, 3, 6, 12, 3, 0, 3, 24),
        (0, 3, "2", 0, 6, 10, 30, 6, 0, 24, 10 + 30 + 6 + 24 + 1308),
    ]
    assert [core["syn_ops"] for core in plan["placement"]] == pytest.approx([12, 9, 9, 12])


def test_a_plan_names_what_one_neuron_more_would_break():
    shapes = recurrent_shape(512)
    plan = make_plan(shapes, CHIP, full_activity(shapes)).as_dict()["readings"]["conservative"]
    (layer,) = plan["layers"]
    assert layer["one_neuron_too_many"] == {
        "rule": "synapse_words_per_core",
        "found": 512 * 32,
        "allowed": 16_000,
        "where": "layer 1: 98 neurons on a core",
        "margin": pytest.approx(1 - 1.024),
    }


@pytest.mark.parametrize(("neurons", "cores"), [(97, 1), (98, 2)])
def test_a_layer_of_one_neuron_more_than_a_core_holds(neurons, cores):
    shapes = (replace(recurrent_shape(512)[0], neurons=neurons),)
    found = placed(shapes, CHIP, CONSERVATIVE, {"1": 1.0})
    broken = found.next_broken(0)
    assert (found.n_cores, broken is None) == ((cores,), cores == 1)


def test_a_network_that_does_not_fit_has_no_cores():
    shapes = recurrent_shape(2700)
    found = make_plan(shapes, CHIP, full_activity(shapes)).as_dict()
    plan = found["readings"]["conservative"]
    assert (found["fits"], plan["fits"], plan["cores"]) == (False, False, None)
    assert plan["binding"]["rule"] == "cores" and plan["binding"]["found"] > 120


def test_messages_between_chips_of_two_layers_neuron_by_neuron():
    """Error units on chips 0 and 1, neurons on chip 1; every message to every receiving core."""
    shapes = error_unit_shapes(100, 130)
    rng = np.random.default_rng(3)
    received = {"1": rng.integers(0, 1000, 100), "2": rng.integers(0, 1000, 130)}
    activity = received_activity("made up", 1000, received, {"1": 100, "2": 130})
    presynaptic = activity.received_fractions
    found = placed(shapes, KAPOHO, CONSERVATIVE, activity.received, 230)
    assert found.chips == 2
    on_chips = {shape.name: {} for shape in shapes}
    for core in found.cores:
        for neuron in range(core.first, core.first + core.neurons):
            on_chips[core.layer.name][neuron] = core.chip_idx
    low = high = 0.0
    for shape in shapes:
        cores = [core.chip_idx for core in found.cores if core.layer is shape]
        for neuron, chip in on_chips[shape.source].items():
            part = presynaptic[shape.name][neuron]
            low += part * len(set(cores) - {chip})
            high += part * sum(other != chip for other in cores)
    assert between_chips(found, activity) == pytest.approx((low, high))
    assert 0 < low < high
    plan = make_plan(shapes, KAPOHO, activity, 230).as_dict()
    assert (plan["target"], plan["chips"]) == ("kapoho-point", 8)
    shown = plan["readings"]["conservative"]
    assert shown["chips"] == 2
    chips = {"once_per_chip": low, "once_per_core": high}
    assert shown["between_chips"] == pytest.approx(chips)


@pytest.mark.parametrize(("receivers", "words"), [(0, 40), (1, 40), (2, 80), (3, 120)])
def test_a_neuron_has_a_word_for_each_receiving_layer_and_at_least_one(receivers, words):
    """As the last layers of the logs have, whose messages leave the chip."""
    shape = LayerShape("3", 100, 25, "2", state_words=1, draws=False, receiving_layers=receivers)
    found = core_words(shape, 40, CONSERVATIVE)
    assert found["axon_map_words_per_core"] == words
    synapses = 25 * 13  # 40 synapses of 20 bits and 32 bits more are 832 bits
    assert found["synapse_words_per_core"] == synapses
    assert found["shared_words_per_core"] == 25 + synapses + words + 40
    assert found["neuron_groups_per_core"] == 1 and found["axon_mem_words_per_core"] == 0
