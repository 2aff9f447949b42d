"""Observers of a run see what its trace holds, whichever tiles and threads it runs in."""

import numpy as np
import pytest

from ipvae.chip.placement import Placement
from ipvae.emulator import Emulator
from ipvae.emulator.observing import observe
from ipvae.emulator.recording import run
from ipvae.energy.counting.cores import fewest_cores
from ipvae.energy.counting.step_counts import RowCounter, count_trace
from ipvae.network.traces.observers import Recorder, observe_trace
from ipvae.network.traces.trace import VARIABLES

STEPS, SEED = 11, 7


def images_of(network, n=7):
    return np.resize(network.test_images, (n, network.n_pixels))


def everything(network, images, steps):
    return Recorder({name: VARIABLES for name in network.layers}, images, steps)


def test_a_recorder_holds_what_the_trace_holds(kinds, network_kind):
    network = kinds.networks(5)[network_kind]
    images = images_of(network)
    trace = run(network, images, STEPS, SEED)
    rows = (0, 3, 4, STEPS)
    recorder = everything(network, 5, rows)
    emulator = Emulator(network, threads=2, tile=2)
    _, (found,) = observe(emulator, images, STEPS, SEED, [recorder])
    assert len(found) == 5
    for sample, whole in zip(found, trace.samples, strict=False):
        assert sample.keys() == whole.keys()
        for layer, variables in sample.items():
            for name in VARIABLES:
                np.testing.assert_array_equal(variables[name], whole[layer][name][list(rows)])
                assert variables[name].dtype == np.int32
    (from_trace,) = observe_trace(trace, [recorder])
    for sample, again in zip(found, from_trace, strict=True):
        for layer, variables in sample.items():
            for name in VARIABLES:
                np.testing.assert_array_equal(variables[name], again[layer][name])


def test_counts_of_rows_are_those_of_the_trace(kinds, network_kind):
    network = kinds.networks(5)[network_kind]
    images, placement = images_of(network), fewest_cores(network)
    assert isinstance(placement, Placement)
    expected = count_trace(network, run(network, images, STEPS, SEED), placement)
    for tile, threads in ((64, 1), (3, 2)):
        emulator = Emulator(network, threads=threads, tile=tile)
        counter = RowCounter(network, placement)
        _, (found,) = observe(emulator, images, STEPS, SEED, [counter])
        assert found.busiest == expected.busiest
        for part in ("images", "steps"):
            ours, theirs = getattr(found, part), getattr(expected, part)
            assert ours.keys() == theirs.keys()
            for name, values in theirs.items():
                np.testing.assert_array_equal(ours[name], values, name)


@pytest.mark.parametrize("name", ["recurrent", "errors + 2 read-outs", "lca"])
def test_totals_do_not_depend_on_who_looks(kinds, name):
    network = kinds.networks(5)[name]
    images = images_of(network)
    plain = Emulator(network).totals(images, STEPS, SEED, at=(2, 5))
    counted: list[int] = []
    totals, found = observe(
        Emulator(network, tile=3),
        images,
        STEPS,
        SEED,
        [everything(network, 1, range(2)), RowCounter(network)],
        at=(2, 5),
        progress=counted.append,
    )
    assert len(found) == 2 and sum(counted) == len(images)
    assert totals.kept.keys() == plain.kept.keys()
    for layer, expected in plain.layers.items():
        ours = totals.layers[layer]
        assert (ours.saturations, ours.random_words, ours.peak) == (
            *(expected.saturations, expected.random_words, expected.peak),
        )
        for part in ("messages", "sizes", "u", "z"):
            np.testing.assert_array_equal(getattr(ours, part), getattr(expected, part))


def test_counts_beyond_a_byte_are_seen(make_network):
    """Rates up to 256 draw counts that a byte does not hold."""
    network = make_network(u_init=np.full(16, 31000, np.int32), payload_bits=16)
    images = network.test_images
    trace = run(network, images, 6, 1)
    assert trace.stacked("1", "z").max() > 255
    recorder = everything(network, len(images), range(7))
    _, (found, counts) = observe(Emulator(network), images, 6, 1, [recorder, RowCounter(network)])
    for sample, whole in zip(found, trace.samples, strict=True):
        np.testing.assert_array_equal(sample["1"]["z"], whole["1"]["z"])
    z = trace.stacked("1", "z").astype(int)
    np.testing.assert_array_equal(counts.images["spikes"], z[:, :-1].sum(axis=(1, 2)))
    np.testing.assert_array_equal(counts.steps["spikes"], z.sum(axis=(0, 2)))
    expected = count_trace(network, trace)
    np.testing.assert_array_equal(counts.images["random_words"], expected.images["random_words"])
    assert counts.images["random_words"].sum() > counts.images["draws"].sum()


def test_messages_of_more_rows_than_a_byte_counts(make_network):
    network = make_network(u_init=np.full(16, 9000, np.int32))
    images = network.test_images[:2]
    trace = run(network, images, 600, 1)
    counts = count_trace(network, trace)
    _, (found,) = observe(Emulator(network), images, 600, 1, [RowCounter(network)])
    z = trace.stacked("1", "z")
    nonzero = (network.layer.weight_rec != 0).sum(axis=0)
    expected = ((z[:, :-1] > 0).sum(axis=1) @ nonzero).tolist()
    assert (z > 0).sum(axis=1).max() > 255
    assert found.images["effective_macs"].tolist() == expected
    assert counts.images["effective_macs"].tolist() == expected


def test_images_that_nobody_watches_run_as_before(make_network, monkeypatch):
    """A recorder of the first images leaves the other tiles to the kernel's many rows."""
    network = make_network(n_images=5)
    advanced: list[tuple[bool, int]] = []
    from ipvae.emulator.tile import Tile

    act = Tile._act

    def counted(self, part, first, last):
        advanced.append((self.watch is not None, last - first))
        act(self, part, first, last)

    monkeypatch.setattr(Tile, "_act", counted)
    emulator = Emulator(network, threads=1, tile=2)
    observe(emulator, network.test_images, STEPS, SEED, [everything(network, 1, range(2))])
    assert {rows for watched, rows in advanced if watched} == {1}
    assert [rows for watched, rows in advanced if not watched] == [STEPS + 1] * 2
