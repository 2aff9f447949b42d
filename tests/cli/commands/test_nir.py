"""`ipvae export MODEL --out NET.nir` and `ipvae import NET.nir`."""

import re
from pathlib import Path

import numpy as np
import pytest

from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.network.connections import Connection, Dense
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    rng, run = np.random.default_rng(1), tmp_path_factory.mktemp("nir") / "run"
    shapes = MODEL_SPECS["ipvae"].shapes((8, 8), 8)
    params = {n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}
    data = DataInfo("digits", 16, (8, 8), 100)
    save_checkpoint(run, Checkpoint(params, TrainConfig(preset="digits", latents=8), data))
    return run


def test_a_model_goes_to_nir_and_comes_back_as_the_same_files(command, tmp_path, trained):
    net, back = tmp_path / "a.nir", tmp_path / "back"
    status, found, _ = command("export", trained, "--out", net, "--json", "-")
    assert (status, found["model"], found["inference"]) == (0, "ipvae", "model")
    assert found["nodes"]["counts"] == "Threshold"
    assert ["feedback", "u"] in found["edges"]
    status, found, _ = command("import", net, "--out", back, "--json", "-")
    assert (status, found["data"], found["neurons"]) == (0, "digits", 8)
    for name in ("model.json", "model.safetensors"):
        assert (back / name).read_bytes() == (trained / name).read_bytes()


def test_the_suffix_may_be_in_capitals(command, tmp_path, trained):
    net = tmp_path / "A.NIR"
    status, found, _ = command("export", trained, "--out", net, "--json", "-")
    assert (status, found["graph"]) == (0, str(net))
    assert command("import", net, "--out", tmp_path / "back")[0] == 0


@pytest.mark.parametrize("name", ["report", "check", "evaluate", "info", "compare", "run"])
def test_other_commands_state_that_it_is_nir(command, tmp_path, trained, name):
    net = tmp_path / "a.NIR"
    assert command("export", trained, "--out", net)[0] == 0
    words = ["--out", tmp_path / "page"] if name == "compare" else []
    status, out, err = command(name, net, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"{net}: a NIR file" in err
    assert f"ipvae import {net} --out RUN" in err


def test_what_is_lost_is_reported_on_the_screen_and_in_the_file(command, tmp_path, trained):
    import nir

    status, out, _ = command("export", trained, "--out", tmp_path / "a.nir")
    assert status == 0
    lost = nir.read(tmp_path / "a.nir").metadata["lost"].split("\n")
    assert len(lost) == 5
    assert all(line in out for line in lost)
    assert any("Poisson" in line for line in lost)


def test_sparse_coding_keeps_its_threshold(command, tmp_path, trained):
    net = tmp_path / "a.nir"
    words = ("--inference", "lca", "--threshold", 0.25)
    assert command("export", trained, "--out", net, *words)[0] == 0
    status, found, _ = command("import", net, "--out", tmp_path / "m", "--json", "-")
    assert (status, found["inference"], found["threshold"]) == (0, "lca", 0.25)


@pytest.mark.parametrize(
    "words",
    [
        ("--weight-bits", 8),
        ("--layout", "recurrent"),
        ("--refit-decoder",),
        ("--readout", "decoder"),
        ("--most-loss", 1),
        ("--seed", 0),
    ],
)
def test_options_of_quantization_are_refused_by_name(command, tmp_path, trained, words):
    status, out, err = command("export", trained, "--out", tmp_path / "a.nir", *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"ipvae: {words[0]}: not with ")
    assert not (tmp_path / "a.nir").exists()


def test_options_of_an_import_are_refused_by_name(command, tmp_path, trained):
    assert command("export", trained, "--out", tmp_path / "a.nir")[0] == 0
    words = ("--pixel-max", 16, "--out", tmp_path / "m")
    status, _, err = command("import", tmp_path / "a.nir", *words)
    assert (status, err.count("\n")) == (2, 1)
    assert "--pixel-max: not with" in err
    assert not (tmp_path / "m").exists()


def test_a_damaged_file_gives_one_line_and_keeps_the_model_that_is_there(
    command, tmp_path, trained
):
    net, back = tmp_path / "a.nir", tmp_path / "m"
    assert command("export", trained, "--out", net)[0] == 0
    assert command("import", net, "--out", back)[0] == 0
    before = {path.name: path.read_bytes() for path in back.iterdir()}
    net.write_bytes(net.read_bytes()[:-200])
    status, out, err = command("import", net, "--out", back)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert {path.name: path.read_bytes() for path in back.iterdir()} == before


def test_a_failed_export_keeps_the_file_that_is_there(command, tmp_path, trained):
    net = tmp_path / "a.nir"
    net.write_bytes(b"mine")
    status, _, err = command(
        "export", trained, "--out", net, "--inference", "lca", "--threshold", -1
    )
    assert (status, err.count("\n")) == (2, 1)
    assert net.read_bytes() == b"mine"
    assert np.array_equal([p.name for p in tmp_path.iterdir()], ["a.nir"])


def test_commands_of_the_document_succeed(command, tmp_path, trained, monkeypatch):
    document = Path(__file__).resolve().parents[3] / "docs" / "nir.md"
    lines = re.findall(r"^    ipvae (.*)$", document.read_text(), re.M)
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    neuron = Layer("1", CubaNeuron(2, 4096, 300), (Connection("0", Dense(np.eye(3, dtype=int))),))
    Network(Input((3,)), (neuron,)).save("NET.h5")
    for line in lines:
        words = [word.replace("RUN", str(trained)) for word in line.split()]
        assert command(*words, *(["--overwrite"] if "NET.h5" in words else []))[0] == 0
    status, found, _ = command("import", "NET.nir", "--out", "back", "--json", "-")
    assert (status, found["origin"]) == (0, "nir,dt=0.0001,reset=zero")
    assert found["nodes"]["layer_1"] == "LIF"


def test_a_network_with_options_of_a_model_is_refused(command, tmp_path):
    neuron = Layer("1", CubaNeuron(2, 4096, 300), (Connection("0", Dense(np.eye(3, dtype=int))),))
    Network(Input((3,)), (neuron,)).save(tmp_path / "n.h5")
    words = ("export", tmp_path / "n.h5", "--out", tmp_path / "n.nir", "--inference", "lca")
    status, _, err = command(*words)
    assert (status, err.count("\n")) == (2, 1)
    assert "found with a network, allowed with a trained model; omit them" in err


def test_a_graph_of_another_tool_replaces_an_earlier_import_alone(command, tmp_path):
    graph = ROOT / "models" / "graphs" / "digits_norse.nir"
    words = ("import", graph, "--from", "norse", "--out", tmp_path / "run")
    assert command(*words)[0] == 0
    status, _, err = command(*words)
    assert status == 2 and "holds a network already. Pass --overwrite" in err
    assert command(*words, "--overwrite")[0] == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.json").write_text("mine")
    status, _, err = command(*words[:-1], other, "--overwrite")
    assert status == 2 and "is never replaced" in err
    assert (other / "model.json").read_text() == "mine"
