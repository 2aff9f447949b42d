"""examples/c_runner: a second implementation, in C99, written from docs/spec alone."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.workflows.implementations import cases

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "c_runner"
SOURCES = sorted(str(path) for path in FOLDER.rglob("*.c"))
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
RUN_LEVELS = tuple(level for level in cases.LEVELS if level != cases.REFUSALS)
PLACES = "{network} {images} {steps} {seed} {out} {first_image}"
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler: cc, gcc or clang")


def build(path, *options):
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", *options]
    subprocess.run([str(COMPILER), *flags, "-o", path, *SOURCES, "-lm"], check=True)
    return path


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return build(tmp_path_factory.mktemp("c") / "runner", "-O1")


@needs_compiler
def test_every_network_agrees(runner):
    found = ipvae.conformance(f"{runner} {PLACES}", levels=RUN_LEVELS)
    assert [case for case in found.cases if case.status != "agrees"] == []
    assert len(found.cases) >= 52 and found.not_run == 0


@needs_compiler
def test_every_file_is_refused_for_its_rule(runner, tmp_path):
    """The first word of the message is the rule's number; files that are valid run."""
    network, images = tmp_path / "net.h5", tmp_path / "images.npy"
    numbers = set()
    for case in cases.file_cases():
        (number,) = re.findall(r"^refusals.md, (R\d+) ", case.rule)
        numbers.add(number)
        case.write(network)
        np.save(images, case.images)
        numbers_of_run = str(case.steps), str(case.seed)
        words = [runner, network, images, *numbers_of_run, tmp_path, str(case.first_image)]
        ended = subprocess.run(words, check=False, capture_output=True, text=True)
        expected = (0, "") if case.accepted else (3, number)
        assert (ended.returncode, ended.stderr.split(":")[0]) == expected, (case.name, ended.stderr)
    assert len(numbers) == 43


@needs_compiler
@pytest.mark.long
def test_nothing_is_undefined(tmp_path):
    """Addresses, shifts and overflow, over the whole suite."""
    options = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    runner = build(tmp_path / "runner", *options)
    command = f"env ASAN_OPTIONS=detect_leaks=0 {runner} {PLACES}"
    found = ipvae.conformance(command)
    assert [case for case in found.cases if case.status != "agrees"] == []


def test_files_are_small():
    lines = {Path(path).name: len(Path(path).read_text().splitlines()) for path in SOURCES}
    assert max(lines.values()) <= 400
    page = (FOLDER / "README.md").read_text()
    assert f"about {round(sum(lines.values()), -2):,} lines" in page
