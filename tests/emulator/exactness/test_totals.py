"""Totals are the sums of the trace, at any step, for every kind of network."""

import os
import signal
import threading

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.engine import processors
from ipvae.emulator.recording import run
from ipvae.emulator.tile import ROWS
from ipvae.energy.counting.counts import count_run
from ipvae.errors import InputError
from ipvae.network.proof.bounds import layer_saturations
from ipvae.network.rules.arithmetic import TERM_MAX
from ipvae.network.rules.drive import drives
from ipvae.network.rules.stream import frames, stream_drives
from ipvae.network.traces.totals import joined
from ipvae.network.traces.trace import VARIABLES, compare

STEPS, SEED = 9, 5


def test_totals_are_those_of_the_trace(network_kind, kinds):
    network = kinds.networks(1)[network_kind]
    images = np.resize(network.test_images, (7, network.n_pixels))
    trace = run(network, images, STEPS, SEED)
    found = Emulator(network, threads=2, tile=3).totals(images, STEPS, SEED, at=(0, 4))
    b = drives(network, images)
    assert (found.images, found.steps) == (7, STEPS)
    for name, layer in network.layers.items():
        variables = {v: trace.stacked(name, v) for v in VARIABLES}
        z, totals = variables["z"].astype(np.int64), found.layers[name]
        np.testing.assert_array_equal(totals.messages, (z != 0).sum(axis=(0, 1)))
        np.testing.assert_array_equal(totals.sizes, np.abs(z).sum(axis=(0, 1)))
        np.testing.assert_array_equal(totals.z, z[:, -1])
        np.testing.assert_array_equal(totals.u, variables["u"][:, -1])
        assert totals.saturations == layer_saturations(layer, variables, b[name])
    for step in (0, 4):
        for name, (u, z) in found.kept[step].items():
            np.testing.assert_array_equal(u, trace.stacked(name, "u")[:, step])
            np.testing.assert_array_equal(z, trace.stacked(name, "z")[:, step])
    assert set(found.kept[4]) == {n for n in network.layers if n >= network.code}


def test_counts_from_totals_equal_counts_from_the_trace(network_kind, kinds):
    network = kinds.networks(4)[network_kind]
    trace = run(network, network.test_images, STEPS, SEED)
    totals = Emulator(network).totals(network.test_images, STEPS, SEED)
    assert count_run(network, totals) == count_run(network, trace)


def test_saturations_of_every_variable_occur(make_network):
    """Or the sums above compare zeros."""
    network = make_network(
        k=9,
        m=4,
        seed=3,
        drive_exp=9,
        weight_exp=12,
        payload_bits=3,
        u_max=9000,
        u_init=np.zeros(9, np.int32),
    )
    trace = run(network, network.test_images, 25, 7)
    b = drives(network, network.test_images)["1"]
    variables = {v: trace.stacked("1", v) for v in VARIABLES}
    expected = layer_saturations(network.layer, variables, b)
    assert min(expected.values()) > 0
    assert Emulator(network).totals(network.test_images, 25, 7).saturations == expected


@pytest.mark.parametrize("name", ["recurrent", "errors + 1 read-out", "lca"])
def test_runs_longer_than_a_call_of_a_kernel(kinds, name):
    """A call takes up to 256 rows: the last of one, the first of the next, and one more of all."""
    network, last = kinds.networks(6)[name], 2 * ROWS + 1
    at = (0, ROWS - 1, ROWS, ROWS + 1, last - 1, last)
    trace = run(network, network.test_images, last, SEED)
    replays = [None] if not network.draws else [None, trace.stacked(network.code, "z")]
    for draws in replays:
        found = Emulator(network).totals(network.test_images, last, SEED, draws=draws, at=at)
        assert list(found.kept) == list(at)
        for step in at:
            for layer, (u, z) in found.kept[step].items():
                np.testing.assert_array_equal(u, trace.stacked(layer, "u")[:, step])
                np.testing.assert_array_equal(z, trace.stacked(layer, "z")[:, step])
        for layer, totals in found.layers.items():
            sizes = np.abs(trace.stacked(layer, "z").astype(np.int64)).sum(axis=(0, 1))
            np.testing.assert_array_equal(totals.sizes, sizes)


def test_as_many_threads_as_processors_by_default(make_network, monkeypatch):
    network = make_network(k=2, weight_rec=np.zeros((2, 2), np.int8))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 9}, raising=False)
    assert processors() == 3 and Emulator(network).threads == 3
    assert Emulator(network, threads=5).threads == 5
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert processors() == 7


def test_replayed_draws_give_the_same_totals(make_network):
    network = make_network()
    trace = run(network, network.test_images, STEPS, SEED)
    draws = trace.stacked("1", "z")
    found = Emulator(network, tile=2).totals(network.test_images, STEPS, 0, draws=draws)
    np.testing.assert_array_equal(found.layers["1"].u, trace.stacked("1", "u")[:, -1])
    np.testing.assert_array_equal(found.layers["1"].sizes, draws.sum(axis=(0, 1)))


def test_totals_of_ranges_of_images_join_to_those_of_the_run(network_kind, kinds):
    network = kinds.networks(2)[network_kind]
    images = np.resize(network.test_images, (9, network.n_pixels))
    emulator = Emulator(network)
    expected = emulator.totals(images, STEPS, SEED, at=(3, STEPS))
    parts = [
        emulator.totals(images[first:end], STEPS, SEED, first, at=(3, STEPS))
        for first, end in ((0, 2), (2, 3), (3, 9))
    ]
    found = joined(parts)
    assert (found.images, found.steps, list(found.kept)) == (9, STEPS, [3, STEPS])
    for name, layer in expected.layers.items():
        other = found.layers[name]
        assert other.saturations == layer.saturations
        for part in ("messages", "sizes", "u", "z"):
            np.testing.assert_array_equal(getattr(other, part), getattr(layer, part))
            assert getattr(other, part).dtype == getattr(layer, part).dtype
    for step, layers in expected.kept.items():
        for name, pair in layers.items():
            np.testing.assert_array_equal(found.kept[step][name], pair)


@pytest.mark.parametrize("hold", [1, 3, 4, 20])
def test_streams_of_frames_agree_with_a_run_step_by_step(network_kind, kinds, stepwise, hold):
    network = kinds.networks(2)[network_kind]
    n_frames = frames(STEPS, hold)
    streams = np.resize(network.test_images, (2, n_frames, network.n_pixels))
    expected = stepwise.run(network, streams, STEPS, SEED, hold=hold)
    trace = run(network, streams, STEPS, SEED, hold=hold)
    assert compare(expected, trace).first_divergence is None
    found = Emulator(network).totals(streams, STEPS, SEED, hold=hold)
    for name in network.layers:
        np.testing.assert_array_equal(found.layers[name].u, trace.stacked(name, "u")[:, -1])
    b = stream_drives(network, streams, STEPS, hold)
    assert sum(layer.saturations["drive"] for layer in found.layers.values()) == sum(
        int((np.abs(values) == TERM_MAX).sum()) for values in b.values()
    )


def test_no_images_have_no_totals(make_network):
    network = make_network()
    found = Emulator(network).totals(network.test_images[:0], 3, 0)
    assert found.images == 0
    assert found.layers["1"].z.shape == (0, network.n_neurons)


@pytest.mark.parametrize("at", [(-1,), (3, STEPS + 1)])
def test_steps_that_are_not_run_cannot_be_kept(make_network, at):
    network = make_network()
    with pytest.raises(InputError, match="allowed 0 to 9"):
        Emulator(network).totals(network.test_images, STEPS, 0, at=at)


def test_progress_adds_up_to_all_images(make_network):
    network, seen = make_network(), []
    Emulator(network, threads=2, tile=2).totals(network.test_images, 3, 0, progress=seen.append)
    assert sum(seen) == len(network.test_images) and len(seen) > 1


@pytest.mark.timeout(60)
def test_an_interrupted_run_does_not_go_on_in_its_threads(make_network):
    """Half a million steps of many images would take many minutes."""
    network = make_network(k=64, n_images=2)
    images = np.resize(network.test_images, (256, network.n_pixels))
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Emulator(network, threads=2).totals(images, 2**19 - 1, 0)
    timer.join()
