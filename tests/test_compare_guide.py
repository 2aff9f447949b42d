"""The command of docs/compare.md, and the script that makes its tables and pictures."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ipvae.cli.main import run_command

ROOT = Path(__file__).resolve().parent.parent
BEFORE = (
    "train --preset digits --latents 8 --epochs 1 --out build/readme/run",
    "export build/readme/run --most-loss 9 --out build/readme/net.h5",
    "export build/readme/run --most-loss 9 --inference lca --readout decoder,classes "
    "--out build/readme/lca.h5",
)
"""What README.md and docs/quantization.md have made by then, of less training."""


@pytest.fixture
def readme(tmp_path, monkeypatch):
    """The folder in which the documents' commands are run."""
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        for line in BEFORE:
            assert run_command(["--quiet", *shlex.split(line)]) == 0
    return tmp_path


def test_the_guides_command_succeeds(readme, capsys):
    guide = (ROOT / "docs" / "compare.md").read_text()
    lines = re.findall(r"^    \.venv/bin/ipvae (.*)$", guide, re.M)
    assert len(lines) == 1
    assert run_command(shlex.split(lines[0])) == 0
    assert "net.h5" in capsys.readouterr().out
    made = readme / "build" / "readme" / "compare"
    assert sorted(path.suffix for path in made.iterdir()) == [".json", ".png", ".svg"]


def test_the_script_gives_its_tables_and_pictures(readme):
    words = ["build/readme/run", "--out", "made", "--pictures", "pictures"]
    words += ["--samples", "8", "--steps", "1,2", "--train-steps", "2", "--epochs", "1"]
    words += ["--probe-images", "200"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compare_figures.py", *words],
        cwd=readme,
        capture_output=True,
        text=True,
        check=True,
    )
    tables = [part.count("\n| `") for part in done.stdout.split("\n\n")]
    assert tables == [9, 4, 4]
    pictures = sorted(path.name for path in (readme / "pictures").iterdir())
    assert pictures == ["compare_beta.png", "compare_bits.png", "compare_digits.png"]
