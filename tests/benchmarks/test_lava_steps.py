"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ipvae.network.file import write_network

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.lava()


def test_lava_steps_prints_its_contract(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network(k=40))
    words = [tmp_path / "net.h5", "--steps", "60", "--rounds", "2"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "lava_steps.py"), *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() >= {"ours", "stock", "ratio", "ours_stock_dense"}
    assert found["ratio"] == pytest.approx(found["ours"] / found["stock"])
    assert min(found["ours"], found["stock"], found["ours_stock_dense"]) > 0
    # The stock neurons were set to fire as often as ours: within a fifth of a step in ten.
    assert found["stock_activity"] == pytest.approx(found["activity"], abs=0.1)
    assert 0.05 < found["activity"] < 1
