"""Every command of the README and of docs/, and all Python in them, is run."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_TARGETS = ["README.md", "CONTRIBUTING.md", "hw_tests/README.md"]
LEAST = {
    "README.md": 9,
    "docs/hardware.md": 8,
    "docs/quantization.md": 8,
    "docs/robustness.md": 4,
    "docs/report.md": 2,
    "docs/lava.md": 7,
    "docs/certificate.md": 2,
    "docs/cheap_inference.md": 2,
    "docs/moving_images.md": 6,
    "docs/compare.md": 1,
    "docs/convolutional.md": 6,
    "docs/training.md": 1,
    "docs/bring_your_network.md": 25,
    "docs/relu_networks.md": 7,
}
"""Documents, and how much each has its reader do at least."""
DOCUMENTS = list(LEAST)
BRING = ["docs/bring_your_network.md"] * 4
"""Programs of the page for networks of other tools."""
RELU = ["docs/relu_networks.md"] * 3
GUIDES = [f"docs/guides/{name}.md" for name in ("board", "count", "model", "simulate")]
ELSEWHERE = {"docs/api.md", "docs/loihi2.md", "docs/energy.md", "docs/from_lava_dl.md"}
"""Tested in test_api_page.py, test_loihi2_document.py, test_energy_rows.py and beside this file."""
MORE = {"compare": ("--samples", "20", "--probe-images", "300")}
"""Words added to commands that say nothing of it."""

pytestmark = pytest.mark.xdist_group("documents")


@pytest.mark.lava
def test_a_document_works_as_written(act, shop):
    """With fewer epochs, and small models in place of those that ship: see documents.py."""
    printed = shop.read(act, *MORE.get(act.command, ()))
    if act.document == "docs/compare.md":
        made = shop.place(act.document) / act.out
        assert "net.h5" in printed
        assert sorted(path.suffix for path in made.iterdir()) == [".json", ".png", ".svg"]


def test_no_document_has_lost_a_command(documents):
    for name, least in LEAST.items():
        assert len(documents.acts(name)) >= least, name
    programs = [act.document for name in LEAST for act in documents.acts(name) if act.program]
    trained = ["docs/moving_images.md", "docs/convolutional.md", "docs/training.md"]
    assert programs == ["README.md", "docs/lava.md", "docs/lava.md", *trained, *BRING, *RELU]


def test_no_document_with_commands_is_left_out(documents):
    every = {f"{path.relative_to(ROOT)}" for path in (ROOT / "docs").rglob("*.md")} | {"README.md"}
    assert {name for name in every if documents.acts(name)} - ELSEWHERE == {*DOCUMENTS, *GUIDES}


def test_the_console_script_runs_as_a_process(shop, documents):
    """The rest runs in one process; with `-m long`, each command in a separate one."""
    shop.read(next(act for act in documents.acts("README.md") if act.command == "export"))
    words = [Path(sys.executable).parent / "ipvae", "check", "build/readme/net.h5"]
    place = shop.place("README.md")
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout and not done.stderr


@pytest.mark.lava
@pytest.mark.long
@pytest.mark.parametrize("names", [DOCUMENTS, *([guide] for guide in GUIDES)], ids=lambda n: n[-1])
def test_documents_work_as_written_in_processes(names, documents, tmp_path):
    """Every number as it stands, on the models that ship."""
    script = Path(sys.executable).parent / "ipvae"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    (tmp_path / "models").symlink_to(ROOT / "models")
    for act in (act for name in names for act in documents.acts(name)):
        words = [sys.executable, "-c", act.program] if act.program else [str(script), *act.words]
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (act, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.lava
def test_commands_on_plain_networks_succeed(shop, documents, tmp_path, monkeypatch):
    """With the MNIST network that lava-dl's wheel brings."""
    monkeypatch.chdir(tmp_path)
    packages = Path(sysconfig.get_path("purelib"))
    net = packages / "tests" / "lava" / "lib" / "dl" / "netx" / "mnist.net"
    np.save(tmp_path / "images.npy", np.zeros((2, 784), np.int16))
    lines = [
        line
        for block in documents.blocks((ROOT / "docs" / "lava.md").read_text())
        for line in block
        if line.startswith("ipvae ")
    ]
    assert len(lines) == 7
    (tmp_path / "other.net").write_bytes(net.read_bytes())
    np.save(tmp_path / "labels.npy", np.zeros(2, np.int64))
    given = {"FILE.net": str(net), "IMAGES.npy": "images.npy", "N": "2", "T": "4", "DIR": "out"}
    given |= {"LABELS.npy": "labels.npy", "OUT.h5": "trace.h5", "OTHER.net": "other.net"}
    for line in lines:
        status, text = shop.ipvae(*(given.get(word, word) for word in shlex.split(line)[1:]))
        assert status == 0, (line, text)


def test_make_targets_of_the_documents_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {
        target
        for name in WITH_TARGETS
        for target in re.findall(r"^    make (\w+)", (ROOT / name).read_text(), re.M)
    }
    assert named >= {"demo", "test", "setup", "check"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_links_between_documents_lead_somewhere():
    for document in [ROOT / d for d in WITH_TARGETS] + sorted((ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), (document, link)
