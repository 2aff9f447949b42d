# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false
# pyright: reportIndexIssue=false
"""Streams of frames one by one on Lava: equal to the emulator's in counts and operations."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.errors import HungBackendError
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.live_stream import LavaStream
from ipvae.lava_procs.schedule import Schedule, trace_shape
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.layers import AffineStart
from ipvae.network.traces.selection import Record

FRAMES, STEPS = 4, 3
LOOPS = ("recurrent", "recurrent, 16 bits", "errors", "loop of three", "lca")


@pytest.fixture
def film(rng):
    shown = rng.integers(-128, 128, (FRAMES, 6))
    shown[2] = shown[1]
    return shown


def test_a_live_schedule_takes_a_frame_where_a_stream_changes_to_it():
    for lag in (0, 1):
        live = Schedule(40, 41, lag=lag, live=STEPS)
        held = Schedule(40, 41, lag=lag, hold=STEPS)
        for row in range(1, 41):
            changes = held.frame(row) != held.frame(row - 1)
            assert live.begins_frame(row) == changes or row > 39
        assert not live.begins_frame(-1) and not live.begins_frame(0)
        assert not held.begins_frame(4)
    record = Record().of_layer("1", 5)
    assert trace_shape(record, Schedule(9, 10, live=2).message_steps) == (1, 3, 5)
    assert trace_shape(record, Schedule(9, 10).message_steps) == (10, 3, 5)


@pytest.mark.lava
@pytest.mark.parametrize("name", LOOPS)
def test_frames_equal_the_emulators(kinds, film, name):
    import_lava()
    network = kinds.networks(3)[name]
    ours = ipvae.Stream(network, steps=STEPS, seed=8)
    with ipvae.Stream(network, steps=STEPS, seed=8, backend="lava") as lavas:
        for frame in film:
            one, other = ours.push(frame), lavas.push(frame)
            np.testing.assert_array_equal(other.counts, one.counts)
            assert other.operations == one.operations
            assert other.changed_pixels == one.changed_pixels
            for layer, sent in one.after.items():
                np.testing.assert_array_equal(other.after[layer].messages, sent.messages)
                np.testing.assert_array_equal(other.after[layer].z, sent.z)
        ours.reset()
        lavas.reset()
        np.testing.assert_array_equal(lavas.push(film[0]).counts, ours.push(film[0]).counts)


@pytest.mark.lava
def test_a_start_and_an_average_equal_the_emulators(random_start, film):
    import_lava()
    ours = ipvae.Stream(random_start, steps=8, readout="mean")
    with ipvae.Stream(random_start, steps=8, readout="mean", backend="lava") as lavas:
        for frame in film:
            one, other = ours.push(frame), lavas.push(frame)
            np.testing.assert_array_equal(other.decoded, one.decoded)
            np.testing.assert_array_equal(other.counts, one.counts)


@pytest.fixture
def random_start(kinds, rng):
    """A network that begins at log-rates of its first frame."""
    network = kinds.networks(3)["recurrent"]
    weight = rng.integers(-300, 300, (7, 6)).astype(np.int16)
    start = AffineStart(weight=weight, bias=np.zeros(7, np.int32), exponent=-3)
    return replace(network, layer=replace(network.layer, start=start))


@pytest.mark.lava
def test_a_process_that_died_is_named_and_the_stream_has_ended(kinds, film):
    import_lava()
    stream = LavaStream(kinds.networks(3)["recurrent"], STEPS, 0)
    stream.push(film[0])
    os.kill(stream._built.watch.actors[0].pid, signal.SIGKILL)
    with pytest.raises(HungBackendError, match="died"):
        stream.push(film[1])
    assert stream._built is None
    stream.close()


@pytest.mark.parametrize("name", ["recurrent + 2 read-outs", "two hidden"])
def test_networks_whose_frames_do_not_end_together_are_refused(kinds, name):
    with pytest.raises(ipvae.IpvaeError, match="allowed is a code in a loop without read-outs"):
        ipvae.Stream(kinds.networks(3)[name], backend="lava")


def test_other_backends_are_refused_by_name(kinds):
    network = kinds.networks(3)["recurrent"]
    with pytest.raises(ipvae.IpvaeError, match="backend: found 'loihi2', allowed emulator and"):
        ipvae.Stream(network, backend="loihi2")
    with pytest.raises(ipvae.IpvaeError, match="backend: found 'lava', allowed is the emulator"):
        ipvae.Stream(as_network(network), backend="lava")
    with ipvae.Stream(as_network(network)) as stream:
        stream.push(network.test_images[0])


@pytest.mark.lava
def test_a_pixel_out_of_range_is_refused_before_lava_starts(kinds, film):
    import_lava()
    with (
        ipvae.Stream(kinds.networks(3)["recurrent"], steps=2, backend="lava") as stream,
        pytest.raises(ipvae.IpvaeError, match="pixel levels: found"),
    ):
        stream.push(film[0] + 900)
