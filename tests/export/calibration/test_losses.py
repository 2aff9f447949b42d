"""What an export reports of its losses, and when it is refused for them."""

import re

import numpy as np
import pytest

from ipvae.export.calibration.losses import LossError, grid_facts, layer_facts, require_small_loss
from ipvae.export.calibration.ranges import calibrate
from ipvae.network.proof.bounds import bounds


def test_facts_of_a_grid():
    """At 3 bits and a step of 0.5, integers reach 3 and values are clipped beyond 1.75."""
    values = np.array([[0.1, 1.7, 1.75], [1.8, -4.0, 0.0]])
    integers = np.array([[0, 3, 3], [3, -3, 0]])
    facts = grid_facts(values, integers, -1, 3)
    error = np.array([0.1, 0.2, 0.25, 0.3, 2.5, 0.0])
    assert facts == {
        "scale": 0.5,
        "range": [-3, 3],
        "clipped": 2,
        "zeros": 2,
        "weights": 6,
        "relative_error": pytest.approx(np.linalg.norm(error) / np.linalg.norm(values)),
    }


def test_weights_that_are_all_zero_have_no_relative_error():
    facts = grid_facts(np.zeros((2, 2)), np.zeros((2, 2), int), -6, 8)
    assert (facts["relative_error"], facts["zeros"], facts["range"]) == (0.0, 4, [0, 0])


def facts_of(network, calibration):
    grids = network.provenance.get("grids", {})
    return layer_facts(network.schedule.stages, grids, bounds(network), calibration)


def test_every_layer_is_reported_in_the_order_of_its_number(kinds):
    network = kinds.networks(0)["loop of three + 2 read-outs"]
    calibration = calibrate(network, network.test_images, [3], seed=0)
    facts = facts_of(network, calibration)
    assert [f["layer"] for f in facts] == ["1", "2", "3", "4", "5"]
    assert [f["role"] for f in facts] == ["hidden", "hidden", "code", "readout", "readout"]
    assert [f["neurons"] for f in facts] == [layer.n_neurons for layer in network.layers.values()]
    for one in facts:
        of_layer = {b.variable: b for b in bounds(network) if b.layer == one["layer"]}
        assert one["bounds"] == {name: [b.low, b.high] for name, b in of_layer.items()}
        assert one["widest_accumulator"] == of_layer["a_in"].reach >= one["reach"]["a_in"] > 0
        assert 2 ** (one["accumulator_bits"] - 1) > one["widest_accumulator"]
        assert 2 ** (one["accumulator_bits"] - 2) <= one["widest_accumulator"]
        assert one["silent_neurons"] == calibration["layers"][one["layer"]]["silent_neurons"]
    assert facts[2]["unit"] == "2**-12 octave"


def test_a_layer_without_synapses_accumulates_nothing(kinds):
    network = kinds.networks(0)["feed-forward"]
    (facts,) = facts_of(network, calibrate(network, network.test_images, [3], seed=0))
    assert (facts["widest_accumulator"], "a_in" in facts["bounds"]) == (0, False)


def figures(early, late):
    return {"curve": [{"step": 64, "r2": early}, {"step": 512, "r2": late}]}


@pytest.mark.parametrize("after", [0.9, 0.851, 0.95, float("nan")])
def test_what_loses_little_or_has_no_figure_passes(after):
    """R2 of constant images is undefined, before and after."""
    before = (
        figures(0.9, 0.9) if np.isfinite(after) else figures(after, after)
    )  # of constant images
    require_small_loss(before, figures(0.9, after), 0.05, "run")
    require_small_loss(before, figures(after, 0.9), 0.05, "run")


@pytest.mark.parametrize("after", [0.8, 0.8493, -0.1, -12345.62, -1e9])
def test_a_loss_beyond_the_allowed_states_its_figures_and_what_would_let_it_pass(after):
    before, found = figures(0.5, 0.9), figures(0.49, after)
    with pytest.raises(LossError) as caught:
        require_small_loss(before, found, 0.05, "my/run")
    message = str(caught.value)
    assert message.startswith(
        f"my/run: R2 after 512 steps falls from 0.9000 to {after:.4f} on the "
    )
    assert (
        f"by {0.9 - after:.4f}; allowed 0.05. Remedies: use more weight_bits=; or write" in message
    )
    assert caught.value.exit_status == 1
    (enough,) = re.findall(r"most_loss=(\S+)$", message)
    require_small_loss(before, found, float(enough), "my/run")
    assert float(enough) < (0.9 - after) * 1.001 + 0.011


def test_a_figure_that_becomes_undefined_is_a_loss():
    with pytest.raises(LossError, match="after 512 steps falls from 0.9000 to nan") as caught:
        require_small_loss(figures(0.9, 0.9), figures(0.9, float("nan")), 0.05, "run")
    assert str(caught.value).endswith("Remedies: use more weight_bits=")


def test_the_step_that_lost_most_is_named_and_undefined_ones_are_passed_over():
    before = figures(float("nan"), 0.9)
    with pytest.raises(LossError, match="after 512 steps"):
        require_small_loss(before, figures(0.1, 0.7), 0.05, "run")
    with pytest.raises(LossError, match="after 64 steps"):
        require_small_loss(figures(0.9, 0.9), figures(0.6, 0.7), 0.05, "run")
