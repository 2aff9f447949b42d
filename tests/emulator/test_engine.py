import numpy as np
import pytest

from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.errors import InputError
from ipvae.network.io.network_file import write_network
from ipvae.network.traces.trace import compare


@pytest.mark.parametrize(
    ("seed", "parts"),
    [
        (0, {}),
        (1, {"k": 7, "m": 5, "weight_exp": -3, "payload_bits": 6}),
        (2, {"k": 1, "m": 3, "weight_exp": 0}),
        (3, {"k": 9, "m": 4, "drive_exp": 3, "weight_exp": 10}),
        (5, {"k": 4, "m": 2, "self_weight": np.array([0, 1, 90_000, 2**22 - 1], np.int32)}),
        (4, {"k": 5, "m": 2, "u_min": -100, "u_max": 32768, "du_min": -9, "du_max": 12}),
    ],
)
def test_emulator_agrees_with_the_oracle(tmp_path, make_network, oracle, seed, parts):
    if "u_min" in parts:
        parts = {**parts, "u_init": np.full(5, 32768, np.int32)}
    network = make_network(seed=seed, **parts)
    write_network(tmp_path / "net.h5", network)
    expected = oracle.run(oracle.load(tmp_path / "net.h5"), network.test_images.tolist(), 25, 77)
    trace = run(network, network.test_images, 25, 77)
    for sample, wanted in zip(trace.samples, expected, strict=True):
        for variable in ("a_in", "u", "z"):
            assert sample["1"][variable].tolist() == wanted[variable]


def test_oracle_runs_reach_every_branch(make_network):
    """The networks above reach split rates, both clips of u, payload cap and input clip."""
    z = run(make_network(), make_network().test_images, 25, 77)
    u = z.stacked("1", "u")
    assert u.max() == 32768
    assert u.min() == -47274
    assert z.stacked("1", "z").max() == 255
    wide = make_network(seed=3, k=9, m=4, drive_exp=3, weight_exp=10)
    a_in = run(wide, wide.test_images, 25, 77).stacked("1", "a_in")
    assert np.abs(a_in).max() > (2**21 - 1) >> 10


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
def test_result_does_not_depend_on_the_batch(make_network, batch):
    network = make_network()
    reference = run(network, network.test_images, 12, 5)
    found = run(network, network.test_images, 12, 5, batch=batch)
    assert compare(reference, found).first_divergence is None


def test_result_of_an_image_depends_on_its_index_not_on_the_others(make_network):
    network = make_network()
    alone = list(Emulator(network).steps(network.test_images[3:4], 9, 5, first_image=3))
    together = run(network, network.test_images, 9, 5).samples[3]["1"]
    for t, step in enumerate(alone):
        np.testing.assert_array_equal(step.u[0], together["u"][t])


def test_same_image_at_two_indices_gets_different_noise(make_network):
    network = make_network()
    trace = run(network, network.test_images[[0, 0]], 9, 5)
    assert not np.array_equal(trace.samples[0]["1"]["z"], trace.samples[1]["1"]["z"])


def test_step_0_receives_nothing_and_starts_at_u_init(make_network):
    network = make_network()
    trace = run(network, network.test_images, 2, 0)
    assert (trace.stacked("1", "a_in")[:, 0] == 0).all()
    assert (trace.stacked("1", "u")[:, 0] == network.layer.u_init).all()


def test_seed_changes_the_draws(make_network):
    network = make_network()
    a, b = (run(network, network.test_images, 3, seed) for seed in (0, 1))
    assert compare(a, b).first_divergence is not None


@pytest.mark.parametrize("steps", [0, -1, 2**19])
def test_number_of_steps_out_of_range_is_refused(make_network, steps):
    network = make_network()
    with pytest.raises(InputError, match="steps: found"):
        run(network, network.test_images, steps, 0)
