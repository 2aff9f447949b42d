"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
ONCE = ("--segments", "1")


def require_contract(printed):
    found = json.loads(printed.splitlines()[-1])
    assert found.keys() >= {"ours", "official", "ratio"}
    assert found["ours"] > 0
    assert found["official"] is None and found["ratio"] is None


def test_training_benchmark_prints_its_contract(benchmark):
    require_contract(benchmark("training", *ONCE, LATENTS=16, BATCHES=1))


@pytest.mark.long
def test_training_benchmark_of_its_own_size_prints_its_contract():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training.py"), *ONCE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    require_contract(done.stdout)
