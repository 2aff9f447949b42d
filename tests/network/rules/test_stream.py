"""Streams: the drive changes in mid-run, nothing else does."""

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import InputError
from ipvae.network.io.network_file import write_network
from ipvae.network.rules.stream import frame, frames
from ipvae.network.traces.trace import VARIABLES, compare

STEPS = 9


def streams(network, n_frames, rng, n=2):
    low, high = network.input.minimum, network.input.maximum
    shape = (n, n_frames, network.n_pixels)
    return rng.integers(low, high + 1, shape).astype(np.int16)


@pytest.mark.parametrize("hold", [1, 4, 9, 20])
def test_emulator_agrees_with_the_oracle_on_streams(tmp_path, oracle, kinds, rng, hold):
    for name in ("recurrent", "errors + 2 read-outs", "loop of three", "two hidden", "lca"):
        network = kinds.networks(4)[name]
        shown = streams(network, frames(STEPS, hold), rng)
        write_network(tmp_path / "net.h5", network)
        expected = oracle.run(oracle.load(tmp_path / "net.h5"), shown.tolist(), STEPS, 3, hold=hold)
        found = recording.run(network, shown, STEPS, 3, hold=hold)
        for sample, wanted in zip(found.samples, expected, strict=True):
            layers = wanted if 1 in wanted else {1: wanted}
            assert list(sample) == [str(number) for number in layers]
            for number, variables in layers.items():
                for variable in VARIABLES:
                    assert sample[str(number)][variable].tolist() == variables[variable], name


def test_a_stream_of_one_frame_is_an_image(kinds):
    network = kinds.networks(4)["errors"]
    expected = recording.run(network, network.test_images, STEPS, 3)
    found = recording.run(network, network.test_images[:, None], STEPS, 3, hold=STEPS)
    assert compare(expected, found).first_divergence is None


def test_the_first_frame_alone_drives_the_first_updates(kinds, rng):
    network = kinds.networks(4)["recurrent"]
    shown = streams(network, 3, rng)
    other = shown.copy()
    other[:, 1:] = shown[:, 1:][:, ::-1]
    one, two = (
        recording.run(network, s, STEPS, 3, hold=3).stacked("1", "u") for s in (shown, other)
    )
    np.testing.assert_array_equal(one[:, :4], two[:, :4])
    assert (one[:, 4] != two[:, 4]).any()


def test_frames_of_rows():
    assert [frame(t, 1, 7, 3) for t in range(8)] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert [frame(t, 0, 7, 3) for t in range(8)] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert (frames(7, 3), frames(6, 3), frames(5, None), frame(5, 1, 9, None)) == (3, 2, 1, 0)


@pytest.mark.parametrize(
    ("shape", "hold", "message"),
    [
        ((2, 2, 6), 3, r"allowed \(streams, 3, pixels\): 9 steps of which each frame holds 3"),
        ((2, 6), 3, r"allowed \(streams, 3, pixels\)"),
        ((2, 3, 6), None, r"allowed \(images, pixels\)"),
        ((2, 3, 6), 0, "frame_steps: found 0, allowed 1 and above"),
        ((2, 3, 5), 3, r"the network takes \(n, 6\)"),
    ],
)
def test_streams_of_another_shape_are_refused(kinds, shape, hold, message):
    network = kinds.networks(4)["recurrent"]
    with pytest.raises(InputError, match=message):
        recording.run(network, np.zeros(shape, np.int16), STEPS, 0, hold=hold)
