"""Training by two processes under torchrun, from the command line."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

BIN = Path(sys.executable).parent
TINY = ["train", "--preset", "digits", "--epochs", "2", "--latents", "24", "--steps", "6"]
LIVELY = ["--beta", "0.1", "--learning-rate", "0.01"]  # so that there are spikes whose draws matter


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
        ["--weight-bits", "3"],
        ["--model", "igrelu"],
        # 1437 images: the last batch has one image, and one process has none of it
        ["--set", "batch_size=359"],
    ],
    ids=["fused", "rounded", "autograd", "batch of one"],
)
def test_two_processes_train_as_one_does(tmp_path, more):
    alone, both = tmp_path / "alone", tmp_path / "both"
    run(*TINY, *LIVELY, *more, "--out", alone, processes=1)
    done = run(*TINY, *LIVELY, *more, "--out", both)
    assert done.stdout.count("saved ") == 1  # one process speaks for all
    first = records(alone)[0]
    assert first["zeros"] < 0.95
    for name in ("loss", "nll", "kl"):
        # The same draws: only sums round apart, and that grows from step to step.
        for one, two, bound in zip(records(alone), records(both), (1e-4, 1e-3), strict=True):
            assert two[name] == pytest.approx(one[name], rel=bound), name


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


def test_process_that_loses_the_others_says_so_in_a_line(tmp_path):
    out = tmp_path / "run"
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(free_port()),
    }
    leader, follower = (
        subprocess.Popen(
            words(*TINY, "--epochs", 100_000, "--out", out, processes=1),
            env={**environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    until = time.monotonic() + 120
    while not (out / "metrics.jsonl").is_file() or not records(out):
        assert time.monotonic() < until and leader.poll() is None
        time.sleep(0.02)
    follower.kill()
    follower.communicate()
    _, said = leader.communicate(timeout=120)
    assert leader.returncode == 2
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("ipvae: process 0 of 2 has lost the others (")
    assert (out / "resume.safetensors").is_file()


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
