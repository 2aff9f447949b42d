"""On Lava: chosen records and streams, each against the emulator's."""

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.lava_procs import schedule
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.runner import run
from ipvae.network.rules.stream import frames
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import compare

pytestmark = pytest.mark.lava()

STEPS = 23
RECORDS = [
    Record(every=4),
    Record(("z",), layers=("2", "4")),
    Record(("u", "a_in"), every=3, neurons={"1": (0, 5), "2": (3,)}),
    Record(("z",), every=100, layers=("3",)),
]


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


@pytest.mark.parametrize("chunk", [2**20, 3 * 4 * 9])
@pytest.mark.parametrize("record", RECORDS, ids=range(len(RECORDS)))
def test_lava_records_what_the_emulator_does(kinds, monkeypatch, record, chunk):
    monkeypatch.setattr(schedule, "CHUNK_BYTES", chunk)
    network = kinds.networks(6)["errors + 2 read-outs"]
    expected = recording.run(network, network.test_images, STEPS, 4, record=record)
    found = run(network, network.test_images, STEPS, 4, record=record)
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values > 0
    assert (found.every, list(found.samples[0])) == (record.every, list(expected.samples[0]))


@pytest.mark.parametrize("dense", ["event-driven", "stock"])
@pytest.mark.parametrize("hold", [1, 5])
def test_lava_streams_as_the_emulator_does(kinds, rng, hold, dense):
    for name in ("recurrent, 16 bits", "errors + 1 read-out", "loop of three", "two hidden"):
        network = kinds.networks(6)[name]
        shape = (2, frames(STEPS, hold), network.n_pixels)
        shown = rng.integers(-128, 128, shape).astype(np.int16)
        expected = recording.run(network, shown, STEPS, 4, hold=hold)
        found = run(network, shown, STEPS, 4, hold=hold, dense=dense)
        assert compare(expected, found).first_divergence is None
        assert found.backend == ("lava" if dense == "event-driven" else "lava-stock")


def test_draws_are_replayed_while_little_is_recorded(kinds, monkeypatch, rng):
    """Messages of draws and of the trace have other rhythms."""
    monkeypatch.setattr(schedule, "CHUNK_BYTES", 4 * 7 * 2)
    network = kinds.networks(6)["errors + 1 read-out"]
    draws = rng.integers(0, 9, (3, STEPS + 1, 7))
    record = Record(("u",), every=6, layers=("3",))
    expected = recording.run(network, network.test_images, STEPS, 0, draws=draws, record=record)
    found = run(network, network.test_images, STEPS, 0, draws=draws, record=record)
    assert compare(expected, found).first_divergence is None
