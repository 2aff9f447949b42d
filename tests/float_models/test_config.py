"""Settings are refused by name, and schedules do what they say."""

import json

import pytest

from ipvae.errors import ConfigError, TrainingError
from ipvae.float_models.config import PRESETS, TrainConfig, images_config, preset_config
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.train.run.schedule import settings_at


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_config_round_trips_through_json(preset):
    config = preset_config(preset, beta=3, seed=9)
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_unknown_preset_lists_the_allowed_ones():
    with pytest.raises(
        TrainingError, match=r"'preset' is 'mnits'; allowed are digits, patches, mnist"
    ):
        preset_config("mnits")


def test_unknown_key_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"unknown key 'betta'; allowed are .*beta.*Remove"):
        TrainConfig.from_json({"preset": "digits", "betta": 3.0})


def test_missing_preset_is_named():
    with pytest.raises(ConfigError, match="'preset' is missing"):
        TrainConfig.from_json({})


def test_config_that_is_no_object_is_refused():
    with pytest.raises(ConfigError, match="found list"):
        TrainConfig.from_json([])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("steps", 0, "'steps' is 0; allowed are 1 to 4096"),
        ("steps", 2.5, "'steps' is 2.5; allowed is a finite int"),
        ("steps", True, "'steps' is True; allowed is a finite int"),
        ("beta", -1.0, "'beta' is -1.0; allowed are 0.0 to"),
        ("beta", float("nan"), "'beta' is nan; allowed is a finite float"),
        ("learning_rate", "fast", "'learning_rate' is 'fast'; allowed is a finite float"),
        ("kl", "half", "'kl' is 'half'; allowed are official, exact"),
        ("model", "gvae", "'model' is 'gvae'; allowed are ipvae"),
        ("version", 2, "'version' is 2; allowed are 1"),
        ("weight_bits", 1, "'weight_bits' is 1; allowed are 0, 2, 3, 4, 5, 6, 7, 8"),
    ],
)
def test_bad_settings_state_what_is_allowed(name, value, text):
    with pytest.raises(ConfigError, match=text):
        preset_config("digits", **{name: value})


def test_overrides_that_are_none_are_ignored():
    assert preset_config("digits", beta=None) == preset_config("digits")


def test_schedules_ramp_and_end_where_they_should():
    config = preset_config("mnist", temperature_fraction=0.5, temperature_end=0.05)
    start, middle, end = (settings_at(config, p) for p in (0.0, 0.5, 1.0))
    assert (start.temperature, start.beta, start.limit) == (1.0, 0.0, 2.0)
    assert middle.temperature == end.temperature == pytest.approx(0.05)
    assert (middle.beta, middle.limit) == (config.beta, 10.0)
    assert settings_at(config, 0.25).temperature == pytest.approx(0.525)
    assert settings_at(config, 0.051).limit == pytest.approx(6.0)
    assert start.grad_clip == 3 * end.grad_clip == 3 * config.grad_clip


def test_learning_rate_warms_up_then_falls_to_zero():
    config = preset_config("mnist", warmup_fraction=0.1)
    rates = [settings_at(config, p / 100).learning_rate for p in range(101)]
    assert max(rates) == rates[10] == config.learning_rate
    assert rates[0] < 0.02 * config.learning_rate
    assert rates[100] == pytest.approx(0.0, abs=1e-12)
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("name", ["temperature_fraction", "ramp_fraction", "warmup_fraction"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_schedules_take_extreme_fractions(name, value):
    config = preset_config("digits", **{name: value})
    for progress in (0.0, 0.5, 1.0):
        assert settings_at(config, progress).temperature > 0


def test_steps_double_over_their_fraction_and_beta_goes_with_them():
    config = preset_config(
        "mnist", steps=128, first_steps=16, growth_fraction=0.6, beta=64.0, ramp_fraction=0.0
    )
    seen = [settings_at(config, p) for p in (0.01, 0.19, 0.21, 0.39, 0.41, 0.59, 0.61, 1.0)]
    assert [now.steps for now in seen] == [16, 16, 32, 32, 64, 64, 128, 128]
    assert [now.beta for now in seen] == [8.0, 8.0, 16.0, 16.0, 32.0, 32.0, 64.0, 64.0]
    odd = preset_config("mnist", steps=100, first_steps=16)
    assert [settings_at(odd, p).steps for p in (0.0, 0.49, 0.51)] == [16, 64, 100]
    assert settings_at(preset_config("mnist", steps=7), 0.0).steps == 7


def test_growth_from_more_steps_than_there_are_is_refused():
    with pytest.raises(ConfigError, match=r"'first_steps' is 32; allowed are 0 to 'steps', which"):
        preset_config("mnist", steps=16, first_steps=32)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", MODEL_SPECS)
def test_every_model_has_settings_on_every_preset(preset, model):
    config = preset_config(preset, model=model)
    assert 0 <= config.first_steps <= config.steps
    short = preset_config(preset, model=model, steps=1)
    assert (short.steps, short.first_steps) == (1, 0)


def test_weight_bits_are_for_the_model_that_the_chip_runs():
    assert preset_config("digits", weight_bits=4).weight_bits == 4
    with pytest.raises(ConfigError, match=r"'weight_bits' is 4; allowed for igvae, .* is 0"):
        preset_config("digits", model="igvae", weight_bits=4)


def test_own_images_on_a_convolutional_model_have_its_kernels():
    config = images_config(500, 28 * 28, False, model="conv-ipvae", stride=2)
    assert (config.latents, config.kernel_size, config.stride) == (32, 7, 2)
    assert images_config(500, 28 * 28, False).kernel_size == 0
