"""Totals of networks of any kind against their records, row by row, lead-in rows included."""

import numpy as np
import pytest

from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.traces.network_totals import joined_sums, record_totals

STEPS = 75
"""Longer than the rows that a tile computes together."""


@pytest.fixture(params=["CUBA", "SDNN", "delta"])
def network(request, tmp_path, plain_nets):
    p, rng = plain_nets, np.random.default_rng(2)
    if request.param == "delta":
        layers = [
            p.entry((6,), p.sdnn(2), weight=[1.0], bias=[0.0]),
            p.dense(rng.integers(-90, 99, (5, 6)), p.sdnn()),
            p.dense(rng.integers(-90, 99, (4, 5)), p.sdnn(sigma_output=True)),
        ]
    else:
        layers = p.random_layers(rng, request.param)
    return read_plain(p.write(tmp_path / "x.net", layers))


@pytest.fixture
def frames(network):
    high = 2 if not network.input.graded and network.input.neuron is None else 4000
    shape = (7, STEPS, network.input.size)
    return np.random.default_rng(3).integers(0, high, shape).astype(np.int32)


@pytest.mark.parametrize("threads", [1, 3])
def test_totals_equal_those_of_the_records(network, frames, threads):
    emulator = NetworkEmulator(network, threads=threads)
    totals = emulator.totals(frames, STEPS)
    records = list(emulator.records(frames, STEPS, ("z",)))
    expected = record_totals(network, records, STEPS)
    varied = active = 0
    for name, found in totals.layers.items():
        other = expected.layers[name]
        for field in ("messages", "sizes", "last", "last_sizes", "by_row"):
            np.testing.assert_array_equal(getattr(found, field), getattr(other, field), field)
        assert (found.rows, found.peak) == (other.rows, other.peak)
        rows = np.sum([(record[name]["z"] != 0).sum(axis=1) for record in records], axis=0)
        np.testing.assert_array_equal(found.by_row, rows)
        lead_in = 0 if name == "0" else network.schedule.lead_in(name)
        assert len(found.by_row) == STEPS + lead_in
        assert found.by_row.sum() == found.messages.sum()
        varied += len({*found.by_row.tolist()}) > 2
        active += bool(found.by_row.any())
    assert varied >= 1 and active >= 3


def test_sums_of_groups_of_images_add_up(network, frames):
    emulator = NetworkEmulator(network, threads=1)
    parts = [emulator.totals(part, STEPS).layers for part in (frames[:3], frames[3:])]
    whole = emulator.totals(frames, STEPS).layers
    for name, found in joined_sums(parts).items():
        np.testing.assert_array_equal(found.by_row, whole[name].by_row)
