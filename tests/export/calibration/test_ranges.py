"""What a calibration says, counted again from a whole trace by loops."""

import numpy as np
import pytest

from ipvae.emulator.recording import run
from ipvae.evaluation.metrics import quality
from ipvae.export.calibration.ranges import calibrate, judged
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.network.rules.drive import drives

STEPS, SEED = (3, 7, 12), 5
NAMES = ("recurrent", "errors + 2 read-outs", "loop of three", "two hidden, graded code", "lca")


@pytest.mark.parametrize("name", NAMES)
def test_reach_and_silent_and_saturated_neurons_of_every_layer(kinds, name):
    network = kinds.networks(3)[name]
    images = network.test_images
    found = calibrate(network, images, STEPS, SEED)
    trace, drive = run(network, images, STEPS[-1], SEED), drives(network, images)
    assert list(found["layers"]) == list(network.layers)
    for number, layer in network.layers.items():
        of = found["layers"][number]
        values = {v: np.abs(trace.stacked(number, v).astype(int)) for v in ("a_in", "u", "z")}
        largest = {v: int(array.max()) for v, array in values.items()}
        assert of["reach"] == {**largest, "drive": int(np.abs(drive[number]).max())}
        z = values["z"][:, : STEPS[0] + 1]
        assert of["silent_neurons"] == sum(not z[:, :, k].any() for k in range(z.shape[2]))
        if isinstance(layer, PoissonLayer):
            at_limit = trace.stacked(number, "u")[:, : STEPS[0] + 1] >= layer.u_max
        else:
            at_limit = z >= layer.z_max
        count = sum(at_limit[:, :, k].any() for k in range(z.shape[2]))
        assert of["saturated_neurons"] == count
    code = found["layers"][network.code]
    assert {key: found[key] for key in code} == code
    assert (found["images"], found["seed"]) == (len(images), SEED)


@pytest.mark.parametrize("name", ["recurrent", "lca", "errors + 1 read-out"])
def test_the_curve_is_the_figures_at_the_steps_that_were_asked_for(kinds, name):
    network = kinds.networks(3)[name]
    images = network.test_images
    found = calibrate(network, images, STEPS, SEED)
    z = run(network, images, STEPS[-1], SEED).stacked(network.code, "z")
    real = to_real(images, network.input)
    wanted = [{"step": t, **quality(real, z[:, t], network.decoder)} for t in STEPS]
    assert found["curve"] == wanted
    assert found["steps"] == 12
    assert {key: found[key] for key in ("mse", "r2", "zeros")} == {
        key: wanted[-1][key] for key in ("mse", "r2", "zeros")
    }


def test_draws_that_do_not_build_on_each_other_are_averaged_over_all_steps_but_the_first(kinds):
    network = kinds.networks(3)["feed-forward"]
    images = network.test_images
    found = calibrate(network, images, [9], SEED)
    z = run(network, images, 9, SEED).stacked(network.code, "z")
    real = to_real(images, network.input)
    each = [quality(real, z[:, t], network.decoder) for t in range(1, 10)]
    (point,) = found["curve"]
    assert (point["step"], found["steps"]) == (9, 9)
    for key in ("mse", "r2", "zeros"):
        assert point[key] == found[key] == pytest.approx(np.mean([one[key] for one in each]))


def test_one_point_by_hand():
    """x = (1, 2, 3), read out as (1, 2, 2): residual 1 of a variation of 2."""
    images, decoder = np.array([[1.0, 2.0, 3.0]]), np.eye(3)
    counts = {4: np.array([[1, 2, 2]]), 2: np.array([[0, 0, 0]])}
    for mean, r2, zeros in ((False, 0.5, 0.0), (True, (0.5 - 6) / 2, 0.5)):
        found = judged(images, counts, decoder, mean=mean)
        assert found["steps"] == 4
        assert (found["r2"], found["zeros"]) == (pytest.approx(r2), zeros)
        assert [point["step"] for point in found["curve"]] == ([4] if mean else [2, 4])
