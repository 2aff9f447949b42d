# pyright: reportOptionalMemberAccess=false
"""Streams frame by frame: the bits of a run of the whole stream, for every kind of network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipvae.emulator import recording
from ipvae.emulator.event_driven.engine import NetworkEmulator
from ipvae.emulator.streams.any_kind import NetworkStream
from ipvae.emulator.streams.layered import LayeredStream
from ipvae.emulator.streams.pixel_changes import ChangingDrive, add_products, changed_pixels
from ipvae.errors import InputError
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives

FRAMES = 4


def films(network, rng, n=2, n_frames=FRAMES):
    """Streams in which some pixels stay as they are: (n, n_frames, M)."""
    low, high = network.input.minimum, network.input.maximum
    shown = rng.integers(low, high + 1, (n, n_frames, network.n_pixels))
    stays = rng.random((n, network.n_pixels)) < 0.4
    return np.where(stays[:, None], shown[:, :1], shown).astype(np.int32)


def same_as_the_run(network, shown, steps, seed):
    """Compare every output of streams with the trace of a run."""
    trace = recording.run(network, shown.astype(np.int16), len(shown[0]) * steps, seed, hold=steps)
    stream = LayeredStream(network, steps, seed)
    for i, film in enumerate(shown):
        if i:
            stream.reset()
        for f, frame in enumerate(film):
            found = stream.push(frame)
            for name, sent in found.sent.items():
                assert sent.rows in ((f + 1) * steps, (f + 1) * steps + 1)
                z = trace.samples[i][name]["z"][: sent.rows]
                np.testing.assert_array_equal(sent.z, z[-1], f"{i}, frame {f}, layer {name}")
                np.testing.assert_array_equal(sent.messages, (z != 0).sum(axis=0), name)
                assert sent.sizes == np.abs(z.astype(np.int64)).sum()
    return trace


@pytest.mark.parametrize("steps", [1, 5])
def test_frames_give_the_bits_of_the_run(kinds, built_kind, rng, steps):
    network = kinds.networks(6)[built_kind]
    trace = same_as_the_run(network, films(network, rng), steps, 2**40 + 1)
    assert len(np.unique(trace.stacked(network.code, "z"))) > 1


def test_random_networks_give_the_bits_of_the_run(random_networks):
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(random_networks.networks(), st.integers(1, 6), st.integers(0, 2**48 - 1))
    def check(network, steps, seed):
        same_as_the_run(network, films(network, np.random.default_rng(seed)), steps, seed)

    check()


def test_averaged_counts_are_those_of_the_last_rows_of_each_frame(kinds, rng):
    for name in ("recurrent", "errors", "two hidden", "recurrent + 2 read-outs"):
        network = kinds.networks(6)[name]
        shown = films(network, rng, 1)
        z = recording.run(network, shown, FRAMES * 8, 3, hold=8).samples[0][network.code]["z"]
        stream = LayeredStream(network, 8, 3, averaged=2)
        for frame in shown[0]:
            found = stream.push(frame)
            end = found.sent[network.code].rows
            np.testing.assert_array_equal(found.decoded, z[end - 2 : end].mean(axis=0))


def test_changes_give_the_drive_of_the_whole_frame(kinds, rng):
    """With sums of 32 bits, which may wrap, of 64 bits, and one pixel per neuron."""
    for name, wide in (("recurrent", False), ("recurrent", True), ("errors", False)):
        network = kinds.networks(6)[name]
        (changing, layer), *_ = [
            (n, layer) for n, layer in network.layers.items() if layer.weight is not None
        ]
        drive = ChangingDrive(layer, 2**24 if wide else 128)
        if layer.weight.ndim == 2:
            assert drive._total.dtype == (np.int64 if wide else np.int32)
        shown, where, by = np.zeros((3, network.n_pixels), np.int32)
        for frame in films(network, rng, 1, 6)[0]:
            n = changed_pixels(frame, shown, -128, 127, where, by)
            found = np.zeros(layer.n_neurons, np.int32)
            drive.update(where, by, n, found)
            np.testing.assert_array_equal(found, drives(network, frame[None])[changing][0])
            np.testing.assert_array_equal(shown, frame)


def test_wrapped_sums_return_to_range():
    weights = np.array([[32767], [32767]], np.int16)
    total = np.array([0], np.int32)
    where = np.array([0, 1, 0], np.int32)
    add_products(weights, where, np.array([65535, 65535, -65535], np.int32), 3, total)
    assert total[0] == 32767 * 65535


def test_a_pixel_out_of_range_changes_nothing(kinds, rng):
    network = kinds.networks(6)["recurrent"]
    stream, other = LayeredStream(network, 3, 1), LayeredStream(network, 3, 1)
    one, two = films(network, rng, 1, 2)[0]
    wrong = one.copy()
    wrong[-1] = network.input.maximum + 1
    assert stream.push(wrong) is None
    assert np.array_equal(stream.push(one).decoded, other.push(one).decoded)
    assert stream.push(wrong) is None
    assert np.array_equal(stream.push(two).decoded, other.push(two).decoded)


def test_a_stream_ends_where_draws_cannot_be_keyed(kinds, monkeypatch):
    monkeypatch.setattr(random_source, "STEP_LIMIT", 13)
    network = kinds.networks(6)["recurrent"]
    stream, frame = LayeredStream(network, 4, 0), network.test_images[0].astype(np.int32)
    for _ in range(3):
        stream.push(frame)
    with pytest.raises(InputError, match=r"found step 16, allowed below 13, .* call reset"):
        stream.push(frame)
    stream.reset()
    assert stream.push(frame) is not None


def network_rows(network, frames, steps, seed):
    """Messages of each layer and rows of a run of one stream, lead-in rows first."""
    rows = np.repeat(frames, steps, axis=0)[None]
    if network.driven:
        rows = np.concatenate([rows[:, :1], rows], axis=1)
    (record,) = NetworkEmulator(network, 1).records(rows, rows.shape[1], ("z",), seed=seed)
    return {name: of["z"] for name, of in record.items()}


def same_as_the_network(network, frames, steps, seed):
    """Compare messages after each frame with a run."""
    seed = seed if network.draws else 0
    z, stream = network_rows(network, frames, steps, seed), NetworkStream(network, steps, seed)
    readout = network.readout.id
    for f, frame in enumerate(frames):
        totals, counts, *_ = stream.push(frame)
        end = network.rows((f + 1) * steps)
        for name, sums in totals.layers.items():
            lead_in = 0 if name == "0" else network.schedule.lead_in(name)
            sent = z[name][: end + lead_in]
            assert sums.rows == end + lead_in
            np.testing.assert_array_equal(sums.messages, (sent != 0).sum(axis=0), name)
            np.testing.assert_array_equal(sums.sizes, np.abs(sent.astype(np.int64)).sum(axis=0))
        np.testing.assert_array_equal(totals.last[0], z[readout][end + lead_in - 1])
        np.testing.assert_array_equal(counts, totals.last[0])
        first = end - steps - int(network.driven and f == 0)
        of_frame = z[readout][first + lead_in : end + lead_in].sum(axis=0)
        np.testing.assert_array_equal(totals.outputs[0], of_frame)
    return z[readout]


@pytest.mark.parametrize("seed", range(12))
def test_networks_of_any_kinds_give_the_bits_of_the_run(network_oracle, seed):
    families = (("CUBA",), ("SDNN",), ("POISSON", "CUBA"), ("POISSON", "GRADED", "SDNN"))
    rng = np.random.default_rng(seed)
    network = network_oracle.tangled_network(rng, families[seed % 4])
    low, high = network.input.value_range
    low, high = max(low, -300), min(high, 300)
    frames = rng.integers(low, high + 1, (3, network.input.size)).astype(np.int32)
    same_as_the_network(network, frames, 1 + seed % 5, 7)


def test_chunks_of_rows_do_not_matter(network_oracle):
    """A frame of more rows than a tile computes at a time."""
    rng = np.random.default_rng(40)
    network = network_oracle.tangled_network(rng, ("POISSON", "CUBA"))
    low, high = network.input.value_range
    frames = rng.integers(max(low, -9), min(high, 9) + 1, (2, network.input.size)).astype(np.int32)
    stream = NetworkStream(network, 9, 3)
    plan = stream._tile._plan
    stream._tile._plan = replace(plan, rows=min(plan.rows, 2))
    expected = network_rows(network, frames, 9, 3)[network.readout.id]
    for frame in frames:
        totals = stream.push(frame).totals
    np.testing.assert_array_equal(totals.last[0], expected[-1])
