# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The programs of docs/api.md run, in order, in one namespace."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.M)


@pytest.mark.lava
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, make_network, capsys):
    monkeypatch.chdir(tmp_path)
    make_network().save("net.h5")
    names: dict = {}
    programs = [
        "\n".join(line[4:] for line in block.splitlines())
        for block in BLOCK.findall(PAGE.read_text())
    ]
    assert len(programs) >= 7
    for program in programs:
        exec(compile(program, str(PAGE), "exec"), names)
    assert names["proof"].bit_exact
    assert names["counts"].synaptic_ops > 0
    assert "steps: must be 1 or more, got 0" in capsys.readouterr().out
