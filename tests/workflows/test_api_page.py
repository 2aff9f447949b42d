# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The programs of docs/api.md run, in order, in one namespace."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import ipvae

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.M)


SCRIPTS = re.compile(r"\.(stand_in|tests|models)$|doctor\.child|lava_procs")
"""Modules that run as scripts, or that Lava alone imports."""


def programs():
    return [
        "\n".join(line[4:] for line in block.splitlines())
        for block in BLOCK.findall(PAGE.read_text())
    ]


def used():
    """Public names that the programs call, or catch."""
    found = set()
    for program in programs():
        for node in ast.walk(ast.parse(program)):
            of = node.func if isinstance(node, ast.Call) else getattr(node, "type", None)
            if isinstance(of, ast.Attribute) and getattr(of.value, "id", "") == "ipvae":
                found.add(of.attr)
    return found


@pytest.mark.parametrize("name", ipvae.__all__)
def test_every_public_name_is_called_on_the_page(name):
    assert name in used()


@pytest.mark.lava
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, make_network, capsys):
    """After every module was imported: importing `ipvae.x` sets the attribute x of the package."""
    for module in pkgutil.walk_packages(ipvae.__path__, "ipvae."):
        if not SCRIPTS.search(module.name):
            importlib.import_module(module.name)
    monkeypatch.chdir(tmp_path)
    make_network().save("net.h5")
    names: dict = {}
    for program in programs():
        exec(compile(program, str(PAGE), "exec"), names)
    assert names["proof"].bit_exact
    assert names["counts"].synaptic_ops > 0
    assert "steps: found 0, allowed 1 and above" in capsys.readouterr().out
