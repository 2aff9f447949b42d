"""The authors' models behave here as in their code; golden data: iterative_vae/README.md."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ipvae.errors import FormatError, InputError
from ipvae.evaluation.metrics import mse, r2
from ipvae.export.importers.iterative_vae import from_iterative_vae
from ipvae.train.datasets.images import load_images
from ipvae.train.infer import infer
from ipvae.train.models.dynamics import precision_of, step_direct, step_gram

GOLDEN = Path(__file__).parents[1] / "iterative_vae"
CHECKPOINT = next(GOLDEN.glob("*.pt"))
CONFIG = json.loads((GOLDEN / "ConfigPoisVAE.json").read_text())
M, K, LIMIT = 256, 24, 10.0

# 32 updates with three roundings each of numbers up to 16 in size: 32 * 3 * 2**-20 = 9e-5.
# Measured: 1.9e-6 in the direct form, 1.7e-5 in the Gram form.
BOUND = 1e-4


@pytest.fixture(scope="module")
def imported():
    return from_iterative_vae(CHECKPOINT)


@pytest.fixture(scope="module")
def images():
    """Held-out digits as their training saw them: each pixel doubled to 16 x 16."""
    return load_images("digits").test.reshape(-1, 8, 8).repeat(2, 1).repeat(2, 2).reshape(-1, M)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "trajectories.npz") as file:
        return dict(file)


def test_tensors_are_theirs(imported):
    model = torch.load(CHECKPOINT, weights_only=False)["model"]
    for theirs, ours in (
        ("phi.weight", "phi"),
        ("u_init.0", "u0"),
        ("log_bias", "log_bias"),
        ("log_lr.0", "log_lr"),
        ("dec_log_sigma", "log_sigma_raw"),
    ):
        want = model[f"layer.{theirs}"].numpy().reshape(imported.params[ours].shape)
        np.testing.assert_array_equal(imported.params[ours], want)
    assert imported.params["phi"].shape == (M, K)
    settings = imported.settings
    assert (settings.steps, settings.clamp, settings.inner_iterations) == (16, 10.0, 1)
    assert (settings.dataset, settings.beta, settings.neurons) == (
        "BALLS16",
        CONFIG["beta_outer"],
        K,
    )


@pytest.mark.parametrize("form", ["direct", "gram"])
def test_their_draws_give_their_trajectories(imported, images, golden, form):
    """u_1 .. u_32 of four images from u_0 and the counts that their updates drew."""
    params = {name: torch.from_numpy(array) for name, array in imported.params.items()}
    phi, precision = params["phi"], precision_of(params["log_sigma_raw"])
    step_size, bias = params["log_lr"].exp(), params["log_bias"].exp()
    x = torch.from_numpy(images[:4])
    weighted = precision[:, None] * phi
    drive, gram = step_size * (x @ weighted - bias), step_size * (phi.T @ weighted)
    u = params["u0"].expand(4, -1)
    found = []
    for z in torch.from_numpy(golden["z_update"].astype(np.float32)).unbind(1):
        if form == "gram":
            u = step_gram(u, drive, z @ gram, LIMIT)
        else:
            u = step_direct(
                u, z, x, phi=phi, precision=precision, step_size=step_size, bias=bias, limit=LIMIT
            )
        found.append(u.numpy())
    assert len(found) == 32
    assert np.abs(np.stack(found, 1) - golden["u"]).max() < BOUND
    assert golden["u"].max() - golden["u"].min() > 5
    assert golden["z_update"].max() > 3


def test_their_draws_give_their_reconstructions(imported, golden):
    counts = golden["z_readout"][:, golden["recon_steps"] - 1].astype(np.float64)
    np.testing.assert_allclose(
        counts @ imported.params["phi"].T.astype(np.float64), golden["recon"], atol=1e-5
    )


def test_metrics_agree_within_sampling_error(imported, images):
    """Mean over eight seeds of each code, within five standard errors of their difference."""
    theirs = json.loads((GOLDEN / "figures.json").read_text())
    steps = [int(step) for step in theirs]
    runs = [infer(imported.params, images, steps, seed=seed) for seed in range(8)]
    for step in steps:
        counts = [run[step].counts for run in runs]
        recon = [z @ imported.params["phi"].T for z in counts]
        ours = {
            "r2": [r2(images, x) for x in recon],
            "mse": [mse(images, x) for x in recon],
            "zeros": [float((z == 0).mean()) for z in counts],
        }
        for name, values in ours.items():
            a, b = np.array(values), np.array(theirs[str(step)][name])
            error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
            assert abs(a.mean() - b.mean()) < 5 * error, (step, name, a.mean(), b.mean())
            assert error < 0.02 * abs(b.mean())


@pytest.fixture
def altered(tmp_path):
    """Copy the golden checkpoint and its configuration, changed; None leaves an entry away."""

    def make(model=None, config=None, name="ConfigPoisVAE.json"):
        content = torch.load(CHECKPOINT, weights_only=False)
        tensors = {**content["model"], **(model or {})}
        content["model"] = {key: value for key, value in tensors.items() if value is not None}
        torch.save(content, tmp_path / "fit" / "c.pt")
        settings = {k: v for k, v in {**CONFIG, **(config or {})}.items() if v is not None}
        (tmp_path / name).write_text(json.dumps(settings))
        return tmp_path / "fit" / "c.pt"

    (tmp_path / "fit").mkdir()
    return make


def refused(path, *parts, **options):
    with pytest.raises((InputError, FormatError)) as info:
        from_iterative_vae(path, **options)
    assert "\n" not in str(info.value) and str(info.value).isprintable()
    for part in parts:
        assert part in str(info.value)


def test_configuration_of_a_training_lies_one_folder_above(altered, imported):
    found = from_iterative_vae(altered(config={"n_iters_outer": 2}))
    assert found.settings.steps == 32
    np.testing.assert_array_equal(found.params["phi"], imported.params["phi"])


def test_what_a_configuration_does_not_state_comes_as_options(altered):
    path = altered(config=dict.fromkeys(CONFIG, None) | {"t_train": 16, "clamp_u": 10.0})
    refused(path, "Give inner_iterations=")
    found = from_iterative_vae(path, inner_iterations=1).settings
    assert (found.steps, found.dataset, found.beta, found.neurons) == (16, None, None, None)


def test_a_checkpoint_without_buffers_is_read(altered, imported):
    buffers = ("layer.eps", "layer.temp", "layer.beta_inner", "layer.n_exp")
    found = from_iterative_vae(altered(dict.fromkeys(buffers)))
    np.testing.assert_array_equal(found.params["phi"], imported.params["phi"])


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"n_iters_inner": 2}, "2 inner iterations (n_iters_inner), allowed 1"),
        ({"dec_type": "conv"}, "dec_type is 'conv', allowed 'lin'"),
        ({"inf_type": "leapfrog"}, "inf_type is 'leapfrog', allowed 'grad'"),
        ({"clamp_u": 8.0, "clamp_du": 8.0}, "limit is 8 (clamp_u), allowed 10"),
        ({"clamp_du": 7.0}, "clamp_du is 7 and clamp_u is 10, allowed 10 for both"),
        ({"clamp_u": [7.0, 2.0]}, "clamp_u is [7.0, 2.0], allowed a number"),
        ({"dataset": "MNIST+rotate"}, "'MNIST+rotate', whose images move"),
        ({"latent_act": "relu"}, "continuous latents"),
        ({"n_latents": [512]}, "n_latents is 512, the checkpoint has 24"),
        (
            {"t_train": None},
            "does not contain all of t_train, clamp_u, n_iters_inner. Give steps=.",
        ),
        ({"t_train": 0}, "t_train is 0, allowed are whole numbers from 1"),
        ({"n_iters_inner": 1.5}, "n_iters_inner is 1.5, allowed are whole numbers"),
        ({"n_iters_inner": True}, "n_iters_inner is True"),
        ({"clamp_u": float("nan")}, "clamp_u is nan"),
    ],
)
def test_what_we_cannot_run_is_refused_with_the_reason(altered, config, part):
    refused(altered(config=config), part, "ConfigPoisVAE.json: ")


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ({"layer.u_init.1": torch.zeros(1, K)}, "Gaussian latents (layer.u_init.1)"),
        ({"layer.log_lr.1": torch.zeros(1)}, "Gaussian latents"),
        ({"layer.encoder.weight": torch.zeros(1)}, "model holds layer.encoder.weight"),
        ({"layer.log_bias": None}, "model lacks layer.log_bias"),
        ({"layer.phi.weight": 3}, "model lacks layer.phi.weight"),
        ({"layer.eps": torch.tensor(0.5)}, "layer.eps is 0.5, allowed 1"),
        ({"layer.phi.weight": torch.zeros(4, 1, 3, 3)}, "allowed (pixels, neurons)"),
        ({"layer.phi.weight": torch.zeros(K, M)}, "layer.u_init.0: found (1, 24); with 24 pixels"),
        ({"layer.dec_log_sigma": torch.zeros(1, 1)}, "layer.dec_log_sigma: found (1, 1)"),
        ({"layer.log_lr.0": torch.zeros(2)}, "allowed is one number"),
        ({"layer.log_lr.0": torch.tensor([math.inf])}, "values that are not finite"),
    ],
)
def test_models_of_another_make_are_refused(altered, model, part):
    refused(altered(model), part, "c.pt: ")


@pytest.mark.parametrize(
    "wrap", ["_orig_mod.{}", "module.{}", "module._orig_mod.{}", "layer._orig_mod.{tail}"]
)
@pytest.mark.parametrize("at", ["model", "state_dict", None])
def test_compiled_and_parallel_models_are_read(tmp_path, imported, wrap, at):
    model = torch.load(CHECKPOINT, weights_only=False)["model"]
    named = {wrap.format(k, tail=k.removeprefix("layer.")): v for k, v in model.items()}
    torch.save({at: named} if at else named, tmp_path / "a.pt")
    found = from_iterative_vae(tmp_path / "a.pt", GOLDEN / "ConfigPoisVAE.json").params
    for name, array in imported.params.items():
        np.testing.assert_array_equal(found[name], array)


def test_bfloat16_models_are_read(tmp_path, imported):
    model = torch.load(CHECKPOINT, weights_only=False)["model"]
    half = {name: tensor.bfloat16() for name, tensor in model.items()}
    torch.save({"model": half}, tmp_path / "a.pt")
    found = from_iterative_vae(tmp_path / "a.pt", GOLDEN / "ConfigPoisVAE.json").params
    want = half["layer.phi.weight"].float().numpy()
    np.testing.assert_array_equal(found["phi"], want)
    assert np.abs(found["phi"] - imported.params["phi"]).max() > 0


def test_a_name_with_and_without_its_wrapper_is_refused(altered):
    refused(altered({"module.layer.log_bias": torch.zeros(K)}), "model holds layer.log_bias twice")


def test_control_characters_do_not_reach_the_terminal(altered):
    refused(altered({"layer.\x1b[31m": torch.ones(1)}), r"holds layer.\x1b[31m; allowed")
    refused(altered(config={"t_train": "\x1b[31m"}), r"t_train is \x1b[31m, allowed")


def test_a_checkpoint_without_a_model_is_refused(tmp_path):
    for content in ({"state": 1}, [1], {"model": 3}):
        torch.save(content, tmp_path / "a.pt")
        refused(tmp_path / "a.pt", "has no entry 'model'")


def test_configuration_of_continuous_latents_is_refused(altered):
    refused(altered(name="ConfigGausVAE.json"), "ConfigGausVAE.json: describes continuous latents")


def test_options_stand_in_for_the_configuration(tmp_path):
    path = tmp_path / "fit" / "c.pt"
    path.parent.mkdir()
    shutil.copy(CHECKPOINT, path)
    refused(path, "no ConfigPoisVAE.json", "steps=, clamp=, inner_iterations=")
    refused(path, "or clamp=.", steps=16, inner_iterations=1)
    given = {"steps": 16, "clamp": 10.0, "inner_iterations": 1}
    assert from_iterative_vae(path, **given).settings.steps == 16
    refused(path, "3 inner iterations", **{**given, "inner_iterations": 3})
    refused(path, "limit is 8", **{**given, "clamp": 8.0})
    refused(path, "0 steps", **{**given, "steps": 0})
    config = GOLDEN / "ConfigPoisVAE.json"
    assert from_iterative_vae(path, config, steps=16).settings.steps == 16
    refused(path, "steps: found 8", "allowed 16", config=config, steps=8)


def test_configurations_that_cannot_be_read_are_refused(tmp_path):
    path = tmp_path / "c.json"
    refused(CHECKPOINT, "c.json: cannot be read (No such file", config=path)
    os.mkfifo(tmp_path / "pipe.json")
    for special in (Path("/dev/zero"), tmp_path / "pipe.json"):
        refused(CHECKPOINT, f"{special}: cannot be read (it is no regular", config=special)
    for content, part in ((b"{", "not readable"), (b"[" * 10**5, "not readable"), (b"3", "a int")):
        path.write_bytes(content)
        refused(CHECKPOINT, f"c.json: {part}" if part != "a int" else "holds a int", config=path)
    path.write_bytes(b" " * (2 << 20))
    refused(CHECKPOINT, "c.json: 2097152 bytes, allowed are up to", config=path)


def test_two_configurations_ask_which(altered):
    path = altered()
    for name in ("ConfigPoisVAE.json", "ConfigOther.json"):
        (path.parent / name).write_text(json.dumps(CONFIG))
    refused(path, "2 model configurations (ConfigOther.json, ConfigPoisVAE.json)", "config=")
