"""From a trained model on nothing needs PyTorch: an import hook refuses it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = next((ROOT / "tests" / "export" / "iterative_vae").glob("*.pt"))

# Commands are the lines of stdin; the first that fails ends it with its exit status.
REFUSING = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is refused by the test")

sys.meta_path.insert(0, Refuse())
from ipvae.cli.main import run_command

for line in sys.stdin.read().splitlines():
    status = run_command(line.split("\\t"))
    if status:
        sys.exit(f"{line}: exit status {status}")
assert "torch" not in sys.modules
"""


def without_torch(*commands):
    lines = "\n".join("\t".join(map(str, words)) for words in commands)
    done = subprocess.run(
        [sys.executable, "-c", REFUSING],
        input=lines,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def saved(tmp_path, rng):
    """Function that saves a model of digits with random parameters, by its kind; its folder."""

    def save(kind):
        params = {}
        for name, shape in MODEL_SPECS[kind].shapes((8, 8), 10).items():
            centre = {"log_bias": -2.0, "u0": -1.0, "log_lr": -2.5}.get(name, 0.0)
            params[name] = (centre + rng.normal(0, 0.1, shape)).astype(np.float32)
        config = preset_config("digits", model=kind, latents=10)
        data = DataInfo("digits", 16, (8, 8), 1437)
        save_checkpoint(tmp_path / kind, Checkpoint(params, config, data))
        return tmp_path / kind

    return save


def test_a_model_is_described_evaluated_exported_and_compared(saved, tmp_path):
    model, net, few = saved("ipvae"), tmp_path / "n.h5", ("--samples", 20, "--steps", 4)
    without_torch(
        ("info", model),
        ("evaluate", model, *few, "--probe", "--probe-images", 100, "--sparsity"),
        ("evaluate", model, *few, "--inference", "lca"),
        ("export", model, "--out", net, "--most-loss", 9),
        ("export", model, "--out", tmp_path / "n.nir"),
        ("import", tmp_path / "n.nir", "--out", tmp_path / "again"),
        ("evaluate", net, *few),
        ("compare", model, net, "--lca", model, *few, "--out", tmp_path / "c"),
        ("report", net, "--samples", 4, "--steps", 4, "--out", tmp_path / "r"),
    )
    assert net.is_file() and (tmp_path / "r" / "index.html").is_file()


def test_an_amortized_model_is_exported(saved, tmp_path):
    model = saved("pvae-mlp")
    without_torch(("export", model, "--out", tmp_path / "n.h5", "--most-loss", 9))


def test_models_of_others_are_imported(tmp_path, rng):
    arrays = {
        "phi": rng.normal(0, 0.1, (64, 5)),
        "sigma": np.ones(64),
        "step_size": np.array(0.1),
        "bias": np.full(5, 0.1),
        "u0": np.full(5, -1.0),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    without_torch(
        ("import", tmp_path / "a.npz", "--out", tmp_path / "a"),
        ("import", CHECKPOINT, "--out", tmp_path / "b"),
        ("info", tmp_path / "b"),
    )


def test_the_hook_refuses_torch(tmp_path):
    with pytest.raises(AssertionError, match="torch is refused by the test"):
        without_torch(("train", "--preset", "digits", "--out", tmp_path / "run"))
