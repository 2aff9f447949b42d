"""Time and energy of Loihi 2, step by step of the chip, written out again from docs/energy.md.

Networks of period 1 and 2 on one and on several chips; the cores, too, are found by plain loops
over the words that docs/hardware.md lists. Nothing but the networks' shapes comes from the models.
"""

import math

import pytest

from ipvae.chip.core_memory import (
    CONSERVATIVE,
    OPTIMISTIC,
    LayerShape,
    error_unit_shapes,
    recurrent_shape,
)
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import Placement, place
from ipvae.energy.counting.counts import Counts
from ipvae.energy.counting.workload import LayerWorkload, Workload
from ipvae.energy.models.loihi1 import loihi1
from ipvae.energy.models.loihi2 import busiest_load, loihi2_band
from ipvae.energy.models.sanafe import sanafe_constants

TIGHT, WIDE = "tight", "wide"
UPDATES = 9


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


def words(shape, neurons, reading):
    """Words of one core, in the shared pool."""
    index_bits = math.ceil(math.log2(neurons + 1)) if reading == TIGHT else 12
    synapses = shape.fan_in * math.ceil((neurons * (8 + index_bits) + 32) / 64)
    axon_map = neurons * max(shape.receiving_layers, 1)
    state = neurons * (4 if shape.draws else 1)
    table = 1308 if shape.draws and reading == WIDE else 0  # 10,462 bytes in words of 8
    return {
        "axons": max(shape.fan_in, axon_map),
        "synapses": synapses,
        "state": state,
        "shared": shape.fan_in + synapses + axon_map + state + table,
    }


def fits(shape, neurons, reading):
    most = {"axons": 16_000, "synapses": 16_000, "state": 4_095, "shared": 20_000}
    found = words(shape, neurons, reading)
    return neurons <= 8192 and all(found[name] <= most[name] for name in most)


def fewest(shape, reading):
    """Cores of a layer: each holds as many neurons as it can."""
    most = max(n for n in range(shape.neurons + 1) if n == 0 or fits(shape, n, reading))
    return math.ceil(shape.neurons / most)


def spread(shapes, received, chips):
    """Cores of each layer on all 120 of each chip, so that the busiest has least to do."""
    least = [fewest(shape, TIGHT) for shape in shapes]
    allowed = 120 * chips
    bounds = {
        received[s.name] * n
        for s, cores in zip(shapes, least, strict=True)
        for n in range(1, math.ceil(s.neurons / cores) + 1)
    }
    for bound in sorted(bounds):
        held = [
            max(n for n in range(math.ceil(s.neurons / c) + 1) if n * received[s.name] <= bound)
            for s, c in zip(shapes, least, strict=True)
        ]
        if min(held) > 0:
            cores = [math.ceil(s.neurons / n) for s, n in zip(shapes, held, strict=True)]
            if sum(cores) <= allowed:
                return cores
    raise AssertionError("the fewest cores are on these chips")


def seconds(shapes, slots, loads, cores, period, chip_steps, *, low):
    """Walk over the steps of the chip; `loads`: messages of one row of each layer."""
    chips = math.ceil(sum(cores) / 120)
    acting = {s: [i for i, slot in enumerate(slots) if slot == s] for s in range(period)}
    total = 0.0
    for step in range(chip_steps):
        row, slot = divmod(step, period)
        busiest = []
        for i in acting[slot] if row <= UPDATES else []:
            neurons = math.ceil(shapes[i].neurons / cores[i])
            synapses = loads[i] * neurons * 0.66e-9
            passes = 1 if low else 60 if shapes[i].draws else 2
            update = neurons * passes * 4e-9
            busiest.append(max(synapses, update) if low else synapses + update)
        longest = max(busiest, default=0.0)
        total += max(1.164e-6, longest) if low else 1.164e-6 + longest
        total += 10e-6 if chips > 1 else 0.0
    return total


def band(shapes, slots, loads, period, chip_steps):
    """Static, dynamic (low, high in joules) and seconds of one image."""
    received = {shape.name: load for shape, load in zip(shapes, loads, strict=True)}
    packed, loose = ([fewest(s, reading) for s in shapes] for reading in (TIGHT, WIDE))
    chips = math.ceil(sum(packed) / 120)
    wide = spread(shapes, received, chips)
    low = seconds(shapes, slots, loads, wide, period, chip_steps, low=True)
    used = math.ceil(sum(wide) / 120)
    ends = []
    for cores in (packed, loose):
        time = seconds(shapes, slots, loads, cores, period, chip_steps, low=False)
        n_chips = math.ceil(sum(cores) / 120)
        busy_w = max(sum(cores) * 0.447 / 74, n_chips * 0.038)
        ends.append((time, 0.232 * n_chips * time, busy_w * time))
    high, static, dynamic = (max(values) for values in zip(*ends, strict=True))
    return (0.213 * used * low, static), (0.023 * used * low, dynamic), (low, high)


def work_of(shapes, slots, loads, period, chip_steps):
    """The same for the models: a run of UPDATES updates with that many messages a row."""
    rows = UPDATES + 1
    layers = tuple(
        LayerWorkload(shape, slot, rows, rows - 1, load * rows, 3.0 * load)
        for shape, slot, load in zip(shapes, slots, loads, strict=True)
    )
    received = {layer.shape.name: layer.received / rows for layer in layers}
    packed, loose = (
        place(shapes, TARGETS["hala-point"], reading, received)
        for reading in (OPTIMISTIC, CONSERVATIVE)
    )
    ops = sum(layer.received * layer.shape.neurons for layer in layers)
    updates = rows * sum(shape.neurons for shape in shapes)
    counts = Counts(ops, 2 * ops, ops / 2, sum(loads) * rows, 1.0, updates, 2.0, 3.0)
    return Workload(counts, layers, period, chip_steps, packed, loose)


def read_out(code, neurons, fan_in):
    """No layer receives what it sends."""
    number = str(int(code) + 1)
    return LayerShape(number, neurons, fan_in, code, state_words=1, draws=False, receiving_layers=0)


RECURRENT = recurrent_shape(512)
MIDDLE = recurrent_shape(2350)
LARGE = recurrent_shape(3400)
MANY = (LayerShape("1", 60_000, 10, "0", 1, draws=False, receiving_layers=0),)
ERRORS = error_unit_shapes(512, 784)
LARGE_ERRORS = error_unit_shapes(3000, 1900)
SHOWN = (*recurrent_shape(400), read_out("1", 784, 400))
CHAIN = (
    LayerShape("1", 700, 0, "0", 1, draws=False, receiving_layers=1),
    LayerShape("2", 300, 700, "1", 4, draws=True, receiving_layers=0),
)

CASES = {
    # shapes, slots, messages a row of each layer, period, steps of the chip, chips (tight, wide)
    "period 1, one chip": (RECURRENT, (0,), (500.0,), 1, UPDATES + 1, (1, 1)),
    "period 1, many neurons": (MANY, (0,), (0.01,), 1, UPDATES + 1, (1, 1)),
    "period 1, one chip or two": (MIDDLE, (0,), (1500.0,), 1, UPDATES + 1, (1, 2)),
    "period 1, idle": (RECURRENT, (0,), (0.5,), 1, UPDATES + 1, (1, 1)),
    "period 1, read-out": (SHOWN, (0, 0), (350.0, 350.0), 1, UPDATES + 2, (1, 1)),
    "period 1, chain": (CHAIN, (0, 0), (0.0, 600.0), 1, UPDATES + 2, (1, 1)),
    "period 1, several chips": (LARGE, (0,), (2000.0,), 1, UPDATES + 1, (2, 3)),
    "period 2, one chip": (ERRORS, (1, 0), (400.0, 700.0), 2, 2 * UPDATES + 2, (1, 1)),
    "period 2, idle": (ERRORS, (1, 0), (1.0, 2.0), 2, 2 * UPDATES + 2, (1, 1)),
    "period 2, several chips": (LARGE_ERRORS, (1, 0), (2500.0, 1700.0), 2, 20, (2, 3)),
    "period 2, a step more": (LARGE_ERRORS, (1, 0), (900.0, 1700.0), 2, 21, (2, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_band_is_a_walk_over_the_steps_of_the_chip(case):
    shapes, slots, loads, period, chip_steps, chips = CASES[case]
    found = work_of(shapes, slots, loads, period, chip_steps)
    assert not isinstance(found.packed, LimitCheck) and not isinstance(found.loose, LimitCheck)
    assert (found.packed.chips, found.loose.chips) == chips
    (static, dynamic), (time,) = loihi2_band(found)
    wanted = band(shapes, slots, loads, period, chip_steps)
    pairs = ((static.low_j, static.high_j), (dynamic.low_j, dynamic.high_j))
    for (low, high), expected in zip((*pairs, (time.low_s, time.high_s)), wanted, strict=True):
        assert low == approx(expected[0])
        assert high == approx(expected[1])
    assert (static.part, dynamic.part, static.kind) == ("static", "dynamic", "modelled")
    assert (static.chip, dynamic.chip, time.chip) == ("Loihi 2",) * 3
    for layer, load in zip(found.layers, loads, strict=True):
        assert busiest_load(layer, 7) == approx(7 * load)


def test_cases_reach_what_they_are_named_for():
    """Idle steps last as long as the floor, others longer; several chips wait for each other."""
    for name, case in CASES.items():
        steps, (chips, _) = case[4:]
        low = band(*case[:5])[2][0] - (10e-6 * steps if chips > 1 else 0.0)
        assert (low < 1.164e-6 * steps * (1 + 1e-9)) == ("idle" in name), name


@pytest.mark.parametrize("case", CASES)
def test_cores_are_the_fewest_by_the_words_of_the_document(case):
    shapes, _, loads, *_ = CASES[case]
    received = {shape.name: load for shape, load in zip(shapes, loads, strict=True)}
    for reading, name in ((OPTIMISTIC, TIGHT), (CONSERVATIVE, WIDE)):
        found = place(shapes, TARGETS["hala-point"], reading, received)
        assert isinstance(found, Placement)
        assert list(found.n_cores) == [fewest(shape, name) for shape in shapes]


@pytest.mark.parametrize("case", CASES)
def test_loihi_1_and_sanafes_constants_of_the_same_work(case):
    """Picojoules of docs/energy.md; a message is delivered to each core of its receivers."""
    shapes, slots, loads, period, chip_steps, _ = CASES[case]
    rows = UPDATES + 1
    ops = sum(load * rows * s.neurons for s, load in zip(shapes, loads, strict=True))
    updates = rows * sum(shape.neurons for shape in shapes)
    found = work_of(shapes, slots, loads, period, chip_steps)
    row = loihi1(found.counts)
    assert row.low_j == approx((ops * 23.6 + updates * 52) * 1e-12)
    assert row.high_j == approx((ops * 23.6 + updates * 81) * 1e-12)
    base = ops * 35.5 + updates * (51.2 + 21.6) + 3 * sum(loads) * 69.3
    ends = []
    for reading in (TIGHT, WIDE):
        cores = [fewest(shape, reading) for shape in shapes]
        delivered = sum(n * load * rows for n, load in zip(cores, loads, strict=True))
        tiles = math.ceil(sum(cores) / 4)
        hops = (math.ceil(tiles / 4) - 1) * 3.0 + (min(tiles, 4) - 1) * 4.2
        ends.append(base + delivered * (111 + (hops if reading == WIDE else 0.0)))
    row = sanafe_constants(found)
    assert row is not None
    assert row.low_j == approx(min(ends) * 1e-12)
    assert row.high_j == approx(max(ends) * 1e-12)
