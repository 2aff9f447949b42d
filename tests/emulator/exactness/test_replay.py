"""Recorded counts in place of the sampler's, and the draws that are refused."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.errors import FormatError, InputError
from ipvae.network.traces.replay import draws_of, only_draws, read_draws
from ipvae.network.traces.trace import Trace, compare, write_trace


@pytest.fixture(scope="module")
def network(make_network):
    return make_network()


@pytest.fixture(scope="module")
def original(network):
    return run(network, network.test_images, 12, 5)


def with_counts(trace, counts):
    samples = [{"1": {"z": z}} for z in counts]
    return Trace(trace.backend, trace.seed, trace.checksum, samples)


@pytest.mark.parametrize("batch", [2, 64])
def test_replay_of_a_runs_own_draws_gives_the_run(network, original, batch):
    draws = original.stacked("1", "z")
    found = run(network, network.test_images, 12, 99, batch=batch, draws=draws)
    comparison = compare(original, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 5 * 13 * 3 * 16


def test_an_altered_count_acts_one_step_later_and_nowhere_else(network, original):
    draws = original.stacked("1", "z").copy()
    draws[2, 6, 3] += 1
    found = run(network, network.test_images, 12, 5, draws=draws)
    np.testing.assert_array_equal(found.stacked("1", "z"), draws)
    difference = found.stacked("1", "a_in") - original.stacked("1", "a_in")
    np.testing.assert_array_equal(difference[2, 7], network.layer.weight_rec[:, 3])
    difference[2, 7] = 0
    assert not difference.any()


def test_altered_counts_change_the_log_rates_that_follow(network, original):
    draws = original.stacked("1", "z").copy()
    draws[2, 6] = 0
    found = run(network, network.test_images, 12, 5, draws=draws)
    u = found.stacked("1", "u") - original.stacked("1", "u")
    assert u[2, 7:].any()
    assert not u[2, :7].any() and not u[[0, 1, 3, 4]].any()


def test_steps_of_a_batch_take_draws(network, original):
    draws = original.stacked("1", "z")[1:3]
    steps = list(Emulator(network).steps(network.test_images[1:3], 12, 0, draws=draws))
    np.testing.assert_array_equal(steps[12].u, original.stacked("1", "u")[1:3, 12])


def test_first_images_and_steps_of_a_file_are_taken(tmp_path, network, original):
    write_trace(tmp_path / "t.h5", original)
    write_trace(tmp_path / "z.h5", only_draws(original, network))
    for name in ("t.h5", "z.h5"):
        draws, seed = read_draws(tmp_path / name, network, 2, 7)
        assert seed == 5
        np.testing.assert_array_equal(draws, original.stacked("1", "z")[:2, :8])


@pytest.mark.parametrize(
    ("images", "steps", "message"),
    [
        (6, 12, "samples: found 6, allowed up to 5"),
        (5, 13, "steps: found 13, allowed up to 12"),
    ],
)
def test_more_than_the_file_holds_is_refused(tmp_path, network, original, images, steps, message):
    write_trace(tmp_path / "t.h5", original)
    with pytest.raises(InputError, match=message):
        read_draws(tmp_path / "t.h5", network, images, steps)


@pytest.mark.parametrize("wrong", [-1, 256, 2**31 - 1])
def test_a_count_that_cannot_occur_is_refused_by_its_place(network, original, wrong):
    counts = original.stacked("1", "z").copy()
    counts[3, 4, 5] = wrong
    place = f"count {wrong} of image 3, step 4, neuron 5: allowed 0 to 255"
    with pytest.raises(InputError, match=place):
        draws_of(with_counts(original, counts), network, "draws.h5")
    with pytest.raises(InputError, match=place):
        run(network, network.test_images, 12, 0, draws=counts, batch=2)


def test_counts_above_what_the_sampler_draws_are_refused(make_network, original):
    network = make_network(payload_bits=16, k=2, weight_rec=np.ones((2, 2), np.int8))
    draws = np.full((1, 3, 2), 864)
    assert run(network, network.test_images[:1], 2, 0, draws=draws).stacked("1", "z").max() == 864
    with pytest.raises(InputError, match="allowed 0 to 864"):
        run(network, network.test_images[:1], 2, 0, draws=draws + 1)


def test_draws_of_another_network_are_refused(make_network, original):
    with pytest.raises(InputError, match="draws of another network"):
        draws_of(original, make_network(seed=1), "draws.h5")


def test_what_holds_no_counts_is_refused(network, original):
    without = [{"1": {"u": sample["1"]["u"]}} for sample in original.samples]
    for samples, message in (
        (without, "no integers at samples/0/1/z"),
        ([*original.samples, *without], "no integers at samples/5/1/z"),
        ([], "holds no images"),
        ([{"1": {"z": np.zeros((13, 16))}}], "no integers at samples/0/1/z"),
        ([{"1": {"z": np.zeros((13, 15), int)}}], r"allowed one shape \(steps \+ 1, 16\)"),
        ([{"1": {"z": np.zeros((1, 16), int)}}], "at least 1 step"),
        ([{"1": {"z": np.zeros(16, int)}}], "one shape"),
    ):
        with pytest.raises(FormatError, match=message):
            draws_of(replace(original, samples=samples), network, "draws.h5")


@pytest.mark.parametrize(
    "draws", [np.zeros((5, 12, 16), int), np.zeros((4, 13, 16), int), np.zeros((5, 13, 16))]
)
def test_draws_of_another_extent_or_type_are_refused(network, draws):
    with pytest.raises(InputError, match=r"allowed integers \(5, 13, 16\)"):
        run(network, network.test_images, 12, 0, draws=draws)
