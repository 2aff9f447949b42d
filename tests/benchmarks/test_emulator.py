"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json

import pytest

from ipvae.network.file import write_network

pytest.importorskip("torch")
WORDS = ["--no-lava", "--settle", "5", "--rounds", "1", "--batch", "40"]


def test_emulator_benchmark_prints_its_contract(tmp_path, make_network, benchmark):
    write_network(tmp_path / "net.h5", make_network(k=100, m=12))
    out = benchmark("emulator", "--net", tmp_path / "net.h5", *WORDS)
    found = json.loads(out.splitlines()[-1])
    assert found["lava"] is None and found["vs_lava"] is None
    assert found["emulator"] == max(found["emulator_1"], found["emulator_2"])
    assert found["torch"] == max(found["torch_1"], found["torch_2"])
    assert found["vs_torch"] == found["emulator"] / found["torch"]
    seconds = found["seconds"]
    assert seconds["image_step"] == 1 / found["emulator_1"]
    bound = seconds["adds"] + seconds["draws"]
    assert found["roofline_fraction"] == bound / seconds["image_step"]
    assert 0 < found["activity"] < 1
