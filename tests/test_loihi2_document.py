"""docs/loihi2.md: its commands do here what it says, its model is accepted, its errors exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lava()

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "loihi2.md").read_text()
COMMANDS = re.findall(r"^    (\.venv/bin/.*)$", TEXT, re.M)
STAND_IN = ROOT / "tests" / "lava_procs" / "stand_in"


def run(words, *paths):
    program = [sys.executable, *(["-m", "ipvae.cli.main"] if words[0].endswith("ipvae") else [])]
    clean = {k: v for k, v in os.environ.items() if k not in ("SLURM", "NXSDKHOST")}
    environment = {**clean, "PYTHONPATH": os.pathsep.join([str(ROOT), *paths])}
    return subprocess.run(
        [*program, *words[1:]],
        cwd=ROOT,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_do_here_what_the_page_says(command):
    done = run(shlex.split(command))
    if "--backend" in command:
        assert done.returncode == 2
        assert "Intel's extension lava-loihi is missing" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    elif "pytest" in command:
        assert done.returncode == 0
        assert "Intel's extension lava-loihi is missing" in done.stdout
        assert "skipped" in done.stdout
    else:
        assert done.returncode == 0
        assert [f"    {line}" in TEXT for line in done.stdout.splitlines()] == [True, True]


def test_there_are_commands_of_every_sort():
    assert len(COMMANDS) == 5
    assert not (ROOT / "build" / "log.csv").exists()


def test_the_model_of_the_page_is_accepted_where_an_extension_is():
    """With the stand-in for it."""
    (example,) = re.findall(r"^(    import numpy as np\n.*?)\n\n\*\*", TEXT, re.M | re.S)
    code = "\n".join(line[4:] for line in example.splitlines())
    check = "from ipvae.lava_procs import loihi2_models\n"
    check += "from ipvae.lava_procs.importing import import_lava\nimport_lava()\n"
    check += f"{code}\nloihi2_models.check_model(NcPoissonNeuron, 'here')\nprint('accepted')"
    done = run(["python", "-c", check], str(STAND_IN))
    assert done.stdout == "accepted\n", done.stderr


def test_every_error_of_the_page_is_in_the_code_and_the_other_way_round():
    names = ("loihi2_board", "loihi2_models", "loihi2_profile")
    source = "".join((ROOT / "lava_procs" / f"{name}.py").read_text() for name in names)
    calls = source.split("raise failed(")[1:]
    table = TEXT[TEXT.index("## 7.") : TEXT.index("## 8.")]
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.M)
    phrases = [phrase for row in rows for phrase in re.findall(r"`(.*?)`", row)]
    joined = [re.sub(r'"\s*f?"', "", call) for call in calls]
    assert len(phrases) > 20
    for phrase in phrases:
        assert any(phrase in call for call in joined) or phrase in source, phrase
    for call in joined:
        assert any(phrase in call for phrase in phrases), call[:200]
