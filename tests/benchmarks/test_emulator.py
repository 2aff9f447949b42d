"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import importlib
import json

import pytest

from ipvae.network.io.network_file import write_network

pytest.importorskip("torch")
WORDS = ["--no-lava", "--settle", "5", "--rounds", "1", "--batch", "40"]
KERNELS = ("adds", "draws", "sums", "products")
"""Of the roofline; they are compiled at every start."""


@pytest.fixture
def net(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network(k=100, m=12))
    return tmp_path / "net.h5"


def require_contract(printed):
    found = json.loads(printed.splitlines()[-1])
    assert found["lava"] is None and found["vs_lava"] is None
    assert found["emulator"] == max(found["emulator_1"], found["emulator_2"])
    assert found["torch"] == max(found["torch_1"], found["torch_2"])
    assert found["vs_torch"] == found["emulator"] / found["torch"]
    seconds = found["seconds"]
    assert seconds["image_step"] == 1 / found["emulator_1"]
    bound = seconds["adds"] + seconds["draws"]
    assert found["roofline_fraction"] == bound / seconds["image_step"]
    assert 0 < found["activity"] < 1


def test_emulator_benchmark_prints_its_contract(net, benchmark, monkeypatch):
    """With a roofline that does nothing."""
    roofline = importlib.import_module("roofline")
    for name in KERNELS:
        monkeypatch.setattr(roofline, name, lambda *_: None)
    require_contract(benchmark("emulator", "--net", net, *WORDS))


@pytest.mark.long
def test_emulator_benchmark_with_its_roofline_prints_its_contract(net, benchmark):
    require_contract(benchmark("emulator", "--net", net, *WORDS))
