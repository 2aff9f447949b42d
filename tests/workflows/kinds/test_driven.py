"""Poisson and graded networks in the public functions: as an `IntNetwork`, and what differs."""

import json
from typing import Any

import numpy as np
import pytest

import ipvae
from ipvae.network.connections import Connection, Dense, Drive
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.kinds import CubaNeuron, PoissonNeuron
from ipvae.network.network import Input, Layer, Network, Pixels

NAME = "recurrent + 2 read-outs"
SAME = ("synaptic_ops", "count_weighted_ops", "effective_macs", "messages", "neuron_updates")
SAME += ("drive_macs", "updates_active", "draws", "random_words")


@pytest.fixture(scope="module")
def pair(kinds):
    network = kinds.networks(1)[NAME]
    return network, as_network(network)


def run(*arguments: Any, **options: Any) -> Any:
    """As `ipvae.run`."""
    return ipvae.run(*arguments, **options)


def mixed(weight=20):
    """A Poisson code with a CUBA read-out."""
    rng = np.random.default_rng(3)
    drive = Drive(Dense(rng.integers(-3000, 3001, (6, 4))), -8)
    loop = Connection("1", Dense(np.full((6, 6), weight)), delay=1)
    code = Layer("1", PoissonNeuron(-9000, 9000, weight_exp=3), (loop,), drive=drive)
    out = Connection("1", Dense(rng.integers(0, 60, (3, 6))))
    last = Layer("2", CubaNeuron(20, 900, 300), (out,), purpose="readout")
    return Network(Input((4,), graded=True, pixels=Pixels(0, 255, 1 / 255)), (code, last))


def test_runs_and_counts_are_those_of_the_same_integer_network(pair):
    network, converted = pair
    one, other = (run(n, steps=9, seed=5, record="all") for n in pair)
    assert (one.trace.steps, one.trace.seed) == (other.trace.steps, other.trace.seed) == (9, 5)
    for name in network.layers:
        for variable in ("a_in", "u", "z"):
            np.testing.assert_array_equal(
                one.trace.stacked(name, variable), other.trace.stacked(name, variable)
            )
    counts = ipvae.count_operations(network, one).total.as_dict()
    found = ipvae.count_operations(converted, other).total.as_dict()
    for key in SAME:
        assert found[key] == pytest.approx(counts[key]), key


def test_real_images_are_divided_by_the_scale_and_rounded(pair):
    network, converted = pair
    levels = network.test_images.astype(np.int64)
    real = (levels + np.random.default_rng(0).uniform(-0.49, 0.49, levels.shape)) / 128
    one, other = (run(converted, x, steps=4, record=("z",)) for x in (levels, real))
    np.testing.assert_array_equal(one.trace.stacked("1", "z"), other.trace.stacked("1", "z"))
    with pytest.raises(ipvae.IpvaeError, match="for the pixels, allowed -128..127"):
        run(converted, 40 * real, steps=4)


@pytest.mark.lava
def test_verify_compares_emulator_and_lava(tmp_path):
    network = mixed()
    images = np.random.default_rng(1).integers(0, 256, (2, 4))
    found = ipvae.verify(network, images, steps=7, seed=11, backends=("emulator", "lava"))
    assert found.bit_exact and (found.seed, found.last_step) == (11, 7)
    assert found.compared_values == 2 * 8 * (6 * 3 + 3 * 4)
    one, other = (run(network, images, steps=7, seed=11, backend=b) for b in ("emulator", "lava"))
    assert one.counts.as_dict() == other.counts.as_dict() and one.counts.random_words > 0
    trace = tmp_path / "t.h5"
    run(network, images, steps=7, seed=11, backend="lava", trace_file=trace)
    again = ipvae.verify_trace(network, trace, images=images)
    assert again.bit_exact and again.compared_values >= 2 * 8 * (6 * 3 + 3 * 4)


def test_a_sequence_has_one_frame_for_each_step_and_row_0_takes_the_first():
    network = mixed()
    frames = np.random.default_rng(2).integers(0, 256, (2, 5, 4))
    whole = run(network, frames, steps=5, record="all").trace
    assert whole.steps == 5
    still = run(network, frames[:, 0], steps=1, record="all").trace
    for name in ("1", "2"):
        np.testing.assert_array_equal(whole.stacked(name, "z")[:, :2], still.stacked(name, "z"))


def test_the_other_functions_take_them(tmp_path):
    network = mixed()
    network.save(tmp_path / "n.h5")
    images = np.random.default_rng(1).integers(0, 256, (3, 4))
    labels = np.array([0, 1, 2])
    assert ipvae.check(network).ok
    assert not ipvae.check(mixed(weight=-128)).violations
    assert ipvae.evaluate(network, images, labels=labels, steps=(2, 6)).accuracy is not None
    result = run(network, images, steps=6)
    assert ipvae.estimate_energy(network, result).to_json()["energy"]
    report = ipvae.make_report(tmp_path / "n.h5", images, steps=6, seed=4)
    page = report.save(tmp_path / "page")
    data = json.loads((page.parent / "report.json").read_text())
    assert "0" not in data["silent_layers"] and data["counts"]["drive_macs"] == 24
    assert len(data["by_step"]["step"]) == 7
    assert "seed=4" in data["run"]["command"] and "seed=4" in data["run"]["verify"]


def test_what_cannot_run_is_refused_in_one_line():
    network = mixed()
    images = np.zeros((1, 4), int)
    for options, words in (
        ({"seed": -1}, "seed: found -1"),
        ({"steps": 2**19}, "steps: found 524288"),
        ({"backend": "loihi2"}, "Poisson ones of file versions 1 and 2"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=words) as error:
            run(network, images, **{"steps": 3, **options})
        assert "\n" not in str(error.value)
