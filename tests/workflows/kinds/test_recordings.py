"""Recordings shorter than the default number of steps, and descriptions of loops and delays."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.cli.main import run_command
from ipvae.network.connections import Connection, Dense
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

STEPS = 9


@pytest.fixture(scope="module")
def recurrent():
    """Two layers with a loop from the second to the first and from the first to itself."""
    rng = np.random.default_rng(0)

    def weights(n_out, n_in):
        return Dense(rng.integers(-20, 40, (n_out, n_in)).astype(np.int16))

    first = (
        Connection("0", weights(5, 6)),
        Connection("1", weights(5, 5), delay=1),
        Connection("2", weights(5, 4), delay=3),
    )
    neuron = CubaNeuron(threshold=30, current_decay=4096, voltage_decay=512)
    layers = (
        Layer("1", neuron, first),
        Layer("2", neuron, (Connection("1", weights(4, 5)),), purpose="readout"),
    )
    return Network(Input((6,)), layers)


@pytest.fixture(scope="module")
def spikes():
    return np.random.default_rng(1).integers(0, 2, (3, STEPS, 6)).astype(np.int32)


def test_by_default_all_steps_of_a_shorter_recording_are_run(recurrent, spikes):
    found = ipvae.run(recurrent, spikes)
    expected = ipvae.run(recurrent, spikes, steps=STEPS)
    assert found.steps == STEPS and found.frames == STEPS
    np.testing.assert_array_equal(found.outputs["2"], expected.outputs["2"])
    assert ipvae.run(recurrent, spikes[:, 0]).steps == 64  # one image for all steps


def test_the_line_on_images_has_steps_and_a_refusal_the_whole_shape(recurrent, spikes, caplog):
    caplog.set_level("INFO", "ipvae")
    ipvae.run(recurrent, spikes)
    assert f"3 samples of {STEPS} steps, int32 read as messages" in caplog.text
    with pytest.raises(ipvae.IpvaeError, match=r"shape \(9, 4\)"):
        ipvae.run(recurrent, np.zeros((9, 4), int), samples=2)


def test_steps_that_were_asked_for_are_not_shortened(recurrent, spikes):
    with pytest.raises(ipvae.IpvaeError, match="found 64, allowed up to 9, .*; ask for fewer"):
        ipvae.run(recurrent, spikes, steps=64)


def test_commands_take_the_length_of_the_recording(recurrent, spikes, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    net, images = tmp_path / "net.h5", tmp_path / "spikes.npy"
    recurrent.save(net)
    np.save(images, spikes)
    words = [str(net), "--images", str(images)]
    assert run_command(["run", *words, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == STEPS
    assert run_command(["report", *words, "--out", str(tmp_path / "page"), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == STEPS and "--steps" not in found["run"]["verify"]
    assert run_command(["evaluate", *words, "--steps", "4", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 4
    assert run_command(["run", *words, "--steps", "64"]) == 2
    assert f"--steps: found 64, allowed up to {STEPS}" in capsys.readouterr().err


def test_the_description_shows_loops_and_delays(recurrent):
    found = ipvae.describe(recurrent)
    assert found.layer_table is not None
    assert [row[2] for row in found.layer_table.rows] == [
        "0, itself (delay 1), 2 (delay 3)",
        "1",
    ]


def test_delays_of_single_neurons_are_shown_as_a_range(recurrent):
    delays = np.array([1, 5])
    loop = Connection("1", Dense(np.ones((2, 3), np.int16)), delay=delays)
    first, *_ = recurrent.layers
    last = Layer("2", first.neuron, (loop,), purpose="readout")
    small = Layer("1", first.neuron, (Connection("0", Dense(np.ones((3, 6), np.int16))),))
    table = ipvae.describe(Network(Input((6,)), (small, last))).layer_table
    assert table is not None and table.rows[1][2] == "1 (delay 1 to 5)"
