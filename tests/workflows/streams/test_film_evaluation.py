# pyright: reportArgumentType=false, reportOptionalMemberAccess=false
"""`ipvae.evaluate_film`: quality and cost of every frame, computed again from a trace."""

import json
from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.evaluation.metrics import r2, r2_of_each
from ipvae.network.connections import Connection, Convolution, Dense, Drive
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.kinds import PoissonNeuron
from ipvae.network.layers import AffineStart
from ipvae.network.network import Input, Layer, Network, Pixels
from ipvae.network.pixels import to_real

FILMS, FRAMES, STEPS = 2, 3, 8


@pytest.fixture(scope="module")
def net(kinds):
    return kinds.networks(3)["recurrent"]


@pytest.fixture(scope="module")
def films():
    return np.random.default_rng(5).integers(-100, 100, (FILMS, FRAMES, 6))


@pytest.fixture(scope="module")
def z(net, films):
    """Counts of the run: (films, rows, K)."""
    trace = ipvae.run(
        net, films, steps=FRAMES * STEPS, frame_steps=STEPS, seed=4, record=("z",)
    ).trace
    assert trace is not None
    return trace.stacked(net.code, "z")


def fit(net, frame, codes):
    real = to_real(frame[None], net.input)
    return r2(real, codes[None].astype(np.float32) @ net.decoder.T)


def test_quality_is_the_runs_after_every_update(net, films, z):
    found = ipvae.evaluate_film(net, films, steps=STEPS, seed=4)
    by_update = np.zeros((2, FILMS, FRAMES, STEPS))
    for i in range(FILMS):
        for f in range(FRAMES):
            for u in range(1, STEPS + 1):
                row = f * STEPS + u
                mean = z[i, row - max(1, u // 4) + 1 : row + 1].mean(axis=0)
                for k, codes in enumerate((z[i, row], mean)):
                    by_update[k, i, f, u - 1] = fit(net, films[i, f], codes)
    np.testing.assert_allclose(found.r2, by_update[0, :, :, -1].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.r2_averaged, by_update[1, :, :, -1].mean(axis=0), rtol=1e-5)
    later = by_update[:, :, 1:].mean(axis=(1, 2))
    np.testing.assert_allclose(found.r2_by_update, later[0], rtol=1e-5)
    np.testing.assert_allclose(found.averaged_by_update, later[1], rtol=1e-5)
    assert (found.films, found.frames, found.steps, found.reset) == (FILMS, FRAMES, STEPS, False)
    assert found.chip_steps == STEPS


def test_operations_are_the_messages_of_each_frame(net, films, z):
    found = ipvae.evaluate_film(net, films, steps=STEPS, seed=4)
    k = net.n_neurons
    received = [(z[:, f * STEPS : (f + 1) * STEPS] != 0).sum() * k for f in range(FRAMES)]
    np.testing.assert_allclose(found.synaptic_ops, np.array(received) / FILMS)
    assert found.counts.synaptic_ops == pytest.approx(found.synaptic_ops[1:].mean())
    assert found.counts.neuron_updates == STEPS * k
    before = np.concatenate([np.zeros_like(films[:, :1]), films[:, :-1]], axis=1)
    np.testing.assert_allclose(found.changed_pixels, (films != before).sum(axis=2).mean(axis=0))
    dense = next(row for row in found.energy if row.model == "dense int8" and "Jetson" in row.chip)
    assert f"{STEPS * k * k:,} of the loop" in " ".join(dense.assumptions)
    assert found.headline["latency_s"][0] >= STEPS * 1.164e-6


def test_with_a_reset_every_frame_is_an_image_of_a_run(net, films):
    found = ipvae.evaluate_film(net, films, steps=STEPS, seed=4, reset=True)
    flat = films.reshape(-1, 6)
    run = ipvae.run(net, flat, steps=STEPS, seed=4)
    each = [fit(net, frame, z) for frame, z in zip(flat, run.outputs[net.code], strict=True)]
    np.testing.assert_allclose(found.r2, np.reshape(each, (FILMS, FRAMES)).mean(axis=0), rtol=1e-5)
    counts = ipvae.count_operations(net, run).total
    assert found.counts.synaptic_ops == pytest.approx(counts.synaptic_ops)
    assert found.counts.neuron_updates == counts.neuron_updates
    assert found.counts.drive_macs == counts.drive_macs
    assert found.chip_steps == net.schedule.chip_steps(STEPS)


def test_updates_to_a_level_are_those_after_which_it_stays(net, films):
    found = ipvae.evaluate_film(net, films, steps=STEPS)
    curve = found.averaged_by_update
    for level in (-1e9, float(curve[-1]), float(np.median(curve)), 1.1):
        first = found.updates_to(level)
        if first is None:
            assert curve[-1] < level
        else:
            assert (curve[first - 1 :] >= level).all()
            assert first == 1 or curve[first - 2] < level
    assert found.updates_to(-1e9) == 1 and found.updates_to(1.1) is None
    drawn = found.updates_to(float(found.r2_by_update[-1]), averaged=False)
    assert drawn is not None and drawn <= STEPS


def test_results_show_themselves(net, films):
    found = ipvae.evaluate_film(net, films, steps=STEPS)
    assert json.loads(json.dumps(found.to_json()))["synaptic_ops"] == found.synaptic_ops.tolist()
    assert "R2, averaged" in repr(found) and "latency on Loihi 2, modelled" in repr(found)


def test_constant_frames_have_no_r2(net):
    found = ipvae.evaluate_film(net, np.stack([[np.arange(6), np.zeros(6, int), np.arange(6)]]))
    assert np.isnan(found.r2[1]) and np.isfinite(found.r2[[0, 2]]).all()
    assert np.isfinite(found.r2_by_update).all() and found.to_json()["r2"][1] is None


@pytest.mark.parametrize("name", ["lca", "errors", "two hidden", "recurrent + 2 read-outs"])
def test_other_layouts_are_evaluated(kinds, films, name):
    network = kinds.networks(3)[name]
    for reset in (False, True):
        found = ipvae.evaluate_film(network, films, steps=4, reset=reset)
        assert np.isfinite(found.r2).all() and found.counts.neuron_updates > 0


def test_wrong_arguments_are_refused(net, films):
    for wrong, words in (
        ({"films": films[:, 0]}, r"films: found shape \(2, 6\), allowed"),
        ({"films": films[:, :1]}, "with 2 frames or more"),
        ({"films": films + 500}, "pixel levels: found"),
        ({"steps": 0}, "steps: found 0"),
        ({"network": as_network(net)}, "without a decoder, allowed is one with a decoder"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=words):
            ipvae.evaluate_film(**{"network": net, "films": films} | wrong)
    assert ipvae.evaluate_film(net, films[:, :1], reset=True).frames == 1


def test_only_frames_after_a_reset_have_products_of_a_start(net, films):
    start = AffineStart(weight=np.ones((7, 6), np.int16), bias=np.zeros(7, np.int32), exponent=0)
    started = replace(net, layer=replace(net.layer, start=start))
    for reset, products in ((False, 42), (True, 84)):
        found = ipvae.evaluate_film(started, films, steps=4, reset=reset)
        assert found.counts.drive_macs == products
        dense = next(row for row in found.energy if row.model == "dense int8")
        assert f"{products:,} products of the drive" in " ".join(dense.assumptions)
    stream = ipvae.Stream(started, steps=4)
    assert [stream.push(frame).operations.drive_macs for frame in films[0]] == [84, 42, 42]


@pytest.fixture(scope="module")
def maps():
    """Poisson neurons (2, 2, 2) of a convolution of the image, with a decoder of stride 2."""
    rng = np.random.default_rng(6)
    drive = Drive(
        Convolution(rng.integers(-2000, 2000, (2, 1, 2, 2)), (1, 4, 4), stride=(2, 2)), -6
    )
    loop = Connection("1", Dense(rng.integers(-9, 20, (8, 8))), delay=1)
    layer = Layer("1", PoissonNeuron(-9000, 9000, weight_exp=3), (loop,), drive=drive)
    weight = rng.normal(size=(2, 1, 2, 2)).astype(np.float32)
    entry = Input((1, 4, 4), graded=True, pixels=Pixels(0, 255, 1 / 255))
    return Network(entry, (layer,), decoder=Decoder("1", weight, (2, 2), (0, 0)))


@pytest.mark.parametrize("reset", [False, True])
def test_networks_of_maps_are_evaluated(maps, reset):
    films = np.random.default_rng(7).integers(0, 256, (FILMS, FRAMES, 1, 4, 4))
    found = ipvae.evaluate_film(maps, films, steps=4, seed=3, reset=reset)
    shown = films.reshape(-1, 1, 1, 4, 4) if reset else films
    steps = 4 if reset else 4 * FRAMES
    run = ipvae.run(maps, shown, steps=steps, frame_steps=4, seed=3, record=("z",))
    sent = np.stack([sample["1"]["z"] for sample in run.trace.samples])
    z = sent[:, 4::4].reshape(-1, 8)
    decoded = maps.decoder.images(z, (2, 2, 2), (1, 4, 4))
    each = r2_of_each(films.reshape(-1, 16) / 255, decoded).reshape(FILMS, FRAMES)
    np.testing.assert_allclose(found.r2, each.mean(axis=0), rtol=1e-6)
    received = (sent[:, :-1] != 0).reshape(FILMS, -1, 4 * 8).sum(axis=2) * 8
    np.testing.assert_allclose(found.synaptic_ops, received.mean(axis=0))
    assert found.counts.synaptic_ops == pytest.approx(received[:, 0 if reset else 1 :].mean())
    assert found.counts.drive_macs == 8 * 4 and found.chip_steps == 4
    assert found.headline["latency_s"][0] > 0 and found.headline["energy_j"]["dynamic"][0] > 0
    assert len(np.unique(z)) > 1 and json.dumps(found.to_json()) and repr(found)


def test_after_a_reset_a_frame_of_maps_costs_what_an_image_of_a_run_costs(maps):
    films = np.random.default_rng(8).integers(0, 256, (FILMS, FRAMES, 1, 4, 4))
    found = ipvae.evaluate_film(maps, films, steps=4, seed=3, reset=True)
    run = ipvae.run(maps, films.reshape(-1, 1, 4, 4), steps=4, seed=3)
    of_run = ipvae.estimate_energy(maps, run)
    for name in ("energy", "time"):
        pairs = zip(getattr(found, name), getattr(of_run, name), strict=True)
        for one, other in pairs:
            assert one.as_dict() == other.as_dict(), one.model


def test_the_costs_of_the_frames_of_maps_add_up_to_those_of_the_run(maps):
    film = np.random.default_rng(9).integers(0, 256, (FRAMES, 1, 4, 4))
    stream = ipvae.Stream(maps, steps=4, seed=3)
    each = [stream.push(frame).loihi2 for frame in film]
    run = ipvae.run(maps, film[None], steps=4 * FRAMES, frame_steps=4, seed=3)
    whole = ipvae.estimate_energy(maps, run).headline
    for end in (0, 1):
        for one, total in (
            ([of["latency_s"][end] for of in each], whole["latency_s"][end]),
            ([of["energy_j"]["dynamic"][end] for of in each], whole["energy_j"]["dynamic"][end]),
        ):
            assert sum(one) == pytest.approx(total, rel=1e-6)
    assert each[0]["latency_s"][0] > each[1]["latency_s"][0]  # the first one passes all layers
