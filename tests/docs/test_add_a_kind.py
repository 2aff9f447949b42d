"""docs/add_a_kind.md: the files that it shows are written and run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("adaptive_lif_kind.py", "adaptive_lif/process.py", "adaptive_lif/models.py", "run.py")


@pytest.mark.lava
def test_a_kind_is_added_emulated_saved_and_verified_on_lava(tmp_path):
    text = (ROOT / "docs" / "add_a_kind.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == len(FILES)
    (tmp_path / "adaptive_lif").mkdir()
    (tmp_path / "adaptive_lif" / "__init__.py").touch()
    for name, block in zip(FILES, blocks, strict=True):
        (tmp_path / name).write_text(block.replace("ADAPTIVE_LIF", "adaptive_lif"))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "bit_exact: True" in done.stdout and "synaptic_ops" in done.stdout


def test_the_page_counts_the_files_that_a_kind_touches():
    text = (ROOT / "docs" / "add_a_kind.md").read_text()
    (named,) = re.findall(r"the kind touches eight files: (.*?) Its specification", text, re.DOTALL)
    files = re.findall(r"`([^`]+\.(?:py|md))`|\((spec/file\.md)\)", named)
    paths = {a or b for a, b in files}
    assert len(paths) + 2 == 8  # the braces name three files
    for name in ("network/kinds/__init__.py", "network/io/format3.py", "lava_procs/neurons.py"):
        assert name in paths and (ROOT / name).exists()
