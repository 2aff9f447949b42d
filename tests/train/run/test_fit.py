"""A few seconds of training, inference from its result, and its ways to fail."""

import dataclasses

import numpy as np
import pytest
import torch

from ipvae.errors import ConfigError, DataError, DivergenceError
from ipvae.evaluation.metrics import quality
from ipvae.export.rounding.fake_quantize import rounding_to
from ipvae.float_models.checkpoint import load_checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.train.datasets.images import Images, load_images
from ipvae.train.fused.parallel import split
from ipvae.train.infer import infer
from ipvae.train.run.fit import Progress, fit, new_model, to_checkpoint
from ipvae.train.run.warm_start import state_from

torch.set_num_threads(1)
SHORT = preset_config("digits", latents=32, steps=8, epochs=16, batch_size=100, threads=1)


@pytest.fixture(scope="module")
def images():
    return load_images("digits")


@pytest.fixture(scope="module")
def trained(images):
    seen: list[Progress] = []
    config = dataclasses.replace(SHORT, learning_rate=0.02, beta=0.5)
    model, history = fit(config, images, progress=seen.append)
    return config, model, history, seen


def test_short_training_lowers_the_loss_and_raises_r2(trained):
    _, _, history, _ = trained
    assert [entry["epoch"] for entry in history] == list(range(1, 17))
    assert history[-1]["loss"] < history[0]["loss"] - 100
    assert history[-1]["r2"] > history[0]["r2"] + 0.2
    assert history[-1]["r2"] > 0.5
    assert 0.4 < history[-1]["zeros"] < 1.0


def test_progress_is_reported_every_step(trained):
    config, _, history, seen = trained
    batches = -(-1437 // config.batch_size)
    assert [state.done for state in seen] == list(range(1, 16 * batches + 1))
    assert seen[-1].total == seen[-1].done
    assert seen[0].record is None
    assert seen[-1].record == history[-1]


def test_trained_model_survives_its_checkpoint(trained, images, tmp_path):
    config, model, history, _ = trained
    save_checkpoint(tmp_path, to_checkpoint(model, config, images, history))
    back = load_checkpoint(tmp_path)
    assert back.config == config
    assert back.metrics["r2"] == history[-1]["r2"]
    assert back.data == images.info
    for name, array in model.arrays().items():
        assert np.array_equal(back.params[name], array)


def test_training_is_deterministic_and_depends_on_the_seed(images):
    config = dataclasses.replace(SHORT, epochs=1)
    one, again = fit(config, images)[0].arrays(), fit(config, images)[0].arrays()
    other = fit(dataclasses.replace(config, seed=1), images)[0].arrays()
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["phi"], other["phi"])


def test_divergence_stops_with_a_clear_error(images):
    broken = Images(**{f.name: getattr(images, f.name) for f in dataclasses.fields(images)})
    bad = images.train.copy()
    bad[700, 3] = np.inf
    broken.__dict__["train"] = bad
    with pytest.raises(DivergenceError, match=r"diverged at optimiser step \d+ of 15: .*lower"):
        fit(dataclasses.replace(SHORT, epochs=1), broken)


@pytest.mark.parametrize("device", ["abacus", "meta", "meta:0", "cuda:99", "mps:9", ""])
def test_device_that_cannot_train_is_refused(images, device):
    with pytest.raises(ConfigError) as caught:
        fit(SHORT, images, device=device)
    message = str(caught.value)
    assert message.startswith(f"device {device!r} cannot be used here (")
    assert "; allowed are cpu, cuda, mps as far as this machine has them. Use " in message
    assert "\n" not in message and len(message) < 500


def test_processor_with_an_index_is_a_device(images):
    config = dataclasses.replace(SHORT, epochs=1)
    plain, indexed = (fit(config, images, device=name)[0].arrays() for name in ("cpu", "cpu:0"))
    assert all(np.array_equal(plain[name], indexed[name]) for name in plain)


def test_shards_change_only_how_sums_round(images):
    # A few steps: later on rounding grows, as it does in any chaotic iteration.
    config = dataclasses.replace(SHORT, epochs=1, batch_size=719)
    before = torch.get_num_threads()
    one = fit(config, images)[0].arrays()
    three = fit(dataclasses.replace(config, threads=3), images)[0].arrays()
    assert torch.get_num_threads() == before
    for name in one:
        assert np.allclose(one[name], three[name], rtol=1e-3, atol=1e-5), name


def test_split_covers_all_without_empty_parts():
    for n, parts in ((10, 3), (2, 5), (7, 1)):
        slices = split(n, parts)
        assert [i for s in slices for i in range(n)[s]] == list(range(n))
        assert all(s.stop > s.start for s in slices)
        assert len(slices) == min(n, parts)


def test_inference_draws_whole_counts_at_the_asked_steps(trained, images):
    _, model, _, _ = trained
    states = infer(model.arrays(), images.test[:50], [16, 0, 16, 4])
    assert list(states) == [0, 4, 16]
    assert np.array_equal(states[16].counts, np.round(states[16].counts))
    assert np.allclose(states[0].log_rates, model.arrays()["u0"])
    figures = quality(images.test[:50], states[16].counts, model.arrays()["phi"])
    assert figures["r2"] > 0.4


def test_inference_does_not_depend_on_batches(trained, images):
    _, model, _, _ = trained
    whole = infer(model.arrays(), images.test[:60], [3], batch_size=60, threads=1)[3]
    parts = infer(model.arrays(), images.test[:60], [3], batch_size=25, threads=3)[3]
    assert np.array_equal(whole.counts[:25], parts.counts[:25])
    assert np.mean(whole.counts == parts.counts) > 0.99  # sums may round apart
    assert np.allclose(whole.log_rates[:25], parts.log_rates[:25], atol=1e-4)


def test_inference_follows_the_equations(trained, images):
    _, model, _, _ = trained
    p = {name: a.astype(np.float64) for name, a in model.arrays().items()}
    x = images.test[:20].astype(np.float64)
    states = infer(model.arrays(), images.test[:20], [4, 5])
    z, u = states[4].counts.astype(np.float64), states[4].log_rates.astype(np.float64)

    def clamp(v):
        return 10 - np.log1p(np.exp(10 - np.maximum(v, -8)))

    d = np.exp(-2 * 3.45 * np.tanh(p["log_sigma_raw"] / 3.45))
    push = ((x - z @ p["phi"].T) * d) @ p["phi"] - np.exp(p["log_bias"])
    want = clamp(u + clamp(np.exp(p["log_lr"]) * push))
    assert np.allclose(states[5].log_rates, want, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "steps", "text"),
    [
        ((3, 63), [1], r"images are \(3, 63\); the model needs \(N, 64\)"),
        ((3, 64), [], r"steps are \[\]; allowed are numbers of 0 and above"),
        ((3, 64), [-1], r"steps are \[-1\]"),
    ],
)
def test_inference_refuses_what_does_not_fit(trained, shape, steps, text):
    with pytest.raises(DataError, match=text):
        infer(trained[1].arrays(), np.zeros(shape, np.float32), steps)


@pytest.mark.parametrize("draws", [1, 2])  # fused, and through autograd
def test_rounding_is_felt_in_training_and_goes_with_weight_bits(images, draws):
    seen: list[tuple[int, int]] = []

    def to_tenths(matrix, change):
        seen.append(matrix.shape)
        return np.rint(matrix * 10 + change) / 10, 0.1, np.ones_like(matrix, dtype=bool)

    config = dataclasses.replace(SHORT, epochs=2, draws=draws, beta=0.5, learning_rate=0.02)
    _, plain = fit(config, images)
    rounded = dataclasses.replace(config, weight_bits=4)
    _, history = fit(rounded, images, rounding=to_tenths)
    batches = -(-1437 // config.batch_size)
    assert seen == [(32, 32)] * (2 * batches)
    assert history[-1]["loss"] != plain[-1]["loss"]
    with pytest.raises(ConfigError, match=r"'weight_bits' is 4; it needs the argument 'rounding'"):
        fit(rounded, images)
    with pytest.raises(ConfigError, match=r"'weight_bits' is 0; .* and 0 allows none"):
        fit(config, images, rounding=to_tenths)


def test_learned_rounding_lowers_the_loss_of_few_bits(trained, images, tmp_path):
    config, model, _, _ = trained
    config = dataclasses.replace(
        config, epochs=4, learning_rate=1e-5, temperature_start=0.2, temperature_end=0.2
    )
    config = dataclasses.replace(config, ramp_hold=0.0, ramp_fraction=0.0)

    def last_loss(**settings):
        chosen = dataclasses.replace(config, **settings)
        start = state_from(new_model(chosen, images), model.arrays(), tmp_path)
        rounding = rounding_to(chosen.weight_bits)
        return fit(chosen, images, start=start, rounding=rounding)[1][-1]["loss"]

    exact = last_loss()
    rounded = last_loss(weight_bits=2, rounding_rate=0.0)
    learned = last_loss(weight_bits=2)
    assert exact < learned < rounded
    assert rounded - learned > 0.1 * (rounded - exact)
