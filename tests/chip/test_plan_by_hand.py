"""Every number of a plan's JSON again, by loops over its cores, senders and receivers."""

import math

import numpy as np
import pytest

from ipvae.chip.core_memory import LayerShape, core_words, error_unit_shapes, full_activity
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import Placement
from ipvae.chip.plan import limit, make_plan
from ipvae.network.traces.activity import received_activity

KAPOHO, CHIP = TARGETS["kapoho-point"], TARGETS["loihi2"]
CORES = 150


@pytest.fixture
def plan(rng):
    """A loop of 900 neurons and 700 error units, and 40 read-outs, on two chips."""
    errors, code = error_unit_shapes(900, 700)
    code = LayerShape("2", 900, 700, "1", code.state_words, draws=True, receiving_layers=2)
    shown = LayerShape("3", 40, 900, "2", 1, draws=False, receiving_layers=0)
    most = {"1": (900, 1000), "2": (700, 500), "3": (900, 333)}
    received = {name: rng.integers(0, high, n) for name, (n, high) in most.items()}
    activity = received_activity("made up", 1000, received, {"1": 800, "2": 600, "3": 777})
    return make_plan((errors, code, shown), KAPOHO, activity, CORES)


def cores_of(placement):
    """Chip, core, layer, first neuron, neurons: filled in order, larger parts first."""
    found = []
    for shape, parts in zip(placement.shapes, placement.n_cores, strict=True):
        first = 0
        for i in range(parts):
            neurons = shape.neurons // parts + (1 if i < shape.neurons % parts else 0)
            found.append((len(found) // 120, len(found) % 120, shape, first, neurons))
            first += neurons
        assert first == shape.neurons
    return found


@pytest.mark.parametrize("reading", ["optimistic", "conservative"])
def test_every_number_of_a_placement(plan, reading):
    placement, content = plan.readings[reading], plan.as_dict()["readings"][reading]
    assert isinstance(placement, Placement)
    fractions = plan.activity.received_fractions
    received = {name: math.fsum(parts) for name, parts in fractions.items()}
    cores = cores_of(placement)
    assert content["fits"] and content["cores"] == len(cores) <= CORES
    assert content["chips"] == placement.chips == 2
    ops = [received[shape.name] * neurons for _, _, shape, _, neurons in cores]
    per_core = content["synaptic_ops_per_core"]
    assert per_core["least"] == pytest.approx(min(ops))
    assert per_core["mean"] == pytest.approx(sum(ops) / len(ops))
    assert per_core["busiest"] == pytest.approx(max(ops))
    fullest = {s.name: max(n for *_, shape, _, n in cores if shape is s) for s in plan.shapes}
    peaks = [plan.activity.peak[name] * n for name, n in fullest.items()]
    assert per_core["busiest_in_any_update"] == max(peaks)
    delivered = sum(received[shape.name] for _, _, shape, *_ in cores)
    assert content["deliveries"] == pytest.approx(delivered)
    chips = receiving_cores = 0.0
    for chip, _, shape, first, neurons in cores:
        for listener in plan.shapes:
            if listener.source != shape.name:
                continue
            away = [c for c, _, of, *_ in cores if of is listener and c != chip]
            sent = sum(fractions[listener.name][first : first + neurons])
            chips += sent * len(set(away))
            receiving_cores += sent * len(away)
    assert content["between_chips"]["once_per_chip"] == pytest.approx(chips)
    assert content["between_chips"]["once_per_core"] == pytest.approx(receiving_cores)
    assert 0 < chips < receiving_cores
    for entry, (chip, core, shape, first, neurons) in zip(content["placement"], cores, strict=True):
        words = core_words(shape, neurons, placement.reading)
        words.pop("neurons_per_core")
        assert entry == {
            "chip_idx": chip,
            "core_idx": core,
            "layer": shape.name,
            "first_neuron": first,
            "neurons": neurons,
            "syn_ops": pytest.approx(received[shape.name] * neurons),
            **{name[: -len("_per_core")]: value for name, value in words.items()},
        }
    shares = [(line.share, line) for line in placement.lines]
    assert content["binding"] == limit(max(shares, key=lambda pair: pair[0])[1])


@pytest.mark.parametrize("reading", ["optimistic", "conservative"])
def test_layers_state_which_limit_one_neuron_more_would_break(plan, reading):
    placement, content = plan.readings[reading], plan.as_dict()["readings"][reading]
    for i, (shape, of) in enumerate(zip(plan.shapes, content["layers"], strict=True)):
        assert (of["layer"], of["neurons"]) == (shape.name, shape.neurons)
        assert of["cores"] == placement.n_cores[i]
        assert of["neurons_on_fullest"] == math.ceil(shape.neurons / placement.n_cores[i])
        if shape.name == "3":  # all 40 fit on one core
            assert of["one_neuron_too_many"] is None
            continue
        allowed = {"synapse_words_per_core": 16_000, "shared_words_per_core": 20_000}
        most = 0
        while all(
            core_words(shape, most + 1, placement.reading)[rule] <= at
            for rule, at in allowed.items()
        ):
            most += 1
        words = core_words(shape, most + 1, placement.reading)
        rule = max(allowed, key=lambda name: words[name] / allowed[name])
        assert of["one_neuron_too_many"] == {
            "rule": rule,
            "found": words[rule],
            "allowed": allowed[rule],
            "where": f"layer {shape.name}: {most + 1} neurons on a core",
            "margin": 1 - words[rule] / allowed[rule],
        }


def test_a_plan_states_what_it_is_of(plan):
    content = plan.as_dict()
    assert (content["version"], content["target"], content["chips"]) == (1, "kapoho-point", 8)
    assert (content["cores_per_chip"], content["activity"], content["fits"]) == (
        120,
        "made up",
        True,
    )
    assert list(content["readings"]) == ["optimistic", "conservative"]


def test_margins_are_parts_of_what_is_allowed():
    assert limit(LimitCheck("cores", 30, 120, "here"))["margin"] == 0.75
    assert limit(LimitCheck("cores", 150, 120, "here"))["margin"] == -0.25
    assert LimitCheck("cores", 120, 120, "").holds and not LimitCheck("cores", 121, 120, "").holds


def test_as_many_cores_as_there_are_may_be_asked_for():
    shapes = error_unit_shapes(60, 60)
    for cores in (2, 120):
        found = make_plan(shapes, CHIP, full_activity(shapes), cores)
        assert isinstance(found.conservative, Placement)
        assert found.conservative.total_cores <= cores


def test_pace_doubles_the_cores_up_to_those_of_the_board():
    """Of 9 neurons that receive 9: 1, 2, 3 (of 4), 5 (of 8) and 9 (of 16) cores help."""
    shapes = (LayerShape("1", 9, 9, "1", 4, draws=True, receiving_layers=1),)
    plan = make_plan(shapes, CHIP, full_activity(shapes))
    rows = plan.as_dict()["readings"]["conservative"]["pace"]
    assert [(r["cores"], r["busiest_synaptic_ops"], r["deliveries"]) for r in rows] == [
        (cores, 9 * math.ceil(9 / cores), 9 * cores) for cores in (1, 2, 3, 5, 9)
    ]
    np.testing.assert_array_equal(
        [row["cores"] for row in rows], sorted({r["cores"] for r in rows})
    )
