"""The command line on every member of the zoo."""

import json

import pytest

from ipvae.cli.commands.train import MODEL_HELP
from ipvae.float_models.zoo import DENSE, ENCODERS, MODEL_SPECS

TINY = ("--preset", "digits", "--latents", 6, "--epochs", 1)

EXPORTED = ("ipvae", "pvae-linear", "pvae-mlp")
REAL_NUMBERS, NORMAL_NOISE = "its latents are real numbers with noise", "deviation and by the input"
WHY_NOT = {
    "igvae": REAL_NUMBERS,
    "igrelu": NORMAL_NOISE,
    "iavae": "its iteration starts from an encoder's guess",
    "pvae-conv": "its encoder is convolutional",
    **dict.fromkeys(("gvae-linear", "gvae-mlp", "gvae-conv"), REAL_NUMBERS),
    **dict.fromkeys(("grelu-linear", "grelu-mlp", "grelu-conv"), NORMAL_NOISE),
}


def one_line(result, *parts):
    status, out, err = result
    assert (status, out, err.count("\n")) == (2, "", 1)
    for part in parts:
        assert part in err


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder for each model, trained when asked for."""
    from ipvae.cli.main import run_command

    home = tmp_path_factory.mktemp("zoo")

    def run(name):
        folder = home / name
        if not folder.exists():
            words = ["train", "--model", name, *TINY, "--out", folder, "--quiet"]
            assert run_command([str(word) for word in words]) == 0
        return folder

    return run


@pytest.mark.parametrize("name", DENSE)
def test_train_evaluate_info_and_export(command, runs, tmp_path, name):
    run = runs(name)
    command("--version")  # take what training printed
    member = MODEL_SPECS[name]
    words = ("--samples", 40, "--json", "-")
    status, found, _ = command("evaluate", run, *words)
    assert status == 0
    assert (found["model"], found["samples"]) == (name, 40)
    assert found["steps"] == (1 if member.inference == "amortized" else 64)
    assert found["elbo"] == pytest.approx(-found["nll"] - found["kl"])
    assert found["active_latents"] + found["dead_latents"] == 6
    assert {"step", "mse", "r2", "zeros"} <= found["curve"][0].keys()
    status, found, _ = command("info", run, "--json", "-")
    assert (status, found["model"], found["latent"]) == (0, name, member.latent)
    assert (found["inference"], found["encoder"]) == (member.inference, member.encoder or "none")
    status, _, err = exported = command("export", run, "--out", tmp_path / "net.h5")
    if name in EXPORTED:
        assert status == 0
        assert err.endswith("Train longer, or check the scale of the images\n")
        assert err.startswith(f"{run}: R2 of the network is -") and err.count("\n") == 1
        assert (tmp_path / "net.h5").exists()
    else:
        one_line(
            exported, f"'{name}', which cannot be exported: ", WHY_NOT[name], "--inference lca"
        )
        assert "Allowed are ipvae, pvae-linear and pvae-mlp" in err
        assert list(tmp_path.iterdir()) == []


def test_evaluate_states_nats_and_latents(command, runs):
    run = runs("gvae-mlp")
    status, out, _ = command("evaluate", run, "--samples", 20, "--probe")
    assert status == 0
    for part in ("ELBO ", "NLL ", "KL ", "nats per image", "active", "dead", "accuracy"):
        assert part in out.replace("\n", " ")


@pytest.mark.parametrize("name", ["igvae", "pvae-linear"])
def test_evaluate_by_sparse_coding(command, runs, name):
    run = runs(name)
    command("--version")
    words = ("--samples", 20, "--inference", "lca", "--steps", "1,400", "--json", "-")
    status, found, _ = command("evaluate", run, *words, "--probe")
    assert (status, found["inference"], found["threshold"]) == (0, "lca", 0.1)
    assert found["nonnegative"] == (name != "igvae")
    assert [point["step"] for point in found["curve"]] == [1, 400]
    assert found["curve"][1]["r2"] > found["curve"][0]["r2"]
    assert not {"elbo", "spikes"} & found.keys() and 0 <= found["accuracy"] <= 1
    status, stricter, _ = command("evaluate", run, *words, "--threshold", 0.5)
    assert stricter["zeros"] > found["zeros"]


@pytest.mark.parametrize("name", ["igvae", "pvae-conv"])
def test_sparse_coding_on_the_dictionary_of_any_model_can_be_exported(
    command, runs, tmp_path, name
):
    run = runs(name)
    command("--version")
    words = ("--inference", "lca", "--most-loss", 1, "--json", "-")
    status, found, _ = command("export", run, "--out", tmp_path / "net.h5", *words)
    assert (status, found["inference"], found["payload_bits"]) == (0, "lca", None)
    low, high = found["layers"][0]["bounds"]["z"]
    assert high > 0 and (low < 0) == (name == "igvae")  # counts have one sign, real numbers two


def test_options_of_evaluate_that_do_not_go_together(command, runs, make_network, tmp_path):
    run = runs("pvae-linear")
    make_network().save(tmp_path / "net.h5")
    command("--version")
    one_line(command("evaluate", run, "--inference", "ista"), "found ista, allowed model, lca")
    one_line(command("evaluate", run, "--threshold", 1), "--threshold: needs --inference lca")
    one_line(
        command("evaluate", tmp_path / "net.h5", "--inference", "lca"),
        "net.h5 is a network file",
        "give a model",
    )
    one_line(
        command("evaluate", run, "--inference", "lca", "--threshold", 0),
        "threshold is 0.0; allowed",
    )
    one_line(command("evaluate", run, "--steps", 16), "steps are [16]; pvae-linear infers in one")


def test_settings_of_train_that_do_not_go_together(command, tmp_path):
    words = ("train", *TINY, "--out", tmp_path / "run")
    one_line(command(*words, "--model", "vae"), "'model' is 'vae'; allowed are ipvae, igvae")
    one_line(command(*words, "--model", "pvae-mlp", "--steps", 4), "'steps' is 4, but pvae-mlp")
    assert not (tmp_path / "run").exists()


def test_a_stopped_training_of_another_model_goes_on(command, tmp_path, monkeypatch):
    from ipvae.signals import StopRequest

    run = tmp_path / "run"
    whole = ("train", "--model", "igrelu", *TINY, "--steps", 2, "--seed", 3)
    assert command(*whole, "--out", tmp_path / "whole")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr("ipvae.cli.commands.train.StopRequest", lambda: StopRequest(15))
        status, _, err = command(*whole, "--out", run)
    assert status == 128 + 15 and "continue with: ipvae train --resume" in err
    one_line(command("train", "--resume", "--model", "igvae", "--out", run), "--model: found igvae")
    assert command("train", "--resume", "--out", run)[0] == 0
    for name in ("model.safetensors", "model.json"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert json.loads((run / "model.json").read_text())["config"]["model"] == "igrelu"


def test_help_names_every_model():
    assert "conv-ipvae" in MODEL_HELP
    for name in DENSE:
        family, _, encoder = name.partition("-")
        assert family in MODEL_HELP
        assert not encoder or f"-{encoder}" in MODEL_HELP
    assert all(f"-{encoder}" in MODEL_HELP for encoder in ENCODERS)


def test_a_convolutional_model_is_trained_evaluated_and_exported(command, tmp_path):
    run, net = tmp_path / "run", tmp_path / "net.h5"
    words = ("--preset", "digits", "--model", "conv-ipvae", "--latents", 6, "--steps", 4)
    kernels = ("--set", "kernel_size=3", "--set", "stride=2", "--learning-rate", 0.03)
    few = ("--epochs", 6, "--beta", 0.1, "--quiet")
    assert command("train", *words, *kernels, *few, "--out", run)[0] == 0
    command("--version")  # take what training printed
    status, found, _ = command("evaluate", run, "--samples", 40, "--probe", "--json", "-")
    assert (status, found["model"]) == (0, "conv-ipvae")
    assert found["r2"] > 0.3 and found["accuracy"] > 0.5
    status, found, _ = command("info", run, "--json", "-")
    assert (status, found["neurons"]) == (0, 6 * 5 * 5)
    assert command("export", run, "--out", net)[0] == 0
    one_line(command("evaluate", run, "--pictures", tmp_path / "p"), "pictures", "conv-ipvae")
