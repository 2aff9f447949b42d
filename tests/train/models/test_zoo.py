"""Every member trains, is stored, continues from any state, and generates by its own law."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from scipy import stats

from ipvae.errors import CheckpointError, ConfigError, DataError, DivergenceError
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.figures import figures, moments
from ipvae.float_models.zoo import DENSE, MODEL_SPECS, PRIORS
from ipvae.train.datasets.images import Images, load_images
from ipvae.train.draws import exact_draws
from ipvae.train.infer import infer
from ipvae.train.models.latents import LATENTS, LOG_SCALE_MAX
from ipvae.train.models.trainable_ipvae import gaussian_nll
from ipvae.train.models.vae import VAE
from ipvae.train.run.fit import fit, to_checkpoint
from ipvae.train.run.resume import ResumeState, read_unfinished, write_unfinished
from ipvae.train.run.state import TrainState

torch.set_num_threads(1)
AMORTIZED = [name for name, member in MODEL_SPECS.items() if member.inference == "amortized"]
BITS = ["igrelu", "gvae-conv"]


@pytest.fixture(scope="module")
def images():
    return load_images("digits")


@pytest.fixture(scope="module")
def trained(images):
    """Each member after a few epochs, trained once."""
    kept = {}

    def train(name):
        if name not in kept:
            steps = 1 if name in AMORTIZED else 6
            config = preset_config("digits", model=name, latents=24, steps=steps, epochs=12)
            config = dataclasses.replace(config, learning_rate=0.02, beta=0.5)
            model, history = fit(config, images)
            kept[name] = model, history, to_checkpoint(model, config, images, history)
        return kept[name]

    return train


@pytest.mark.parametrize("name", DENSE)
def test_a_short_training_lowers_the_loss_and_the_held_out_error(trained, name):
    _, history, _ = trained(name)
    assert history[-1]["loss"] < history[0]["loss"] - 60
    assert history[-1]["mse"] < history[0]["mse"]
    assert history[-1]["r2"] > 0.1
    zeros = history[-1]["zeros"]
    bounds = {"poisson": (0.3, 1.0), "gaussian": (-1.0, 1e-9), "rectified": (0.05, 0.9)}
    low, high = bounds[MODEL_SPECS[name].latent]
    assert low < zeros < high


@pytest.mark.parametrize("name", DENSE)
def test_a_model_survives_its_checkpoint(trained, images, tmp_path, name):
    model, _, checkpoint = trained(name)
    save_checkpoint(tmp_path, checkpoint)
    back = load_checkpoint(tmp_path)
    assert (back.model, back.config, back.n_latents) == (name, checkpoint.config, 24)
    assert list(back.params.keys() ^ model.arrays().keys()) == []
    assert all(np.array_equal(back.params[key], a) for key, a in model.arrays().items())
    again = VAE.from_arrays(name, back.data.image_shape, back.params)
    assert all(np.array_equal(back.params[key], a) for key, a in again.arrays().items())


def test_tensors_of_another_member_are_refused(trained, images, tmp_path):
    _, _, checkpoint = trained("igvae")
    other = dataclasses.replace(checkpoint, config=preset_config("digits", latents=24))
    with pytest.raises(CheckpointError, match=r"unknown tensors \['log_lr_mean'.*for ipvae are"):
        save_checkpoint(tmp_path, other)
    broken = {**checkpoint.params, "mean0": checkpoint.params["mean0"][:7]}
    with pytest.raises(CheckpointError, match=r"phi: found float32 .*\(the length of mean0\)"):
        save_checkpoint(tmp_path, dataclasses.replace(checkpoint, params=broken))
    broken["mean0"] = np.zeros((2, 2), np.float32)
    with pytest.raises(CheckpointError, match=r"mean0: found float32 \(2, 2\), allowed float32"):
        save_checkpoint(tmp_path, dataclasses.replace(checkpoint, params=broken))


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_state_on_the_way_leads_to_the_same_bits(images, tmp_path, name, threads):
    steps = 1 if name in AMORTIZED else 2
    config = preset_config(
        "digits", model=name, latents=6, steps=steps, epochs=2, batch_size=500, threads=threads
    )
    states = []
    model, history = fit(config, images, keep=lambda _, state: states.append(state()))
    assert len(states) == 6
    for state in states:
        write_unfinished(tmp_path, ResumeState(config, "", state, [0.0]))
        stored = read_unfinished(tmp_path)
        assert stored is not None
        again, stored_history = fit(config, images, start=stored.state)
        assert stored_history == history
        for key, array in model.arrays().items():
            assert again.arrays()[key].tobytes() == array.tobytes(), (state.done, key)


def test_state_of_an_unknown_model_is_refused(images, tmp_path):
    config = preset_config("digits", model="gvae-conv", latents=6)
    state = fit(dataclasses.replace(config, epochs=1, batch_size=2000), images)[0].arrays()
    zeros = {key: np.zeros_like(a) for key, a in state.items()}
    write_unfinished(tmp_path, ResumeState(config, "", TrainState(0, state, zeros, zeros), [0.0]))
    path = tmp_path / "resume.safetensors"
    path.write_bytes(path.read_bytes().replace(b"gvae-conv", b"gvae-cone"))
    with pytest.raises(CheckpointError, match=r"not readable \('gvae-cone'\).*overwrite=True"):
        read_unfinished(tmp_path)


@pytest.mark.parametrize("name", ["igvae", "grelu-mlp"])
def test_shards_change_only_how_sums_round(images, name):
    config = preset_config("digits", model=name, latents=8, epochs=1, batch_size=719)
    config = dataclasses.replace(config, steps=min(config.steps, 4))
    one = fit(config, images)[0].arrays()
    three = fit(dataclasses.replace(config, threads=3), images)[0].arrays()
    for key in one:
        assert np.allclose(one[key], three[key], rtol=1e-3, atol=1e-5), key


@pytest.mark.parametrize("name", ["igvae", "pvae-conv", "iavae"])
def test_inference_does_not_depend_on_batches(trained, images, name):
    _, _, checkpoint = trained(name)
    options = {"model": name, "image_shape": images.shape}
    whole = infer(checkpoint.params, images.test[:60], [1], batch_size=60, threads=1, **options)[1]
    parts = infer(checkpoint.params, images.test[:60], [1], batch_size=25, threads=3, **options)[1]
    for one, other in zip(whole.belief, parts.belief, strict=True):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-4)
    assert np.mean(np.isclose(whole.counts, parts.counts, rtol=1e-3, atol=1e-3)) > 0.98


@pytest.mark.parametrize("name", AMORTIZED)
def test_amortized_models_have_one_step(trained, images, name):
    with pytest.raises(ConfigError, match=rf"'steps' is 3, but {name} infers in one pass.*ipvae"):
        preset_config("digits", model=name, steps=3)
    _, _, checkpoint = trained(name)
    options = {"model": name, "image_shape": images.shape}
    with pytest.raises(DataError, match=rf"steps are \[1, 2\]; {name} infers in one pass"):
        infer(checkpoint.params, images.test[:2], [1, 2], **options)
    prior = infer(checkpoint.params, images.test[:2], [0, 1], **options)[0]
    assert np.array_equal(prior.belief[0][0], checkpoint.params[MODEL_SPECS[name].belief_name])


def test_a_convolution_needs_the_images_shape(trained, images):
    _, _, checkpoint = trained("pvae-conv")
    with pytest.raises(DataError, match=r"image_shape is None; pvae-conv needs \(height, width\)"):
        infer(checkpoint.params, images.test[:2], [1], model="pvae-conv")


def test_official_kl_is_of_iterated_poisson_beliefs_only():
    assert preset_config("digits", model="iavae").kl == "official"
    for name in ("igvae", "pvae-mlp"):
        with pytest.raises(ConfigError, match=f"'kl' is 'official'.*allowed for {name} is exact"):
            preset_config("digits", model=name, kl="official")


def test_unknown_model_is_refused_with_all_names():
    with pytest.raises(ConfigError, match="'model' is 'vae'; allowed are ipvae, igvae, .*conv"):
        preset_config("digits", model="vae")


@pytest.mark.parametrize(("name", "has"), [("igvae", True), ("pvae-mlp", False)])
def test_divergence_names_step_sizes_where_there_are_some(images, name, has):
    parts = {f.name: getattr(images, f.name) for f in dataclasses.fields(images)}
    broken = Images(**parts)
    bad = images.train.copy()
    bad[700, 3] = np.inf
    broken.__dict__["train"] = bad
    config = preset_config("digits", model=name, latents=6, epochs=1)
    with pytest.raises(DivergenceError, match="[Tt]ry a lower learning_rate=") as caught:
        fit(config, broken)
    message = str(caught.value)
    assert bool(re.search(r"step size was [\d.]+ and [\d.]+ and the learning", message)) == has
    assert ("fewer steps=" in message) == has
    assert "\n" not in message


@pytest.mark.parametrize("name", ["ipvae", "igvae", "grelu-linear"])
def test_samples_follow_the_prior(trained, images, name):
    """Mean and covariance of n images: 6 standard errors; codes: p-value 1e-6 for each latent."""
    model, _, checkpoint = trained(name)
    n, params = 40_000, {k: a.astype(np.float64) for k, a in checkpoint.params.items()}
    general = VAE.from_arrays(name, images.shape, checkpoint.params)
    latent = general.latent
    prior = tuple(params[key][None] for key in PRIORS[MODEL_SPECS[name].latent])
    mean, variance = (part[0] for part in moments(MODEL_SPECS[name].latent, prior))
    phi = params["phi"]
    deviation = np.exp(3.45 * np.tanh(params["log_sigma_raw"] / 3.45))
    plain, noisy = (model.sample(n, 5, noise=noise).astype(np.float64) for noise in (False, True))
    assert plain.shape == noisy.shape == (n, 64) and plain.dtype == np.float64
    covariance = (phi * variance) @ phi.T
    for got, extra in ((plain, 0.0), (noisy, deviation**2)):
        spread = np.sqrt((np.diag(covariance) + extra) / n)
        assert (np.abs(got.mean(axis=0) - phi @ mean) < 6 * spread + 1e-5).all()
        centred = got - phi @ mean
        products = centred[:, :1] * centred
        error = products.std(axis=0) / math.sqrt(n)
        want = covariance[0] + np.eye(64)[0] * extra
        assert (np.abs(products.mean(axis=0) - want) < 6 * error + 1e-5).all()
    z = latent.draw(general.prior(n), exact_draws(5), 0).detach().numpy()
    for k in range(z.shape[1]):
        if name == "ipvae":
            rate = math.exp(params["u0"][k])
            found = np.bincount(np.minimum(z[:, k].astype(int), 1), minlength=2)
            assert stats.binomtest(int(found[0]), n, math.exp(-rate)).pvalue > 1e-6
        else:
            law = stats.norm(params["mean0"][k], math.exp(params["log_scale0"][k]))
            assert stats.kstest(z[:, k], law.cdf).pvalue > 1e-6
    assert np.array_equal(model.sample(7, 5), model.sample(7, 5))
    assert not np.array_equal(model.sample(7, 5), model.sample(7, 6))


@pytest.mark.parametrize("name", ["ipvae", "gvae-mlp", "igrelu"])
def test_figures_equal_a_mean_over_draws(trained, images, name):
    """NLL against 2000 draws from the belief: 5 standard errors; KL against its definition."""
    _, _, checkpoint = trained(name)
    x, step = images.test[:3], checkpoint.config.steps
    state = infer(checkpoint.params, x, [step], model=name, image_shape=images.shape)[step]
    got = figures(checkpoint, x, state)
    assert got.elbo == -(got.nll + got.kl)
    latent = LATENTS[MODEL_SPECS[name].latent]
    model = VAE.from_arrays(name, images.shape, checkpoint.params)
    n, found = 2000, []
    deviation = 3.45 * torch.tanh(model.params["log_sigma_raw"].detach() / 3.45)
    for i in range(3):
        belief = tuple(torch.from_numpy(part[i]).expand(n, -1) for part in state.belief)
        code = latent.code(latent.draw(belief, exact_draws(i), 0))
        residual = torch.from_numpy(x[i]) - code @ model.params["phi"].detach().T
        found.append(gaussian_nll((residual * torch.exp(-deviation)).square().sum(1), deviation))
    draws = torch.stack(found).double()
    error = math.sqrt(float(draws.var(dim=1).sum()) / n) / 3
    assert abs(got.nll - float(draws.mean())) < 5 * error
    belief = tuple(torch.from_numpy(part) for part in state.belief)
    kl = latent.kl(belief, model.prior(3)).sum(1).mean().item()
    assert got.kl == pytest.approx(kl, rel=1e-4)
    assert got.active_latents + got.dead_latents == 24


def one_pixel(images, name, **changes):
    """Figures of a model of one pixel and one latent, all parameters 0.3 but for changes."""
    shapes = MODEL_SPECS[name].shapes((1, 1), 1)
    params = {key: np.full(shape, 0.3, np.float32) for key, shape in shapes.items()}
    for key, value in changes.items():
        params[key] = np.asarray(value, np.float32).reshape(shapes[key])
    config = preset_config("digits", model=name, latents=1)
    info = dataclasses.replace(images.info, image_shape=(1, 1))
    state = infer(params, PIXELS, [1], model=name, image_shape=(1, 1))[1]
    return figures(Checkpoint(params, config, info), PIXELS, state)


PIXELS = np.array([[0.1], [0.5], [0.9]], np.float32)
WEIGHT, SIGMA = float(np.float32(0.3)), math.exp(3.45 * math.tanh(0.3 / 3.45))


def test_elbo_equals_the_evidence_where_the_belief_is_the_posterior(images):
    scale0 = math.exp(WEIGHT)
    variance = 1 / (scale0**-2 + WEIGHT**2 / SIGMA**2)
    log_scale = LOG_SCALE_MAX * math.atanh(0.5 * math.log(variance) / LOG_SCALE_MAX)
    got = one_pixel(
        images,
        "gvae-linear",
        encoder_weight=[variance * WEIGHT / SIGMA**2, 0.0],
        encoder_bias=[variance * WEIGHT / scale0**2 - WEIGHT, log_scale - WEIGHT],
    )
    evidence = stats.norm.logpdf(PIXELS, WEIGHT**2, math.hypot(SIGMA, WEIGHT * scale0)).mean()
    assert got.elbo == pytest.approx(evidence, abs=1e-5)
    assert one_pixel(images, "gvae-linear").elbo < evidence - 0.01


def test_elbo_of_counts_is_below_the_evidence(images):
    k = np.arange(60)
    prior = stats.poisson.pmf(k, math.exp(WEIGHT))
    evidence = np.log((prior * stats.norm.pdf(PIXELS, WEIGHT * k, SIGMA)).sum(axis=1)).mean()
    found = [
        one_pixel(images, "pvae-linear", encoder_weight=w, encoder_bias=b).elbo
        for w in (-0.5, 0.0, 0.2)
        for b in (-0.4, -0.2, 0.0, 0.2)
    ]
    assert evidence - 0.05 < max(found) < evidence


@pytest.mark.parametrize("name", ["gvae-linear", "pvae-linear"])
def test_a_latent_that_does_not_see_the_image_is_dead(images, name):
    shape = MODEL_SPECS[name].shapes((1, 1), 1)["encoder_weight"]
    seeing = one_pixel(images, name, encoder_weight=np.ones(shape))
    blind = one_pixel(images, name, encoder_weight=np.zeros(shape))
    assert (seeing.active_latents, seeing.dead_latents) == (1, 0)
    assert (blind.active_latents, blind.dead_latents) == (0, 1)
