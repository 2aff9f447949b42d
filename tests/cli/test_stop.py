"""`ipvae evaluate --stop`: each image at its own last step, and what that costs."""

import numpy as np
import pytest

from ipvae.emulator import Emulator, Stopped, recording
from ipvae.energy.counting.counts import count_run
from ipvae.evaluation.metrics import quality
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.pixels import to_real
from ipvae.workflows.evaluation.text import stop_text
from ipvae.workflows.running.stopping import TOLERANCES, StopChoice, stop_choice, stop_figures

BUDGET = 400
TOLERANCE = {"r2": 5e5, "free-energy": 0.05}
"""A random network's reconstructions are far off."""

WORDS = ("--steps", BUDGET, "--seed", 4, "--json", "-")


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network(n_images=40))
    return path


@pytest.mark.parametrize("rule", TOLERANCES)
def test_figures_are_those_of_each_image_at_its_own_step(command, net, rule):
    status, found, _ = command(
        "evaluate", net, "--stop", rule, "--tolerance", TOLERANCE[rule], *WORDS
    )
    assert status == 0
    stop, network = found["stop"], read_network(net)
    steps = np.array(stop["steps_of_each"])
    assert len(set(steps.tolist())) > 2 and (steps % stop["every"] == 0).all()
    assert (stop["rule"], stop["budget"], found["steps"]) == (rule, BUDGET, BUDGET)
    assert stop["steps"] == {
        "mean": steps.mean(),
        "median": np.median(steps),
        "min": steps.min(),
        "max": steps.max(),
    }
    z = recording.run(network, network.test_images, int(steps.max()), 4).stacked("1", "z")
    last = z[np.arange(len(steps)), steps]
    expected = quality(to_real(network.test_images, network.input), last, network.decoder)
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-12)
    rerun = StopChoice(rule, TOLERANCE[rule]).run(Emulator(network), network.test_images, BUDGET, 4)
    assert stop["counts"] == count_run(network, rerun.totals).as_dict()
    assert stop["settled"] == rerun.settled.sum() > len(steps) / 2


def test_a_shorter_budget_stops_the_rest(command, net):
    words = ("evaluate", net, "--stop", "r2", "--tolerance", 0)
    _, found, _ = command(*words, "--steps", 20, "--json", "-")
    assert (found["stop"]["settled"], set(found["stop"]["steps_of_each"])) == (0, {20})
    plain = command("evaluate", net, "--steps", 20, "--json", "-")[1]
    for key in ("mse", "r2", "zeros", "spikes"):
        assert found[key] == plain[key]


def test_readouts_are_judged_where_images_stop(command, tmp_path, kinds):
    network = kinds.networks(2)["recurrent + 2 read-outs"]
    write_network(tmp_path / "net.h5", network)
    status, found, _ = command("evaluate", tmp_path / "net.h5", "--stop", "r2", *WORDS)
    assert status == 0 and len(found["readouts"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stop", "r3"), "--stop: found 'r3', allowed r2 and free-energy"),
        (("--tolerance", "1"), "--tolerance: needs --stop; give both or neither"),
        (("--stop", "r2", "--tolerance", "-1"), "--tolerance: found -1.0, allowed 0 and above"),
        (("--stop", "r2", "--tolerance", "nan"), "--tolerance: found nan, allowed 0 and above"),
        (("--stop", "r2", "--steps", "4,8"), "--stop: does not go with several --steps"),
        (("--stop", "r2", "--pictures", "p"), "--stop: does not go with --pictures"),
    ],
)
def test_options_that_do_not_fit_are_reported(command, net, words, message):
    status, _, err = command("evaluate", net, *words)
    assert status == 2 and message in err


def test_a_rule_that_does_not_fit_the_network_is_reported(command, tmp_path, kinds):
    write_network(tmp_path / "net.h5", kinds.networks(2)["errors"])
    status, _, err = command("evaluate", tmp_path / "net.h5", "--stop", "free-energy")
    assert status == 2 and "stop by r2" in err
    assert command("evaluate", tmp_path / "net.h5", "--stop", "r2", "--steps", 8)[0] == 0


def test_a_float_model_has_no_such_run(command, tmp_path):
    status, _, err = command("evaluate", tmp_path / "run", "--stop", "r2")
    assert status == 2 and f"--stop: found {tmp_path / 'run'}, allowed with network files" in err


@pytest.mark.parametrize(("rule", "tolerance"), [("r2", 0.002), ("free-energy", 0.005)])
def test_without_a_tolerance_each_rule_has_its_own(rule, tolerance):
    assert stop_choice(rule, None, {}) == StopChoice(rule, tolerance)
    assert stop_choice(rule, 0.0, {"--pictures": False}) == StopChoice(rule, 0.0)
    assert stop_choice(None, None, {"--pictures": True}) is None


def test_r2_is_judged_by_its_change_and_free_energy_by_a_share_of_it(make_network):
    network = make_network()
    for rule, relative in (("r2", False), ("free-energy", True)):
        made = StopChoice(rule, 0.25).rule(network, network.test_images)
        assert (made.tolerance, made.relative, made.every, made.window) == (0.25, relative, 8, 8)


def test_steps_of_two_images_by_hand(make_network):
    network = make_network(n_images=2)
    totals = Emulator(network).totals(network.test_images, 40, 4)
    found = Stopped(np.array([16, 40, 21]), np.array([True, False, False]), totals)
    stop = stop_figures(network, StopChoice("r2", 0.002), found)
    assert stop["steps"] == {"mean": 77 / 3, "median": 21.0, "min": 16, "max": 40}
    assert (stop["settled"], stop["budget"], stop["tolerance"]) == (1, 40, 0.002)
    assert (stop["every"], stop["window"], stop["margin"]) == (8, 8, 2.5)
    assert stop["steps_of_each"] == [16, 40, 21]
    operations = f"{stop['counts']['synaptic_ops']:,.0f}"
    assert stop_text(stop) == (
        "stopped by r2: 1 of 3 images settled; steps 16 to 40, mean 25.7; "
        f"{operations} synaptic operations an image"
    )
