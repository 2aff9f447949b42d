"""The commands of docs/training.md, shortened. torchrun's is in tests/cli/commands/test_team.py."""

import os
import shlex
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lines(documents):
    """Commands, without what is said beside them."""
    every = [
        line.split("   (")[0]
        for block in documents.blocks((ROOT / "docs" / "training.md").read_text())
        for line in block
        if line.startswith("ipvae ")
    ]
    assert len(every) >= 7
    return every


def shortened(line, data):
    """Words of a command for one epoch, on a linear model; RUN's one step where it is read."""
    filled = line.replace("DIR", str(data)).replace("NAME", "pvae-linear")
    filled = filled.replace("16,64", "1").replace("threshold L", "threshold 0.1")
    words = shlex.split(filled)[1:]
    return words + (["--epochs", "1", "--overwrite"] if "train" in words else [])


def write_idx(path, array):
    """MNIST's own format: unsigned bytes behind the sizes."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 | array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def little_mnist(tmp_path_factory):
    """A folder as MNIST's: 300 and 100 of scikit-learn's digits, enlarged."""
    raw = tmp_path_factory.mktemp("data") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels, labels = load_digits(return_X_y=True)
    small = np.asarray(pixels)[:400].reshape(-1, 8, 8)
    large = small.repeat(3, axis=1).repeat(3, axis=2) * 15
    images = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    for part, chosen in (("train", slice(300)), ("t10k", slice(300, None))):
        write_idx(raw / f"{part}-images-idx3-ubyte", images[chosen])
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.asarray(labels)[:400][chosen])
    return raw.parent.parent


def test_commands_of_the_training_guide_succeed_if_shortened(
    lines, little_mnist, shop, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for line in lines:
        status, text = shop.ipvae(*shortened(line, little_mnist))
        assert status == 0, (line, text)


@pytest.mark.long
def test_those_on_mnist_succeed_on_all_of_it(lines, shop, tmp_path, monkeypatch):
    data = os.environ.get("IPVAE_DATA", "none")
    if not (Path(data) / "MNIST").is_dir():
        pytest.skip("IPVAE_DATA names no folder with MNIST")
    monkeypatch.chdir(tmp_path)
    chosen = [line for line in lines if "DIR" in line]
    assert len(chosen) == 2
    for line in chosen:
        status, text = shop.ipvae(*shortened(line, data))
        assert status == 0, (line, text)
