"""A signal ends a command although a call of C code does not return for minutes."""

import signal
import subprocess
import sys
import time

import pytest

BEGIN = """
import hashlib, sys, time
from pathlib import Path
from ipvae import signals
from ipvae.files import atomic_path
signals.GRACE_SECONDS = 0.5
signals.listen()
"""
LONG_CALL = """
with atomic_path(sys.argv[1]):
    print("working", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes, without a Python instruction
"""
SLOW_CLEAN_UP = """
try:
    print("working", flush=True)
    time.sleep(60)
finally:
    time.sleep(1.5)
    Path(sys.argv[1]).write_text("cleaned up")
"""
LAST_STEP = """
with signals.StopRequest().listening() as stopping:
    print("working", flush=True)
    while not stopping():
        time.sleep(1.5)
    Path(sys.argv[1]).write_text("saved")
"""


def stopped(code, path, number):
    """Exit status, stderr and seconds of a process that receives a signal while it works."""
    words = [sys.executable, "-c", BEGIN + code, str(path)]
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout and process.stdout.readline() == "working\n"
        time.sleep(0.2)
        start = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err, time.monotonic() - start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_long_call_is_not_waited_for(tmp_path, number):
    status, err, seconds = stopped(LONG_CALL, tmp_path / "x.h5", number)
    assert (status, err.count("\n")) == (128 + number, 1) and seconds < 10
    assert f"was stopped ({number.name}); nothing was written" in err
    assert list(tmp_path.iterdir()) == []


def test_a_clean_up_is_waited_for(tmp_path):
    assert stopped(SLOW_CLEAN_UP, tmp_path / "x", signal.SIGTERM)[2] > 1.5
    assert (tmp_path / "x").read_text() == "cleaned up"


def test_the_last_step_of_a_training_is_waited_for(tmp_path):
    status, err, _ = stopped(LAST_STEP, tmp_path / "x", signal.SIGTERM)
    assert (status, err) == (0, "") and (tmp_path / "x").read_text() == "saved"
