"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import importlib
import json

import numpy as np
import pytest

from ipvae.network.io.network_file import write_network

pytest.importorskip("torch")
WORDS = ["--no-lava", "--settle", "5", "--rounds", "1", "--batch", "40"]


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


def test_emulator_benchmark_prints_its_contract(net, benchmark):
    require_contract(benchmark("emulator", "--net", net, *WORDS))


def test_a_lava_dl_network_is_timed_beside_pytorch(tmp_path, benchmark, plain_nets):
    rng = np.random.default_rng(0)
    weight = 2 * rng.integers(-20, 40, (10, 6))
    layers = [plain_nets.entry([6], plain_nets.cuba()), plain_nets.dense(weight, plain_nets.cuba())]
    plain_nets.write(tmp_path / "x.net", layers)
    words = ("--net", tmp_path / "x.net", "--no-lava", "--batch", "4", "--rounds", "1")
    found = json.loads(benchmark("emulator", *words).splitlines()[-1])
    assert found["vs_torch"] == found["emulator"] / found["torch"]
    assert found["lava"] is None and found["vs_lava"] is None
    assert found["roofline_fraction"] > 0 and 0 < found["activity"] < 1


def test_speed_against_size_is_drawn(net, tmp_path, benchmark, monkeypatch):
    scaling = importlib.import_module("scaling")
    few = {"SIZES": (128,), "BATCHES": (1,), "ACTIVITIES": (0.1,), "SECONDS": 0.001, "RUNS": 1}
    for name, value in few.items():
        monkeypatch.setattr(scaling, name, value)
    monkeypatch.setattr(scaling, "USUAL", {"k": 128, "batch": 2, "activity": 0.1, "threads": 1})
    words = ("--scaling", tmp_path / "scaling.png")
    printed = benchmark("emulator", *words, shipped=lambda *_: net)
    found = json.loads(printed.splitlines()[-1])
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert found["k"][0]["image_steps_per_second"] > 0 and found["synaptic_op_ratio_k4096"] == 1
