"""Schedules and the loss of a batch, with every number worked out by hand."""

import math

import pytest
import torch

from ipvae.float_models.config import preset_config
from ipvae.train.models.loss import batch_loss
from ipvae.train.models.trainable_ipvae import Unrolled
from ipvae.train.run.schedule import inference_steps, settings_at

F64 = torch.float64


@pytest.fixture
def config():
    """Fractions that a binary number holds, so that their ends are met exactly."""
    return preset_config(
        "mnist",
        steps=32,
        first_steps=4,
        growth_fraction=0.75,
        beta=16.0,
        learning_rate=0.01,
        temperature_start=0.9,
        temperature_end=0.1,
        temperature_fraction=0.5,
        clamp_start=2.0,
        clamp_end=10.0,
        ramp_hold=0.125,
        ramp_fraction=0.25,
        warmup_fraction=0.25,
        grad_clip=100.0,
    )


@pytest.mark.parametrize(
    ("progress", "steps", "rate", "temperature", "ramp", "clip"),
    [
        (0.0, 4, 0.01, 0.9, 0.0, 300.0),
        (0.0625, 4, 0.99 / 4 + 0.01, 0.8, 0.0, 300.0),
        (0.125, 4, 0.99 / 2 + 0.01, 0.7, 0.0, 300.0),
        (0.1875, 4, 0.99 * 3 / 4 + 0.01, 0.6, 0.25, 300.0),
        (0.25, 8, 1.0, 0.5, 0.5, 100.0),
        (0.375, 8, (1 + math.cos(math.pi / 6)) / 2, 0.3, 1.0, 100.0),
        (0.5, 16, 0.75, 0.1, 1.0, 100.0),
        (0.625, 16, 0.5, 0.1, 1.0, 100.0),
        (0.75, 32, 0.25, 0.1, 1.0, 100.0),
        (1.0, 32, 0.0, 0.1, 1.0, 100.0),
    ],
)
def test_settings_of_a_step_by_hand(config, progress, steps, rate, temperature, ramp, clip):
    now = settings_at(config, progress)
    assert (now.steps, now.grad_clip) == (steps, clip)
    assert now.learning_rate == pytest.approx(0.01 * rate, abs=1e-12)
    assert now.temperature == pytest.approx(temperature)
    assert now.beta == pytest.approx(16.0 * ramp * steps / 32)
    assert now.limit == pytest.approx(2.0 + 8.0 * ramp)


def test_fractions_of_zero_begin_at_their_end():
    config = preset_config(
        "mnist", temperature_fraction=0.0, ramp_hold=0.0, ramp_fraction=0.0, warmup_fraction=0.0
    )
    now = settings_at(config, 0.0)
    assert now.temperature == pytest.approx(config.temperature_end)
    assert now.limit == config.clamp_end
    assert now.beta == config.beta
    assert (now.learning_rate, now.grad_clip) == (config.learning_rate, config.grad_clip)
    held = preset_config("mnist", ramp_hold=0.5, ramp_fraction=0.0)
    before, at = settings_at(held, 0.499), settings_at(held, 0.5)
    assert (before.beta, before.limit) == (0.0, held.clamp_start)
    assert (at.beta, at.limit) == (held.beta, held.clamp_end)


@pytest.mark.parametrize("form", ["official", "exact"])
def test_loss_of_two_images_two_steps_and_eight_pixels(form):
    """256 / 8 times the mean over steps and images; divergences summed over two neurons."""
    log_rates = [
        torch.tensor(rows, dtype=F64)
        for rows in ([[0.0, 1.0]] * 2, [[0.5, 1.0], [0.0, 2.0]], [[0.5, 0.0], [1.0, 2.0]])
    ]
    errors = [torch.tensor(values, dtype=F64) for values in ([3.0, 5.0], [2.0, 4.0])]
    log_sigma = torch.full((8,), 0.25, dtype=F64)
    found = batch_loss(Unrolled(log_rates, [], errors, log_sigma), 0.5, form)
    nll = (3 + 5 + 2 + 4) / 4 / 2 + 8 * 0.25 + 8 * math.log(2 * math.pi) / 2
    kl = 0.0
    for before, after in ((0.0, 0.5), (1.0, 2.0), (1.0, 0.0), (0.0, 1.0)):
        d = after - before
        start = math.exp(before if form == "exact" else after)
        kl += start * (1 + math.exp(d) * (d - 1)) / 4
    assert found.nll.item() == pytest.approx(nll)
    assert found.kl.item() == pytest.approx(kl)
    assert found.total.item() == pytest.approx((nll + 0.5 * kl) * 32)


@pytest.mark.parametrize(
    ("steps", "first", "progress", "now"),
    [
        (8, 4, 0.0, 4),
        (8, 4, 0.4999, 4),
        (8, 4, 0.5, 8),
        (100, 16, 0.4999, 64),
        (100, 16, 0.5, 100),
        (9, 9, 0.0, 9),
        (9, 0, 0.0, 9),
    ],
)
def test_steps_double_until_their_fraction_is_over(steps, first, progress, now):
    config = preset_config("mnist", steps=steps, first_steps=first, growth_fraction=0.5)
    assert settings_at(config, progress).steps == now


def test_work_that_is_left_counts_the_later_longer_steps():
    config = preset_config("mnist", steps=8, first_steps=2, growth_fraction=0.5)
    assert inference_steps(config, 0, 8, 8) == 2 * 2 + 2 * 4 + 4 * 8
    assert inference_steps(config, 2, 5, 8) == 4 + 4 + 8
    assert inference_steps(config, 8, 8, 8) == 0
