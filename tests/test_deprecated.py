"""Names that README and the documents promised before `import ipvae`: they work, and say where."""

import importlib
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import ipvae.errors
from ipvae.emulator import recording
from ipvae.energy.counting import counts
from ipvae.network.io import network_file

ROOT = Path(__file__).resolve().parent.parent

MOVED = {
    "ipvae.network.file.read_network": (network_file.read_network, "ipvae.load_network"),
    "ipvae.network.file.write_network": (network_file.write_network, "network.save"),
    "ipvae.emulator.run": (recording.run, "ipvae.run"),
    "ipvae.energy.counts.count": (counts.count_run, "ipvae.count_operations"),
    "ipvae.network.errors.InputError": (ipvae.errors.InputError, "ipvae.errors.InputError"),
    "ipvae.network.errors.ToolchainError": (ipvae.errors.IpvaeError, "ipvae.IpvaeError"),
    "ipvae.train.errors.ConfigError": (ipvae.errors.ConfigError, "ipvae.errors.ConfigError"),
}


@pytest.mark.parametrize("name", MOVED)
def test_an_old_name_works_and_names_the_new_way(name):
    module, _, attribute = name.rpartition(".")
    now, advice = MOVED[name]
    with pytest.warns(DeprecationWarning, match=rf"^{name} is deprecated; use {advice}") as caught:
        assert getattr(importlib.import_module(module), attribute) is now
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", MOVED)
def test_the_page_states_what_moved(name):
    module = name.rpartition(".")[0]
    page = (ROOT / "docs" / "api.md").read_text().split("## What moved")[1]
    assert name in page or f"`{module}`" in page


def test_importing_an_old_name_warns_where_it_is_written(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import ipvae\nfrom ipvae.emulator import run\n")
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=True
    )
    assert re.search(r"program.py:2: DeprecationWarning: ipvae.emulator.run is dep", done.stderr)


def test_other_names_of_these_modules_do_not_exist():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module in {name.rpartition(".")[0] for name in MOVED}:
            with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'x'"):
                _ = importlib.import_module(module).x
