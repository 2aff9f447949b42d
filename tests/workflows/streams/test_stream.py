# pyright: reportOptionalMemberAccess=false, reportArgumentType=false, reportOptionalSubscript=false
"""`ipvae.Stream`: frames, counts, reconstructions and operations equal a run's."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.network.connections import Connection, Dense
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.convolutional.decoder import Decoder
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

STEPS, FRAMES = 8, 4
SUMMED = ("synaptic_ops", "count_weighted_ops", "effective_macs", "messages", "random_words")


def film_of(network, rng, n=FRAMES):
    low, high = network.input.minimum, network.input.maximum
    return rng.integers(low, high + 1, (n, network.n_pixels))


def kept(run, network):
    """Values of the run that a stream gives after each frame of a loop."""
    return {s: run.totals.kept[s][network.code][1][0] for s in run.totals.kept}


@pytest.mark.parametrize("name", ["recurrent", "lca", "recurrent + 2 read-outs"])
def test_frames_are_those_of_the_run(kinds, rng, name):
    network = kinds.networks(3)[name]
    film, total = film_of(network, rng), FRAMES * STEPS
    at = [STEPS * (f + 1) for f in range(FRAMES)]
    run = ipvae.run(network, film[None], steps=total, frame_steps=STEPS, keep_steps=at, seed=9)
    stream, seen = ipvae.Stream(network, steps=STEPS, seed=9), []
    for f, frame in enumerate(film):
        seen.append(stream.push(frame.reshape(network.input.shape) if f % 2 else frame))
        assert (seen[-1].index, seen[-1].steps) == (f, at[f])
        for layer, values in seen[-1].outputs.items():
            np.testing.assert_array_equal(values, run.totals.kept[at[f]][layer][1][0])
        expected = network.decoder @ seen[-1].counts.astype(np.float32)
        np.testing.assert_allclose(seen[-1].reconstruction.ravel(), expected, rtol=1e-5)
    counts = ipvae.count_operations(network, run).total.as_dict()
    for key in (*SUMMED, "neuron_updates", "updates_active"):
        assert sum(getattr(s.operations, key) for s in seen) == counts[key], key
    last = np.abs(seen[-1].counts.astype(np.int64)).sum()
    assert sum(s.operations.spikes for s in seen) == counts["spikes"] + last
    assert seen[-1].operations.readout_ops == counts["readout_ops"]
    assert seen[-1].operations.drive_macs == counts["drive_macs"]
    assert seen[-1].changed_pixels == (film[-1] != film[-2]).sum()
    assert stream.frames == FRAMES
    assert json.dumps(seen[-1].to_json()) and "synaptic operations" in repr(seen[-1])


def test_streams_of_error_units_lack_only_the_last_row_of_the_errors(kinds, rng):
    network = kinds.networks(3)["errors"]
    film = film_of(network, rng)
    run = ipvae.run(network, film[None], steps=FRAMES * STEPS, frame_steps=STEPS, record=("z",))
    stream = ipvae.Stream(network, steps=STEPS)
    seen = [stream.push(frame) for frame in film]
    counts = ipvae.count_operations(network, run).layers
    received = {layer.layer: layer.synaptic_ops for layer in counts}
    last = int((run.trace.samples[0]["2"]["z"][-1] != 0).sum()) * network.layers["1"].n_neurons
    assert sum(s.operations.synaptic_ops for s in seen) == sum(received.values()) - last


def test_the_second_stream_is_the_second_one_of_the_run(kinds, rng):
    network = kinds.networks(3)["recurrent"]
    films = np.stack([film_of(network, rng), film_of(network, rng)])
    run = ipvae.run(network, films, steps=FRAMES * STEPS, frame_steps=STEPS, seed=2)
    stream = ipvae.Stream(network, steps=STEPS, seed=2)
    for i, film in enumerate(films):
        if i:
            stream.reset()
        last = [stream.push(frame) for frame in film][-1]
        np.testing.assert_array_equal(last.counts, run.outputs[network.code][i])
    assert last.index == FRAMES - 1


def test_real_values_are_rounded_as_in_a_run(kinds, rng):
    network = kinds.networks(3)["recurrent"]
    film = film_of(network, rng)
    levels, real = (ipvae.Stream(network, steps=2) for _ in range(2))
    noise = rng.uniform(-0.49, 0.49, film.shape)
    inner = np.clip(film, -120, 120)
    for frame, moved in zip(inner, (inner + noise) * network.input.scale, strict=True):
        np.testing.assert_array_equal(levels.push(frame).counts, real.push(moved).counts)


def test_an_average_is_of_the_last_quarter(kinds, rng):
    network = kinds.networks(3)["recurrent"]
    film = film_of(network, rng)
    run = ipvae.run(network, film[None, :2], steps=16, frame_steps=8, record=("z",))
    z = run.trace.samples[0][network.code]["z"]
    stream = ipvae.Stream(network, steps=8, readout="mean")
    for f in range(2):
        seen = stream.push(film[f])
        mean = z[8 * f + 7 : 8 * f + 9].mean(axis=0)
        np.testing.assert_array_equal(seen.decoded, mean)
        np.testing.assert_allclose(
            seen.reconstruction.ravel(), network.decoder @ mean.astype(np.float32), rtol=1e-5
        )
        np.testing.assert_array_equal(seen.counts, z[8 * (f + 1)])


def test_an_average_of_a_network_of_any_kinds_is_of_the_same_rows(kinds, rng):
    network = as_network(kinds.networks(3)["recurrent"])
    film = rng.integers(-128, 128, (3, network.input.size))
    run = ipvae.run(network, film[None], steps=24, frame_steps=8, seed=6, record=("z",))
    z = run.trace.samples[0][run.code]["z"]
    stream = ipvae.Stream(network, steps=8, seed=6, readout="mean")
    seen = [stream.push(frame) for frame in film]
    for f, one in enumerate(seen):
        np.testing.assert_array_equal(one.decoded, z[8 * f + 7 : 8 * f + 9].mean(axis=0))
        np.testing.assert_array_equal(one.counts, z[8 * (f + 1)])
    sums = sum(one.outputs[run.code] for one in seen)
    np.testing.assert_array_equal(sums, run.outputs[run.code][0])


def test_energy_and_time_of_a_frame_are_modelled(kinds, rng):
    network = kinds.networks(3)["recurrent"]
    stream = ipvae.Stream(network, steps=STEPS)
    found = [stream.push(frame).loihi2 for frame in film_of(network, rng)][-1]
    assert found["kind"] == "modelled" and found["latency_s"][0] >= STEPS * 1.164e-6


@pytest.mark.parametrize("name", ["recurrent + 2 read-outs", "two hidden, graded code"])
def test_networks_of_any_kinds_are_those_of_the_run(kinds, rng, name):
    network = as_network(kinds.networks(3)[name])
    film, seed = rng.integers(-128, 128, (FRAMES, network.input.size)), 5 * network.draws
    run = ipvae.run(
        network, film[None], steps=FRAMES * STEPS, frame_steps=STEPS, seed=seed, record=("z",)
    )
    z, stream = run.trace.samples[0][run.code]["z"], ipvae.Stream(network, steps=STEPS, seed=seed)
    seen = [stream.push(frame) for frame in film]
    for f, one in enumerate(seen):
        np.testing.assert_array_equal(one.counts, z[(f + 1) * STEPS])
        assert one.reconstruction is None
    sums = sum(one.outputs[run.code] for one in seen)
    np.testing.assert_array_equal(sums, run.outputs[run.code][0])
    counts = ipvae.count_operations(network, run).total.as_dict()
    for key in (*SUMMED, "neuron_updates", "spikes"):
        assert sum(getattr(s.operations, key) for s in seen) == counts[key], key
    assert seen[0].operations.drive_macs == counts["drive_macs"] / (FRAMES * STEPS)
    stream.reset()
    again = stream.push(film[0]).operations
    assert again.neuron_updates == seen[0].operations.neuron_updates
    assert again.messages < counts["messages"]  # of this stream alone
    if not network.draws:
        assert again == seen[0].operations


def spiking(decoder=None):
    rng = np.random.default_rng(2)
    loop = Connection("1", Dense(rng.integers(-60, 20, (8, 8))), delay=1)
    weights = Connection("0", Dense(rng.integers(-20, 60, (8, 16))))
    layer = Layer("1", CubaNeuron(20, 900, 300), (weights, loop))
    return Network(Input((1, 4, 4)), (layer,), decoder=decoder)


def test_spiking_networks_take_frames_of_spikes(rng):
    network = spiking()
    film = rng.integers(0, 2, (FRAMES, 1, 4, 4))
    run = ipvae.run(network, film[None], steps=FRAMES * 3, frame_steps=3, record=("z",))
    stream = ipvae.Stream(network, steps=3)
    for f, frame in enumerate(film):
        found = stream.push(frame)
        z = run.trace.samples[0]["1"]["z"][3 * f : 3 * f + 3]
        np.testing.assert_array_equal(found.counts, z[-1])
        np.testing.assert_array_equal(found.outputs["1"], z.sum(axis=0))
    assert z.any()


def test_maps_are_decoded(rng):
    """The layer (2, 2, 2) of a convolution, with a decoder of stride 2."""
    from ipvae.network.connections import Convolution

    kernels = Convolution(rng.integers(-20, 60, (2, 1, 2, 2)), (1, 4, 4), stride=(2, 2))
    layer = Layer("1", CubaNeuron(20, 900, 300), (Connection("0", kernels),))
    weight = rng.normal(size=(2, 1, 2, 2)).astype(np.float32)
    network = Network(Input((1, 4, 4)), (layer,), decoder=Decoder("1", weight, (2, 2), (0, 0)))
    found = ipvae.Stream(network, steps=4).push(np.ones((1, 4, 4), int))
    maps = found.counts.reshape(2, 2, 2)
    np.testing.assert_allclose(
        found.reconstruction[0, :2, 2:],
        (maps[:, 0, 1, None, None] * weight[:, 0]).sum(0),
        rtol=1e-5,
    )


def test_too_few_frames_are_refused(rng):
    network = spiking()
    film = rng.integers(0, 2, (1, 3, 16))
    with pytest.raises(ipvae.IpvaeError, match=r"steps: found 9, allowed up to 6: the streams"):
        ipvae.run(network, film, steps=9, frame_steps=2)
    with pytest.raises(ipvae.IpvaeError, match=r"found shape \(3, 16\), allowed streams"):
        ipvae.run(network, film[0], steps=8, frame_steps=2)
    one = film[:, :1].repeat(2, axis=0)  # two streams of one frame
    assert len(ipvae.run(network, one, steps=2, frame_steps=2).outputs["1"]) == 2
    run = ipvae.run(network, film[0], steps=6, frame_steps=2)
    np.testing.assert_array_equal(
        run.outputs["1"], ipvae.run(network, film, steps=6, frame_steps=2).outputs["1"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 0}, "steps: found 0, allowed 1 and above"),
        ({"steps": 2.5}, "steps: found 2.5, allowed a whole number"),
        ({"seed": -1}, "seed"),
        ({"readout": "rates"}, "readout: found 'rates', allowed draw, mean"),
        ({"integers": "real"}, "integers: found real"),
    ],
)
def test_wrong_arguments_are_refused_by_name(kinds, arguments, words):
    with pytest.raises(ipvae.IpvaeError, match=words):
        ipvae.Stream(kinds.networks(3)["recurrent"], **arguments)


def test_what_a_kind_lacks_is_refused_by_name(kinds):
    with pytest.raises(ipvae.IpvaeError, match="'mean', allowed for a code of Poisson neurons"):
        ipvae.Stream(kinds.networks(3)["lca"], readout="mean")
    with pytest.raises(ipvae.IpvaeError, match="'mean', allowed for a code of Poisson neurons"):
        ipvae.Stream(spiking(), readout="mean")
    with pytest.raises(ipvae.IpvaeError, match="seed: found 3, but nothing is drawn"):
        ipvae.Stream(spiking(), seed=3)
    with pytest.raises(ipvae.IpvaeError, match="network: found int"):
        ipvae.Stream(3)


@pytest.mark.parametrize("later", [False, True])
def test_wrong_frames_are_refused_as_in_a_run(kinds, rng, later):
    network = kinds.networks(3)["recurrent"]
    stream, other = (ipvae.Stream(network, steps=2) for _ in range(2))
    film = film_of(network, rng)
    if later:
        for of in (stream, other):
            of.push(film[1])
    for wrong, words in (
        (film[0] + 300, r"pixel levels: found .*, allowed -128 to 127"),
        (np.full(6, np.nan), "not finite"),
        (film[0][:4], r"found shape \(1, 4\), allowed"),
        (film[0].astype(str), "dtype"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=words):
            stream.push(wrong)
    np.testing.assert_array_equal(stream.push(film[0]).counts, other.push(film[0]).counts)
