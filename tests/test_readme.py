"""Every command and every line of Python in the README is run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "hw_tests/README.md"]


def blocks(text):
    """Indented code blocks, as lists of unindented lines."""
    found, current = [], []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    "):
            current.append(line[4:])
        elif line.strip() or not current:
            if current:
                found.append(current)
            current = []
        else:
            current.append("")
    return found


README = blocks((ROOT / "README.md").read_text())
COMMANDS = [line for block in README for line in block if line.startswith(".venv/bin/ipvae ")]
PYTHON = [
    "\n".join(block) for block in README if any(line.startswith("from ipvae") for line in block)
]


@pytest.mark.lava
def test_commands_of_the_readme_run_in_order_and_succeed(tmp_path):
    assert len(COMMANDS) >= 8
    script = Path(sys.executable).parent / "ipvae"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for command in COMMANDS:
        words = [str(script), *shlex.split(command)[1:]]
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
    assert len(PYTHON) == 1
    subprocess.run([sys.executable, "-c", PYTHON[0]], cwd=tmp_path, env=environment, check=True)


def test_make_targets_of_the_documents_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {
        m for d in DOCUMENTS for m in re.findall(r"^    make (\w+)", (ROOT / d).read_text(), re.M)
    }
    assert named >= {"demo", "test", "setup", "check"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_links_between_documents_lead_somewhere():
    for document in [ROOT / d for d in DOCUMENTS] + sorted((ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), (document, link)
