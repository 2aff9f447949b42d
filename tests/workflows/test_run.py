# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.run` on arrays, with every kind of record."""

import numpy as np
import pytest

import ipvae
from ipvae import emulator
from ipvae.emulator import recording
from ipvae.network.traces.trace import compare


@pytest.fixture
def net(make_network):
    return make_network(k=16, m=12)


def test_totals_and_outputs_are_those_of_the_emulator(net):
    result = ipvae.run(net, steps=7, seed=3, keep_steps=(2,))
    expected = emulator.Emulator(net).totals(net.test_images, 7, 3)
    np.testing.assert_array_equal(result.totals.layers["1"].sizes, expected.layers["1"].sizes)
    np.testing.assert_array_equal(result.outputs["1"], expected.layers["1"].z)
    assert result.totals.kept.keys() == {2}
    assert result.trace is None
    found = result.to_json()
    assert found["spikes"] == expected.layers["1"].sizes.sum()
    assert (found["samples"], found["steps"], found["draws"]) == (5, 7, "sampled")


def test_a_trace_is_kept_where_it_is_asked_for(net):
    whole = ipvae.run(net, steps=4, record="all").trace
    assert compare(recording.run(net, net.test_images, 4, 0), whole).first_divergence is None
    part = ipvae.run(net, steps=4, record=("z",)).trace
    assert part.samples[0]["1"].keys() == {"z"}


def test_a_trace_goes_to_a_file(net, tmp_path):
    result = ipvae.run(net, steps=4, trace_file=tmp_path / "t.h5", draws_file=tmp_path / "d.h5")
    assert result.trace is None
    expected = recording.run(net, net.test_images, 4, 0)
    assert compare(expected, ipvae.load_trace(tmp_path / "t.h5")).first_divergence is None
    again = ipvae.run(net, steps=4, seed=8, replay_draws=tmp_path / "d.h5")
    np.testing.assert_array_equal(again.outputs["1"], result.outputs["1"])
    assert again.to_json()["draws"] == "replayed"


@pytest.mark.parametrize("shape", [(12,), (3, 4), (1, 3, 4), (3, 4, 1)])
def test_arrays_of_every_allowed_shape_give_the_same_run(make_network, shape):
    from dataclasses import replace

    network = make_network(k=8, m=12)
    network = replace(network, input=replace(network.input, shape=(3, 4)))
    images = network.test_images
    expected = ipvae.run(network, steps=3).outputs["1"]
    found = ipvae.run(network, images.reshape(len(images), *shape), steps=3).outputs["1"]
    np.testing.assert_array_equal(found, expected)
    real = images.reshape(len(images), *shape) * network.input.scale
    np.testing.assert_array_equal(ipvae.run(network, real, steps=3).outputs["1"], expected)


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (np.zeros((2, 4, 3), int), r"found shape \(2, 4, 3\), allowed \(n, 12\)"),
        (np.zeros(12, int), r"found shape \(12,\)"),
        (np.zeros((0, 12), int), "n above 0"),
        (np.full((1, 12), "a"), "found dtype .* allowed real numbers"),
        (np.full((1, 12), np.nan), "not finite"),
        (np.full((1, 12), 10**6), "pixel levels: found 1e\\+06 to 1e\\+06, allowed .*Scale them"),
    ],
)
def test_other_images_are_refused_with_what_is_allowed(make_network, images, text):
    from dataclasses import replace

    network = make_network(k=8, m=12)
    network = replace(network, input=replace(network.input, shape=(3, 4)))
    with pytest.raises(ipvae.IpvaeError, match=text):
        ipvae.run(network, images, steps=1)


def test_streams_are_taken_as_arrays_of_frames(net):
    streams = net.test_images[:4].reshape(2, 2, -1)
    result = ipvae.run(net, streams, steps=6, frame_steps=3, record="all")
    expected = recording.run(net, streams, 6, 0, hold=3)
    assert compare(expected, result.trace).first_divergence is None
    taken = ipvae.run(net, samples=2, steps=6, frame_steps=3)
    np.testing.assert_array_equal(taken.outputs["1"], result.outputs["1"])


def test_wrong_arguments_are_named(net):
    with pytest.raises(ipvae.IpvaeError, match="record: found .*, allowed 'totals', 'all'"):
        ipvae.run(net, record="everything")
    with pytest.raises(ipvae.IpvaeError, match="backend: found 'gpu'"):
        ipvae.run(net, backend="gpu")
    with pytest.raises(ipvae.IpvaeError, match="steps: found 0, allowed 1 and above"):
        ipvae.run(net, steps=0)
    with pytest.raises(ipvae.IpvaeError, match="samples: found 6, allowed up to 5"):
        ipvae.run(net, samples=6)


def test_progress_is_a_callback(net):
    events = []
    ipvae.run(net, steps=2, progress=events.append)
    assert events[0].message == "running 5 images for 2 steps on emulator"
    assert (events[0].done, events[-1].done, events[-1].total) == (0, 5, 5)
    assert events[-1].seconds > 0


@pytest.mark.lava
def test_a_run_on_lava_is_counted_and_priced_like_the_emulators(net):
    pytest.importorskip("lava", reason="lava-nc is not installed")
    ours = ipvae.run(net, samples=2, steps=3)
    lavas = ipvae.run(net, samples=2, steps=3, backend="lava")
    assert lavas.backend == "lava"
    counts = [ipvae.count_operations(net, run) for run in (ours, lavas)]
    assert counts[0].to_json() == counts[1].to_json()
    energies = [ipvae.estimate_energy(net, run).to_json() for run in (ours, lavas)]
    assert energies[0] == energies[1]
