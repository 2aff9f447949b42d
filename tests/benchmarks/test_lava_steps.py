"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json

import pytest

from ipvae.network.io.network_file import write_network

pytestmark = [pytest.mark.lava(), pytest.mark.xdist_group("documents")]


def test_lava_steps_prints_its_contract(tmp_path, make_network, benchmark):
    write_network(tmp_path / "net.h5", make_network(k=40))
    words = [tmp_path / "net.h5", "--steps", "60", "--rounds", "2"]
    found = json.loads(benchmark("lava_steps", *words).splitlines()[-1])
    assert found.keys() >= {"ours", "stock", "ratio", "ours_stock_dense"}
    assert found["ratio"] == pytest.approx(found["ours"] / found["stock"])
    assert min(found["ours"], found["stock"], found["ours_stock_dense"]) > 0
    # The stock neurons were set to fire as often as ours: within a fifth of a step in ten.
    assert found["stock_activity"] == pytest.approx(found["activity"], abs=0.1)
    assert 0.05 < found["activity"] < 1
