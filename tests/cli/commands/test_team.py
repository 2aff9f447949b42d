"""Training by two processes under torchrun, from the command line."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ipvae.cli.main import run_command

TINY = ["train", "--preset", "digits", "--epochs", "2", "--latents", "24", "--steps", "6"]
LIVELY = ["--beta", "0.1", "--learning-rate", "0.01"]  # so that there are spikes whose draws matter

# Takes its time for each batch, so that a signal meets it in mid-training.
SLOW = """
import time
from ipvae.cli.main import main
from ipvae.train.run.process_group import ProcessGroup
add_up = ProcessGroup.add_up
def slow(*given):
    time.sleep(0.3)
    return add_up(*given)
ProcessGroup.add_up = slow
main()
"""


def train(*more):
    """Train in this process."""
    assert run_command([*TINY, *map(str, more)]) == 0


@pytest.fixture(scope="module")
def team(fork):
    """Function that starts processes with the variables that torchrun sets."""
    members = []

    def start(*more, size=2, **options):
        shared = {"WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port()}
        for rank in range(size):
            env = {name: str(value) for name, value in (shared | {"RANK": rank}).items()}
            members.append(fork(*more, env=env, **options))
        return members[-size:]

    yield start
    for member in members:
        member.kill()


def ended(members):
    """Wait for their ends; what all of them wrote to stdout."""
    message = [member.communicate(timeout=120) for member in members]
    assert [member.returncode for member in members] == [0] * len(members), message
    return "".join(out for out, _ in message)


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
def test_two_processes_train_as_one_does(team, tmp_path, more):
    alone, both = tmp_path / "alone", tmp_path / "both"
    train(*LIVELY, *more, "--out", alone)
    message = ended(team(*TINY, *LIVELY, *more, "--out", both))
    assert message.count("saved ") == 1  # one process speaks for all
    assert_same_training(alone, both)


@pytest.mark.long
def test_torchrun_trains_as_one_process_does(tmp_path):
    """The tests above set its variables themselves: three interpreters take their time."""
    alone, both = tmp_path / "alone", tmp_path / "both"
    train(*LIVELY, "--out", alone)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += ["--nproc-per-node", "2", str(Path(sys.executable).parent / "ipvae")]
    done = subprocess.run(
        [*torchrun, *TINY, *LIVELY, "--out", str(both)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("saved ") == 1
    assert_same_training(alone, both)


def assert_same_training(alone, both):
    """The same draws: only sums round apart, and that grows from step to step."""
    assert records(alone)[0]["zeros"] < 0.95
    for name in ("loss", "nll", "kl"):
        for one, two, bound in zip(records(alone), records(both), (1e-4, 1e-3), strict=True):
            assert two[name] == pytest.approx(one[name], rel=bound), name


def await_records(folder, member):
    until = time.monotonic() + 120
    while not (folder / "metrics.jsonl").is_file() or not records(folder):
        assert time.monotonic() < until and member.poll() is None
        time.sleep(0.02)


LONGER = [*TINY, "--set", "batch_size=300"]


@pytest.fixture(scope="module")
def stopped(team, tmp_path_factory):
    """The folder of a training by two processes that a signal has stopped in its second epoch."""
    parts = tmp_path_factory.mktemp("team") / "parts"
    members = team(*LONGER, "--out", parts, code=SLOW)
    await_records(parts, members[0])
    for member in members:
        member.send_signal(signal.SIGTERM)
    for member in members:
        member.communicate(timeout=120)
    assert (parts / "resume.safetensors").is_file()
    return parts


def test_one_process_does_not_resume_what_two_began(stopped, command):
    status, _, err = command("train", "--resume", "--out", stopped)
    assert status == 2
    assert "--resume: found 1 processes, but the training in" in err


def test_two_processes_resume_to_the_same_bits(team, stopped, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    shutil.copytree(stopped, parts)
    ended(team(*LONGER, "--out", whole))
    ended(team("train", "--resume", "--out", parts))
    one, two = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_process_that_loses_the_others_reports_it_in_a_line(team, tmp_path):
    out = tmp_path / "run"
    leader, follower = team(*TINY, "--epochs", 100_000, "--out", out)
    await_records(out, leader)
    follower.kill()
    follower.communicate()
    _, message = leader.communicate(timeout=120)
    assert leader.returncode == 2
    assert "Traceback" not in message
    assert message.splitlines()[-1].startswith("ipvae: process 0 of 2 has lost the others (")
    assert (out / "resume.safetensors").is_file()


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
