"""Every command of the README and of some of docs/, and all of the README's Python, is run."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from ipvae.cli.main import run_command

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


def commands(found):
    return [line for block in found for line in block if line.startswith(".venv/bin/ipvae ")]


def programs(found):
    return ["\n".join(b) for b in found if any(line.startswith("from ipvae") for line in b)]


README, LAVA = (blocks((ROOT / name).read_text()) for name in ("README.md", "docs/lava.md"))
COMMANDS = commands(README)
HARDWARE, QUANTIZATION, REPORT, ROBUSTNESS = (
    commands(blocks((ROOT / "docs" / name).read_text()))
    for name in ("hardware.md", "quantization.md", "report.md", "robustness.md")
)


@pytest.mark.lava
def test_commands_of_the_documents_run_in_order_and_succeed(tmp_path):
    assert len(COMMANDS) >= 8
    assert len(HARDWARE) >= 5
    assert len(QUANTIZATION) >= 8
    assert len(ROBUSTNESS) >= 4
    assert len(commands(LAVA)) >= 5
    assert len(REPORT) == 2
    script = Path(sys.executable).parent / "ipvae"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    (tmp_path / "models").symlink_to(ROOT / "models")
    rest = HARDWARE + QUANTIZATION + ROBUSTNESS + REPORT
    for command in COMMANDS + rest + commands(LAVA):
        words = [str(script), *shlex.split(command)[1:]]
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
    assert (len(programs(README)), len(programs(LAVA))) == (1, 2)
    for program in programs(README) + programs(LAVA):
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)


@pytest.mark.lava
def test_commands_on_plain_networks_succeed(tmp_path):
    """With the MNIST network that lava-dl's wheel brings."""
    script = Path(sys.executable).parent / "ipvae"
    packages = Path(sysconfig.get_path("purelib"))
    net = packages / "tests" / "lava" / "lib" / "dl" / "netx" / "mnist.net"
    np.save(tmp_path / "images.npy", np.zeros((2, 784), np.int16))
    lines = [line for block in LAVA for line in block if line.startswith("ipvae ")]
    assert len(lines) == 3
    given = {"FILE.net": str(net), "IMAGES.npy": "images.npy", "N": "2", "T": "4", "DIR": "out"}
    for line in lines:
        words = [given.get(word, word) for word in shlex.split(line)[1:]]
        done = subprocess.run(
            [str(script), *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)


def test_commands_of_the_training_guide_succeed_if_shortened(tmp_path):
    """Trained for an epoch; those on MNIST where the data are. torchrun's is in test_team.py."""
    script = Path(sys.executable).parent / "ipvae"
    data = os.environ.get("IPVAE_DATA", "none")
    lines = [
        line.split("   (")[0]
        for block in blocks((ROOT / "docs" / "training.md").read_text())
        for line in block
        if line.startswith("ipvae ")
    ]
    assert len(lines) >= 5
    for n, line in enumerate(lines):
        if "DIR" in line and not (Path(data) / "MNIST").is_dir():
            continue
        filled = line.replace("DIR", data).replace("NAME", "pvae-linear")
        if "--steps" in line:
            filled = filled.replace("16,64", "1")
        filled = filled.replace("threshold L", "threshold 0.1")
        train = "train" in filled.split()
        words = shlex.split(filled)[1:] + (["--epochs", "1", "--overwrite"] if train else [])
        done = subprocess.run(
            [str(script), *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (n, line, done.stderr)


def test_script_of_the_energy_dial_gives_its_table_and_figure(tmp_path):
    words = ["--runs", tmp_path / "runs", "--figure", tmp_path / "dial.png", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "beta_dial.py", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("| `ipvae` |") == 5
    assert done.stdout.count("| `pvae-linear` |") == 6
    assert (tmp_path / "dial.png").read_bytes().startswith(b"\x89PNG")


def test_script_of_the_curve_of_bits_gives_its_table_and_figure(tmp_path):
    run = tmp_path / "run"
    tiny = ["--preset", "digits", "--latents", "8", "--epochs", "1", "--out", str(run)]
    assert run_command(["--quiet", "train", *tiny]) == 0
    words = [run, "--out", tmp_path / "curve", "--figure", tmp_path / "curve.png"]
    words += ["--samples", "8", "--steps", "1,2", "--seeds", "2"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "bits_curve.py", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:4]] == ["| float", "| 8 bits", "| 7 bits"]
    assert all(("±" in row) == row.startswith(("| float", "| 8 bits |")) for row in rows[1:4])
    assert len(json.loads((tmp_path / "curve" / "bits_curve.json").read_text())) == len(rows) - 1
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_script_of_robustness_gives_its_tables_and_figure(tmp_path):
    run = tmp_path / "run"
    tiny = ["--preset", "digits", "--latents", "16", "--epochs", "2", "--out", str(run)]
    assert run_command(["--quiet", "train", *tiny]) == 0
    words = [run, "--out", tmp_path / "out", "--figure", tmp_path / "robustness.png"]
    words += ["--samples", "8", "--fewer", "4", "--steps", "2", "--seeds", "2", "--sets", "faces"]
    words += ["--rotate", "0,90", "--shift", "1,2", "--contrast", "0.5,1"]
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "robustness.py", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row.startswith("| rotate")] == ["| rotate 0", "| rotate 90"] + [
        "| rotate 90"
    ] * 3
    assert "| invert" in rows
    assert rows.count("| faces-framed") == 3
    found = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert set(found["response"]) == {"self", "drive"}
    assert len(found["changes"]["float"]) == 2
    assert (tmp_path / "robustness.png").read_bytes().startswith(b"\x89PNG")


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
