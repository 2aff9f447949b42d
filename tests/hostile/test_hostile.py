"""Every reader with every damage, by the commands that read it: one line, and nothing else.

No crash, traceback, hang, changed input or left file; trials.py has the rules and makes the tries.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trials.py")
TRIES = 500
SAMPLE = 5


def failures(folder, number, start):
    words = [sys.executable, str(SCRIPT), str(folder), str(number), "1", str(start)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *made, last = done.stdout.splitlines()
    assert sum(line.split(" ", 1)[0].isdigit() for line in made) >= number
    return json.loads(last)


def test_a_sample_of_hostile_tries(tmp_path):
    pytest.importorskip("torch")
    assert failures(tmp_path, SAMPLE, "damaged") == []


@pytest.mark.long
def test_hostile_tries(tmp_path):
    """The first ones are undamaged and must be accepted."""
    pytest.importorskip("torch")
    assert failures(tmp_path, TRIES, 0) == []
