"""`ipvae train` killed, stopped and resumed: the same bits, and one line for each mistake."""

import json
import os
import random
import re
import signal
import sys
import time

import pytest

from ipvae import __version__
from ipvae.cli.main import run_command
from ipvae.signals import StopRequest
from ipvae.train.run.resume import read_unfinished, write_unfinished

TINY = ("--preset", "digits", "--latents", "6", "--steps", "2")
STATE = "resume.safetensors"

# Ends itself, as a kill would, within the n-th write of the state: half of it is on the disk,
# or all of it and not yet in its place, or in its place.
KILLED_WRITING = """
import os, pathlib, signal, sys
import ipvae.train.run.checkpoints as keeper
from ipvae.cli.main import main
keeper.LARGEST_SHARE = 1e9
nth, moment = int(sys.argv.pop(1)), sys.argv.pop(1)
seen, fsync, replace = [], os.fsync, pathlib.Path.replace
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def half(handle):
    seen.append(handle)
    if len(seen) == nth and moment == "half":
        os.truncate(f"/proc/self/fd/{handle}", os.fstat(handle).st_size // 2)
        die()
    fsync(handle)
def place(source, target):
    if len(seen) == nth and moment == "whole":
        die()
    replace(source, target)
    if len(seen) == nth and moment == "placed":
        die()
os.fsync, pathlib.Path.replace = half, place
main()
"""

# Takes its time for each batch, so that a kill meets it in mid-training.
SLOW = """
import time
from ipvae.cli.main import main
from ipvae.train.run.process_group import ProcessGroup
add_up = ProcessGroup.add_up
def slow(*given):
    time.sleep(0.01)
    return add_up(*given)
ProcessGroup.add_up = slow
main()
"""


def train(run, *words):
    """Train in this process."""
    assert run_command(["train", "--out", str(run), *words]) == 0


def result(run):
    """Weights, description and figures of each epoch but for their times."""
    figures = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(entry.pop("seconds") >= 0 for entry in figures)
    assert sorted(path.name for path in run.iterdir()) == [
        "metrics.jsonl",
        "model.json",
        "model.safetensors",
    ]
    model = [(run / f"model.{end}").read_bytes() for end in ("safetensors", "json")]
    return model, figures


def await_first_state(process, run, longest=300.0):
    """Wait until the process has written its own state, or has ended."""
    begin, before = time.monotonic(), changed(run)
    while changed(run) == before and process.poll() is None:
        assert time.monotonic() < begin + longest
        time.sleep(0.005)


def changed(run):
    try:
        return (run / STATE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def lines(run):
    """Epochs in the metrics."""
    try:
        return (run / "metrics.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def await_lines(process, run, wanted, longest=300.0):
    """Wait until the metrics have that many epochs, or the process has ended."""
    begin = time.monotonic()
    while lines(run) < wanted and process.poll() is None:
        assert time.monotonic() < begin + longest
        time.sleep(0.005)


def kill_at_random(fork, run, words, chance):
    """Train, kill some epochs further, resume, and so on; return how many kills met it alive."""
    kills = 0
    for i in range(3):
        wanted = lines(run) + chance.randrange(5)
        process = fork("train", "--out", run, *(words if i == 0 else ("--resume",)), code=SLOW)
        await_first_state(process, run)
        await_lines(process, run, wanted)
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL)
        assert i > 0 or kills == 1  # a kill before the end, or the test tests nothing
    return kills


def test_a_fork_is_a_command(fork):
    """The first one takes the time of importing the toolchain."""
    process = fork("--version")
    assert process.communicate(timeout=300) == (f"ipvae {__version__}\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("threads", [2, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_random_points_it_ends_in_the_same_bits(fork, tmp_path, threads):
    words = (*TINY, "--epochs", "20", "--threads", str(threads))
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    assert kill_at_random(fork, cut, words, random.Random(8 + threads)) >= 2
    train(cut, "--resume")
    train(whole, *words)
    assert result(cut) == result(whole)


def test_killed_in_training_for_few_bits_it_ends_in_the_same_bits(fork, tmp_path):
    words = (
        *TINY,
        "--epochs",
        "9",
        "--beta",
        "0.1",
        "--weight-bits",
        "2",
        "--learning-rate",
        ".01",
    )
    cut, whole, plain = tmp_path / "cut", tmp_path / "whole", tmp_path / "plain"
    process = fork(4, "placed", "train", "--out", cut, *words, code=KILLED_WRITING)
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    train(cut, "--resume")
    train(whole, *words)
    train(plain, *words[:-2])
    assert result(cut) == result(whole)
    assert json.loads((whole / "model.json").read_text())["config"]["weight_bits"] == 2
    assert result(plain)[1] != result(whole)[1]  # or the test tests nothing


def test_killed_while_it_writes_its_state_it_ends_in_the_same_bits(fork, tmp_path, capsys):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    words = ("--out", cut, *TINY, "--epochs", 9)
    # Writes: the first state, the metrics, then a state for each epoch.
    for nth, moment in ((3, "half"), (5, "whole"), (4, "placed")):
        process = fork(nth, moment, "train", *words, code=KILLED_WRITING)
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        left = [path for path in cut.iterdir() if path.suffix == ".tmp"]
        assert len(left) == (moment != "placed")
        words = ("--out", cut, "--resume")
    train(cut, "--resume")
    err = capsys.readouterr().err
    assert "; 60 optimiser steps are done" in err  # the states after 0, then 2, then 4 epochs
    train(whole, *TINY, "--epochs", "9")
    assert result(cut) == result(whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_keeps_its_state_and_states_how_to_continue(
    fork, tmp_path, number, status
):
    process = fork("train", "--out", tmp_path, *TINY, "--epochs", 100_000, "--quiet")
    await_lines(process, tmp_path, 1)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (status, "")
    assert err.startswith("ipvae: stopped after optimiser step ")
    assert err.endswith(f"continue with: ipvae train --resume --out {tmp_path}\n")
    assert err.count("\n") == 1
    assert (tmp_path / STATE).exists()


def test_second_signal_acts_as_before_and_an_ignored_one_stays_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        request = StopRequest()
        with request.listening() as stopping:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stopping()
            os.kill(os.getpid(), signal.SIGINT)
            assert stopping()
            assert request.number == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def command(capsys):
    """Run a command in this process; return status, stdout, stderr."""

    def run(*words):
        status = run_command([str(word) for word in words])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def unfinished(tmp_path, monkeypatch, command):
    """Folder of a training that was stopped after one step."""
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("ipvae.cli.commands.train.StopRequest", lambda: StopRequest(15))
        assert command("train", "--out", run, *TINY, "--epochs", 2, "--seed", 3)[0] == 143
    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (TINY, "holds an unfinished training (resume.safetensors). Continue it with --resume"),
        (["--resume", "--seed", "4"], "--seed: found 4, but the training in"),
        (["--resume", "--preset", "mnist", "--seed", "4"], "--preset: found mnist, but"),
        (["--resume", "--latents", "7"], "has 6, and its settings cannot change on the way"),
        (["--resume", "--device", "cuda"], "--device: found cuda, but"),
        (["--overwrite", *TINY, "--device", "meta"], "device 'meta' cannot be used here (of kind"),
        (["--overwrite", *TINY, "--device", "cuda:99"], "device 'cuda:99' cannot be used here"),
        (["--resume", "--json", "none/x.json"], "none/x.json: cannot write there (No such file"),
        (["--resume", "--overwrite"], "--resume and --overwrite: give one of them"),
        (["--overwrite"], "--preset: missing; allowed are digits, patches, mnist"),
        (["--overwrite", "--preset", "digits", "--latents", "0"], "'latents' is 0; allowed are 1"),
    ],
)
def test_mistakes_leave_an_unfinished_training_as_it_was(command, unfinished, words, part):
    before = contents(unfinished)
    status, out, err = command("train", "--out", unfinished, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("ipvae: ") and part in err
    assert contents(unfinished) == before


def test_resume_without_a_state_is_refused(command, tmp_path):
    for run in (tmp_path, tmp_path / "none"):
        status, _, err = command("train", "--resume", "--out", run)
        assert status == 2
        assert f"{run}: holds no unfinished training" in err and "Begin without --resume" in err
    assert list(tmp_path.iterdir()) == []


def test_damaged_state_is_one_line(command, unfinished):
    (unfinished / STATE).write_bytes(b"damaged")
    status, _, err = command("train", "--resume", "--out", unfinished)
    assert (status, err.count("\n")) == (2, 1)
    assert "--overwrite" in err


def test_resume_takes_settings_from_the_state_and_complete_it_is_left_alone(command, unfinished):
    assert command("train", "--resume", "--out", unfinished, "--seed", 3)[0] == 0
    before = contents(unfinished)
    assert json.loads(before["model.json"])["config"]["seed"] == 3
    assert set(before) == {"metrics.jsonl", "model.json", "model.safetensors"}
    status, out, err = command("train", "--resume", "--out", unfinished)
    assert (status, err) == (0, "")
    assert "this training is complete; it was left as it is" in out
    status, out, _ = command("train", "--resume", "--out", unfinished, "--json", "-")
    assert (status, json.loads(out)["history"][0]["epoch"]) == (0, 2)
    status, _, err = command("train", "--resume", "--out", unfinished, "--epochs", 3)
    assert (status, err.count("\n")) == (2, 1)
    assert "--epochs: found 3, but the training in" in err
    assert contents(unfinished) == before


def test_overwrite_begins_anew(command, unfinished):
    assert command("train", "--out", unfinished, "--overwrite", *TINY, "--epochs", 1)[0] == 0
    assert len((unfinished / "metrics.jsonl").read_text().splitlines()) == 1


def test_tensorboard_that_is_missing_is_one_line_and_touches_nothing(
    command, unfinished, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    before = contents(unfinished)
    status, _, err = command("train", "--resume", "--out", unfinished, "--tensorboard")
    assert (status, err.count("\n")) == (2, 1)
    assert "pip install tensorboard" in err
    assert contents(unfinished) == before


@pytest.mark.parametrize("device", ["meta", "cuda:99"])
def test_device_that_is_not_there_leaves_nothing_so_that_its_advice_works(
    command, tmp_path, device
):
    run = tmp_path / "run"
    words = ("train", "--out", run, *TINY, "--epochs", 1)
    status, out, err = command(*words, "--device", device)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.endswith("Use --device cpu.\n")
    assert not run.exists()
    assert command(*words, "--device", "cpu")[0] == 0


def test_resume_where_the_device_is_not_there_states_what_can_be_done(command, unfinished):
    begun = read_unfinished(unfinished)
    assert begun is not None
    begun.options["device"] = "cuda:99"
    write_unfinished(unfinished, begun)
    before = contents(unfinished)
    status, _, err = command("train", "--resume", "--out", unfinished)
    assert (status, err.count("\n")) == (2, 1)
    assert f"The training in {unfinished} is on it: " in err
    assert "start over with --overwrite and --device cpu." in err
    assert contents(unfinished) == before
    words = ("--overwrite", "--device", "cpu", *TINY, "--epochs", 1)
    assert command("train", "--out", unfinished, *words)[0] == 0


def test_advice_after_a_divergence_works(command, tmp_path, monkeypatch):
    words, advised = ("train", "--out", tmp_path, *TINY, "--epochs", 1), None
    with monkeypatch.context() as patch:
        patch.setattr("torch.nn.utils.clip_grad_norm_", lambda *_: float("inf"))
        for again in (words, ("train", "--out", tmp_path, "--resume")):
            status, _, err = command(*again, "--quiet")
            assert (status, err.count("\n")) == (1, 1)
            advised = re.search(r"try a lower --learning-rate \((\S+)\), ", err)
            assert f"Add --overwrite to that: the last saved state is kept in {tmp_path}" in err
    assert advised is not None and read_unfinished(tmp_path) is not None
    assert command(*words, "--learning-rate", advised[1], "--overwrite")[0] == 0


def test_json_target_that_cannot_be_written_is_refused_before_training(command, tmp_path):
    run, missing = tmp_path / "run", tmp_path / "none" / "x.json"
    words = ("train", "--out", run, *TINY, "--epochs", 1, "--json")
    for target, part in ((missing, "(No such file or directory)"), (tmp_path, "is a folder")):
        status, out, err = command(*words, target)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("ipvae: --json: ") and part in err
        assert not run.exists() and not missing.parent.exists()
    assert command(*words, run / "x.json")[0] == 0
    assert json.loads((run / "x.json").read_text())["history"]


def test_a_training_over_a_finished_model_leaves_none_of_it_to_be_read(
    command, tmp_path, monkeypatch
):
    words = ("train", "--out", tmp_path, *TINY, "--epochs", 1)
    assert command(*words)[0] == 0
    status, _, err = command(*words, "--seed", 4)
    assert status == 2 and "holds a model already. Pass --overwrite to replace it" in err
    assert {"model.json", "model.safetensors"} <= set(contents(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr("ipvae.cli.commands.train.StopRequest", lambda: StopRequest(15))
        assert command(*words, "--seed", 4, "--overwrite")[0] == 143
    assert set(contents(tmp_path)) == {"metrics.jsonl", STATE}
    status, _, err = command("evaluate", tmp_path)
    assert status == 2 and f"{tmp_path}: holds an unfinished training ({STATE}) and no model" in err
    assert command("train", "--resume", "--out", tmp_path)[0] == 0
    assert command("info", tmp_path)[0] == 0
