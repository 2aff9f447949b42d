"""The pages for each audience: their commands and programs run, in order, as they stand."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.M)


@pytest.mark.lava
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_does_what_it_says(tmp_path, guide):
    (tmp_path / "models").symlink_to(ROOT / "models")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = 0
    for block in BLOCK.findall(guide.read_text()):
        lines = [line[4:] for line in block.splitlines()]
        program = [sys.executable, "-c", "\n".join(lines)]
        ipvae = str(Path(sys.executable).parent / "ipvae")
        acts = [[ipvae, *shlex.split(x)[1:]] for x in lines if x.startswith(".venv/bin/ipvae ")]
        for words in [program] if any(x.startswith("from ipvae") for x in lines) else acts:
            done = subprocess.run(
                words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, (words, done.stderr)
            ran += 1
    assert ran >= 3


def test_there_is_a_guide_for_each_audience():
    assert [guide.stem for guide in GUIDES] == ["board", "count", "model", "simulate"]
