"""Training by two processes under torchrun, from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

BIN = Path(sys.executable).parent
TINY = ["train", "--preset", "digits", "--epochs", "2", "--latents", "24", "--steps", "6"]


def words(*more, processes=2):
    team = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    team += ["--nproc-per-node", str(processes)]
    return [*(team if processes > 1 else []), str(BIN / "ipvae"), *map(str, more)]


def run(*more, processes=2):
    done = subprocess.run(
        words(*more, processes=processes),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def records(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--model", "igrelu"],
        # 1437 images: the last batch has one image, and one process has none of it
        ["--set", "batch_size=359"],
    ],
    ids=["fused", "autograd", "batch of one"],
)
def test_two_processes_train_as_one_does(tmp_path, more):
    alone, both = tmp_path / "alone", tmp_path / "both"
    run(*TINY, *more, "--out", alone, processes=1)
    done = run(*TINY, *more, "--out", both)
    assert done.stdout.count("saved ") == 1  # one process speaks for all
    for one, two in zip(records(alone), records(both), strict=True):
        for name in ("loss", "nll", "kl"):
            # The same draws: only sums round apart, at first by 1e-7 of a gradient.
            assert two[name] == pytest.approx(one[name], rel=1e-3, abs=1e-3), name
    one, two = (load_file(folder / "model.safetensors") for folder in (alone, both))
    for name, value in one.items():
        assert np.abs(two[name] - value).max() < 1e-2 * max(1.0, np.abs(value).max()), name


def test_two_processes_are_stopped_and_resumed_to_the_same_bits(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    longer = [*TINY, "--epochs", "40"]
    run(*longer, "--out", whole)
    process = subprocess.Popen(
        words(*longer, "--out", parts),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not (parts / "metrics.jsonl").is_file() or not records(parts):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=120)
    assert (parts / "resume.safetensors").is_file()
    alone = subprocess.run(
        words("train", "--resume", "--out", parts, processes=1),
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 2
    assert "--resume: found 1 processes, but the training in" in alone.stderr
    run("train", "--resume", "--out", parts)
    one, two = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(np.array_equal(one[name], two[name]) for name in one)
