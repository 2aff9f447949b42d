"""Cost models against figures worked out by hand."""

from dataclasses import replace

import pytest

from ipvae.chip.core_memory import CONSERVATIVE, OPTIMISTIC, recurrent_shape
from ipvae.chip.limits import TARGETS, LimitCheck
from ipvae.chip.placement import place
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import Counts, count_run
from ipvae.energy.counting.workload import LayerWorkload, Workload, work_of
from ipvae.energy.models import EnergyRow, summed
from ipvae.energy.models.dense import Dense, dense_baselines, dense_work
from ipvae.energy.models.loihi2 import loihi2_band
from ipvae.energy.models.sanafe import farthest_pj, sanafe_constants
from ipvae.energy.models.table import left_out, model_table

STEPS = 7


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


def work(neurons, received, rows, sent=0.0):
    """A recurrent layer of n neurons that receives a number of messages in an image."""
    (shape,) = shapes = recurrent_shape(neurons)
    layer = LayerWorkload(shape, 0, rows, rows - 1, received, sent)
    packed, loose = (
        place(shapes, TARGETS["hala-point"], reading, {"1": received / rows})
        for reading in (OPTIMISTIC, CONSERVATIVE)
    )
    ops = received * neurons
    counts = Counts(ops, ops, ops, received, received, rows * neurons, 10.0 * neurons, 0.0)
    return Workload(counts, (layer,), 1, rows, packed, loose)


def test_work_is_that_of_the_trace(kinds, network_kind):
    network = kinds.networks(2)[network_kind]
    totals = Emulator(network).totals(network.test_images, STEPS, 0)
    trace = run(network, network.test_images, STEPS, 0)
    found, counts = work_of(network, totals), count_run(network, trace)
    assert found.counts == counts
    assert sum(layer.received for layer in found.layers) == approx(counts.messages)
    by_layer = (layer.received * layer.shape.neurons for layer in found.layers)
    assert sum(by_layer) == approx(counts.synaptic_ops)
    assert sum(la.shape.neurons * la.rows for la in found.layers) == counts.neuron_updates
    for layer in found.layers:
        sent = (trace.stacked(layer.shape.name, "z") != 0).sum() / len(trace.samples)
        assert layer.sent == approx(sent)
        assert layer.received <= layer.input_rows * layer.shape.fan_in
        assert 0 <= layer.slot < found.period
    assert found.chip_steps == network.schedule.chip_steps(STEPS)


def test_sanafe_constants_by_hand():
    """4 neurons on one core, 3 rows; 5 messages received, 6 spikes sent."""
    found = work(4, received=5.0, rows=3, sent=6.0)
    row = sanafe_constants(found)
    assert row is not None
    picojoules = 5 * 4 * 35.5 + 12 * (51.2 + 21.6) + 6 * 69.3 + 5 * 111.0
    assert row.low_j == row.high_j == approx(picojoules * 1e-12)
    assert (row.kind, row.part, row.chip) == ("modelled", "dynamic", "Loihi 1")


def test_sanafe_constants_count_each_core_that_receives_a_message():
    """512 neurons: 5 cores in one tile by the tight reading, 6 in two tiles by the wide one."""
    found = work(512, received=100.0, rows=1)
    row = sanafe_constants(found)
    assert row is not None
    base = 51_200 * 35.5 + 512 * 72.8
    assert row.low_j == approx((base + 500 * 111) * 1e-12)
    assert row.high_j == approx((base + 600 * (111 + 4.2)) * 1e-12)


@pytest.mark.parametrize(
    ("cores", "picojoules"),
    [(1, 0.0), (4, 0.0), (5, 4.2), (9, 8.4), (16, 12.6), (17, 15.6), (128, 33.6)],
)
def test_farthest_tiles(cores, picojoules):
    assert farthest_pj(cores) == approx(picojoules)


def test_loihi2_band_by_hand():
    """512 neurons, 100 messages a row, 10 rows.

    Spread over one chip 103 cores have 5 neurons at most: 0.33 us of synapses, below the floor.
    On 5 cores, 103 neurons: 100 x 103 x 0.66 ns + 103 x 60 x 4 ns after the floor.
    """
    rows, (time,) = loihi2_band(work(512, received=1000.0, rows=10))
    static, dynamic = rows
    low, high = 11.64e-6, 10 * (1.164e-6 + 6.798e-6 + 24.72e-6)
    assert (time.low_s, time.high_s) == (approx(low), approx(high))
    assert (static.part, dynamic.part) == ("static", "dynamic")
    assert static.low_j == approx(0.213 * low)
    assert static.high_j == approx(0.232 * high)
    assert dynamic.low_j == approx(0.023 * low)
    assert dynamic.high_j == approx(0.038 * high)  # 6 cores x 6.04 mW are less


def test_loihi2_band_above_the_floor_and_on_many_cores():
    """1,000 neurons that all send: 9 on a core of 112, 5.94 us of synapses, 0.036 of neurons."""
    found = work(1000, received=1000.0, rows=1)
    (static, dynamic), (time,) = loihi2_band(found)
    assert time.low_s == approx(5.94e-6)
    assert static.low_j == approx(0.213 * 5.94e-6)
    assert not isinstance(found.loose, LimitCheck) and not isinstance(found.packed, LimitCheck)
    slow = {
        placement.total_cores: 1.164e-6 + placement.largest(0) * (0.66e-6 + 240e-9)
        for placement in (found.packed, found.loose)
    }
    assert time.high_s == approx(max(slow.values()))
    powers = [max(0.038, cores * 0.447 / 74) * time_s for cores, time_s in slow.items()]
    assert dynamic.high_j == approx(max(powers))


def test_several_chips_wait_for_each_other():
    found = work(4096, received=0.0, rows=2)
    assert not isinstance(found.packed, LimitCheck) and found.packed.chips > 1
    (static, _), (time,) = loihi2_band(found)
    assert time.low_s == approx(2 * (1.164e-6 + 10e-6))
    assert static.low_j == approx(0.213 * found.packed.chips * time.low_s)


def test_a_silent_loop_of_two_hops_takes_the_floor_of_every_chip_step(kinds):
    """What neurons of the kinds do is far below the floor of 1.164 us."""
    network = kinds.networks(0)["errors"]
    totals = Emulator(network).totals(network.test_images, STEPS, 0)
    (static, _), (time,) = loihi2_band(work_of(network, totals))
    assert time.low_s == approx((2 * STEPS + 2) * 1.164e-6)
    assert static.low_j == approx(0.213 * time.low_s)


def test_read_outs_take_their_steps_at_the_end(kinds):
    network = kinds.networks(0)["two hidden + 1 read-out"]
    totals = Emulator(network).totals(network.test_images, STEPS, 0)
    found = work_of(network, totals)
    _, (time,) = loihi2_band(found)
    assert found.chip_steps == STEPS + 4
    assert time.low_s == approx((STEPS + 4) * 1.164e-6)


def test_a_network_that_fits_no_board_has_no_band_and_gives_the_reason(make_network):
    network = make_network()
    found = work_of(network, Emulator(network).totals(network.test_images, 1, 0))
    line = LimitCheck("neurons_per_core", 9000, 8192, "layer 1: one neuron")
    found = replace(found, loose=line)
    assert loihi2_band(found) == ([], []) and sanafe_constants(found) is None
    assert {row.chip for row in model_table(network, found)[0]} & {"Loihi 2"} == set()
    (operations_text,) = left_out(found)
    assert "neurons_per_core 9,000 of 8,192, layer 1: one neuron" in operations_text


def test_dense_work_by_hand():
    """4 neurons, 3 rows of which 2 receive: 10 x 4 of the drive, 2 x 16 of the loop, 4 x 10."""
    found = dense_work(work(4, received=1.0, rows=3), "1", 10)
    assert found == Dense(40.0, 32.0, 40.0, 12 * 9.0, 12 * 51.0)
    assert found.macs == 112.0
    assert found.operations_text.startswith("40 products of the drive, 32 of the loop")


def test_dense_work_of_graded_layers_and_feed_forward(kinds):
    network = kinds.networks(0)["errors"]
    totals = Emulator(network).totals(network.test_images, STEPS, 0)
    found = dense_work(work_of(network, totals), network.code, network.n_pixels)
    pixels, neurons, rows = 6, 7, STEPS + 1
    assert found.drive == pixels
    # The errors receive the code of the same row; the code receives errors one row later.
    assert found.loop == pixels * neurons * (rows + rows - 1)
    assert found.readout == pixels * neurons
    assert found.multiplications == rows * (9 * neurons + pixels)
    assert found.others == rows * (51 * neurons + 11 * pixels)


def test_dense_arithmetic_by_hand():
    dense = Dense(600.0, 300.0, 100.0, multiplications=10.0, others=20.0)
    (int8, float32, *_), _ = dense_baselines(dense)
    assert int8.low_j == approx((1000 * 0.3 + 10 * 3.1 + 20 * 0.1) * 1e-12)
    assert int8.high_j == approx(int8.low_j + (1030 * 70 + 1000 * 325) * 1e-12)
    assert float32.low_j == approx((1000 * 4.6 + 10 * 3.7 + 20 * 0.9) * 1e-12)
    assert float32.high_j == approx(float32.low_j + (1030 * 70 + 4000 * 325) * 1e-12)
    assert (int8.part, int8.chip) == (float32.part, float32.chip) == ("dynamic", "CPU, 45 nm")


def test_dense_chips_by_hand():
    dense = Dense(0.0, 1e12, 0.0, multiplications=0.0, others=0.0)
    rows, times = dense_baselines(dense)
    _, _, edge_int8, edge_float32, int8, float32, cpu, gpu = rows
    assert edge_int8.low_j == approx(7 * 2 / 20)
    assert edge_int8.high_j == approx(15 * 1000 / 68)
    assert edge_float32.low_j == approx(7 * 2 / 1.28)
    assert edge_float32.high_j == approx(15 * 4000 / 68)
    assert {row.chip for row in (edge_int8, edge_float32)} == {"NVIDIA Jetson Orin Nano"}
    assert int8.low_j == approx(400 * 2 / 624)
    assert int8.high_j == approx(400 * 1000 / 1555)
    assert float32.low_j == approx(400 * 2 / 19.5)
    assert float32.high_j == approx(400 * 4000 / 1555)
    ends = [time.high_s for time in times]
    assert ends == approx([1000 / 68, 4000 / 68, 1000 / 1555, 4000 / 1555])
    assert cpu.low_j == cpu.high_j == approx(8600)
    assert gpu.low_j == gpu.high_j == approx(300)
    assert {row.part for row in (int8, float32, cpu, gpu)} == {"total"}


def test_rows_of_every_kind_keep_apart_what_is_not_alike(kinds, network_kind):
    network = kinds.networks(1)[network_kind]
    totals = Emulator(network).totals(network.test_images, STEPS, 0)
    rows, times = model_table(network, work_of(network, totals))
    assert len({(row.model, row.chip, row.part) for row in rows}) == len(rows) == 12
    assert all(row.kind == "modelled" and row.source and row.assumptions for row in [*rows, *times])
    assert {row.part for row in rows if row.chip == "Loihi 2"} == {"static", "dynamic"}
    assert all(0 < row.low_j <= row.high_j for row in rows)
    for first in rows:
        for second in rows:
            if first is not second:
                with pytest.raises(ValueError, match="add only what is alike"):
                    summed([first, second])


ROW = EnergyRow("a", "modelled", "dynamic", "b", 1.0, 2.0, "table", ("x",))


def test_like_rows_are_added():
    other = replace(ROW, low_j=3.0, high_j=5.0, source="log", assumptions=("x", "y"))
    expected = EnergyRow("a", "modelled", "dynamic", "b", 4.0, 7.0, "table; log", ("x", "y"))
    assert summed([ROW, other]) == expected
    assert summed([ROW]) == ROW


@pytest.mark.parametrize(
    "other", [{"part": "static"}, {"kind": "measured"}, {"chip": "c"}, {"model": "d"}]
)
def test_unlike_rows_are_not_added(other):
    (name,) = other
    with pytest.raises(ValueError, match=f"found {name} .*; add only what is alike"):
        summed([ROW, replace(ROW, **other)])


@pytest.mark.parametrize("other", [{"kind": "guessed"}, {"part": "some"}, {"low_j": 3.0}])
def test_a_row_that_cannot_be_is_not_made(other):
    with pytest.raises(AssertionError):
        replace(ROW, **other)
