"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]


def test_training_benchmark_prints_its_contract():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "training.py"), "--segments", "1"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() >= {"ours", "official", "ratio"}
    assert found["ours"] > 0
    assert found["official"] is None and found["ratio"] is None
