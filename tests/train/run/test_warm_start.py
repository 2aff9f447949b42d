"""Where a training begins: weights, step size, and rates of its parts."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ipvae.errors import ConfigError
from ipvae.export.rounding.fake_quantize import rounding_to
from ipvae.float_models.checkpoint import save_checkpoint
from ipvae.float_models.config import SETTABLE, preset_config, setting_from_text
from ipvae.train.datasets.images import load_images
from ipvae.train.run.fit import fit, new_model, new_optimiser, to_checkpoint
from ipvae.train.run.resume import ResumeState, fingerprint, write_unfinished
from ipvae.train.run.state import TrainState
from ipvae.train.run.warm_start import state_from, weights_of

torch.set_num_threads(1)
TINY = preset_config("digits", latents=12, steps=3, epochs=1, batch_size=400)


@pytest.fixture(scope="module")
def images():
    return load_images("digits")


@pytest.fixture(scope="module")
def trained(images):
    return fit(TINY, images)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_weights_are_taken_from_a_model_and_from_an_unfinished_training(images, trained, tmp_path):
    model, history = trained
    save_checkpoint(tmp_path / "whole", to_checkpoint(model, TINY, images, history))
    kind, weights, _ = weights_of(tmp_path / "whole")
    assert kind == "ipvae"
    assert same(weights, model.arrays())
    other = TrainState.first(new_model(TINY, images))
    (tmp_path / "part").mkdir()
    begun = ResumeState(
        TINY, fingerprint(images), other, [0.0], {"device": "cpu", "data_dir": None}
    )
    write_unfinished(tmp_path / "part", begun)
    kind, weights, _ = weights_of(tmp_path / "part")
    assert kind == "ipvae"
    assert same(weights, other.params)


def test_learned_rounding_is_taken_for_the_same_bits_only(images, trained, tmp_path):
    four = dataclasses.replace(TINY, weight_bits=4)
    state = state_from(new_model(four, images), trained[0].arrays(), tmp_path)
    assert not state.params["recurrent_change"].any()
    model, history = fit(four, images, start=state, rounding=rounding_to(4))
    learned = model.arrays()["recurrent_change"]
    assert learned.any()
    save_checkpoint(tmp_path, to_checkpoint(model, four, images, history))
    assert same(weights_of(tmp_path, 4)[1], model.arrays())
    for bits in (0, 3):
        _, weights, _ = weights_of(tmp_path, bits)
        assert "recurrent_change" not in weights
        again = state_from(
            new_model(dataclasses.replace(TINY, weight_bits=bits), images), weights, tmp_path
        )
        assert not again.params.get("recurrent_change", np.zeros(1)).any()


def test_training_goes_on_from_given_weights_with_a_fresh_optimiser(images, trained, tmp_path):
    model, _ = trained
    state = state_from(new_model(TINY, images), model.arrays(), tmp_path)
    assert state.done == 0
    assert same(state.params, model.arrays())
    assert all(not value.any() for value in (*state.mean.values(), *state.peak.values()))
    again, _ = fit(TINY, images, start=state)
    assert not same(again.arrays(), model.arrays())
    assert np.abs(again.arrays()["phi"] - model.arrays()["phi"]).max() < 0.1


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (preset_config("digits", latents=13), r"its 'phi' is \(64, 12\), .* has \(64, 13\)"),
        (
            preset_config("digits", model="igvae", latents=12),
            r"its '\w+' is nothing, and the model to train has",
        ),
    ],
)
def test_weights_of_another_kind_are_refused(images, trained, tmp_path, config, text):
    with pytest.raises(ConfigError, match=text):
        state_from(new_model(config, images), trained[0].arrays(), tmp_path)


@pytest.mark.parametrize(("name", "scalars"), [("ipvae", 1), ("igvae", 2), ("iavae", 1)])
def test_step_size_is_where_learning_starts(images, name, scalars):
    config = preset_config("digits", model=name, latents=12, step_size=0.25)
    sizes = new_model(config, images).step_sizes()
    assert sizes == pytest.approx([0.25] * scalars)


def test_dictionary_has_a_rate_of_its_own(images):
    """Adamax moves each parameter by its rate, in the first step, whatever the gradient."""
    moved = []
    for rate in (1.0, 0.1):
        config = preset_config("digits", latents=12, dictionary_rate=rate, weight_decay=0.0)
        model = new_model(config, images)
        optimiser = new_optimiser(model, config)
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * group["factor"]
        before = model.arrays()
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimiser.step()
        moved.append({n: np.abs(a - before[n]).max() for n, a in model.arrays().items()})
    assert moved[0]["phi"] == pytest.approx(1e-3, rel=1e-3)
    assert moved[1]["phi"] == pytest.approx(1e-4, rel=1e-3)
    assert moved[0]["u0"] == moved[1]["u0"] == pytest.approx(1e-3, rel=1e-2)


def test_settings_are_read_from_text():
    assert setting_from_text("first_steps", "16") == 16
    assert math.isclose(setting_from_text("growth_fraction", "0.25"), 0.25)
    assert setting_from_text("relaxation", "eat-cubic") == "eat-cubic"
    with pytest.raises(ConfigError, match="'steps' is '1.5'; allowed is int. Change it."):
        setting_from_text("steps", "1.5")
    assert "version" not in SETTABLE
