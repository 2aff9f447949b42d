"""The trained model is the mean of the parameters over the last part of a training."""

import dataclasses
import functools

import numpy as np
import pytest

from ipvae.evaluation.metrics import quality
from ipvae.float_models.config import preset_config
from ipvae.float_models.inference.draws import stream_key
from ipvae.train.datasets.images import load_images
from ipvae.train.infer import infer
from ipvae.train.run.fit import fit
from ipvae.train.run.running_mean import RunningMean

SMALL = preset_config("digits", latents=6, steps=2, epochs=4, batch_size=300, threads=1)
STEPS = 20


@pytest.fixture(scope="module")
def images():
    return load_images("digits")


def trained(config, images):
    """Return the trained parameters, the history, and the parameters after each step."""
    after = []
    model, history = fit(config, images, keep=lambda _, state: after.append(state().params))
    return model.arrays(), history, after


@pytest.mark.parametrize(("fraction", "count"), [(0.25, 5), (0.5, 10), (1.0, 20), (0.01, 0)])
def test_model_is_the_mean_after_the_last_steps(images, fraction, count):
    config = dataclasses.replace(SMALL, average_fraction=fraction)
    params, history, after = trained(config, images)
    last, plain, _ = trained(SMALL, images)
    assert len(after) == STEPS
    for name, value in params.items():
        assert np.array_equal(after[-1][name], last[name])  # the same optimiser steps
        taken = [step[name].astype(np.float64) for step in after[-max(count, 1) :]]
        assert value.dtype == np.float32 and value.shape == last[name].shape
        assert np.allclose(value, np.mean(taken, axis=0), rtol=1e-6, atol=1e-9), name
    assert (count == 0) == all(np.array_equal(params[name], last[name]) for name in last)
    assert [entry["loss"] for entry in history] == [entry["loss"] for entry in plain]


def test_held_out_figures_are_those_of_the_mean_once_it_has_begun(images):
    params, history, _ = trained(dataclasses.replace(SMALL, average_fraction=0.5), images)
    _, plain, _ = trained(SMALL, images)
    x = images.test[:500]
    seed = stream_key(SMALL.seed, 3)
    counts = infer(params, x, [SMALL.steps], seed=seed, threads=1)[SMALL.steps].counts
    found = quality(x, counts, params["phi"])
    assert {name: history[-1][name] for name in found} == found
    assert history[:2] == plain[:2]
    assert all(
        one["mse"] != other["mse"] for one, other in zip(history[2:], plain[2:], strict=True)
    )


def test_mean_of_many_steps_keeps_small_changes():
    steps = 3000
    values = [np.float32(1.0), *[np.float32(1.0 + 2.0**-20)] * (steps - 1)]
    mean = functools.reduce(lambda m, v: m.plus({"a": np.asarray(v)}), values, RunningMean())
    assert mean.count == steps
    assert mean.params["a"] == pytest.approx(1.0 + 2.0**-20 * (1 - 1 / steps), rel=1e-14)


def test_learning_rate_decays_to_the_final_rate(images):
    config = dataclasses.replace(SMALL, final_rate=0.5, warmup_fraction=0.0)
    _, history, _ = trained(config, images)
    rates = [entry["learning_rate"] / config.learning_rate for entry in history]
    expected = [0.5 + 0.25 * (1 + np.cos(np.pi * done / STEPS)) for done in (4, 9, 14, 19)]
    assert rates == pytest.approx(expected)
