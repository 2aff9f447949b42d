"""docs/loihi2.md: its commands do here what it says, its model is accepted, its errors exist."""

import importlib
import multiprocessing
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from ipvae.cli.main import run_command
from ipvae.lava_procs.importing import import_lava

pytestmark = [pytest.mark.lava(), pytest.mark.xdist_group("documents")]

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "loihi2.md").read_text()
COMMANDS = re.findall(r"^    (\.venv/bin/.*)$", TEXT, re.M)
STAND_IN = ROOT / "tests" / "lava_procs" / "stand_in"


CLEAN = {k: v for k, v in os.environ.items() if k not in ("SLURM", "NXSDKHOST")}


def in_a_process(words, *paths):
    program = [sys.executable, *(["-m", "ipvae.cli.main"] if words[0].endswith("ipvae") else [])]
    environment = CLEAN | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *paths]),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*program, *words[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def here(words):
    """In a fork of this process, which has imported Lava already."""
    if words[0].endswith("ipvae"):
        return forked(lambda: run_command(words[1:]))
    if words[1:3] == ["-m", "pytest"]:
        return forked(lambda: pytest.main([*words[3:], "-p", "no:cacheprovider"]))
    return forked(lambda: runpy.run_path(str(ROOT / words[1]), run_name="__main__"))


def forked(action):
    """Exit status, stdout and stderr of a function that a fork of this process calls."""
    import_lava()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = multiprocessing.get_context("fork").Process(
            target=as_a_program, args=(action, out.fileno(), err.fileno())
        )
        process.start()
        process.join()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
        return process.exitcode, *texts


def as_a_program(action, out, err):
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(CLEAN)
    status = 1
    try:
        status = action()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)


def require_page(command, run):
    status, out, err = run(shlex.split(command))
    if "--backend" in command:
        assert status == 2
        assert "Intel's extension lava-loihi is missing" in err
        assert len(err.splitlines()) == 1
    elif "pytest" in command:
        assert status == 0
        assert "Intel's extension lava-loihi is missing" in out
        assert "skipped" in out
    else:
        assert status == 0
        assert [f"    {line}" in TEXT for line in out.splitlines()] == [True] * 7


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_work_as_on_the_page(command):
    require_page(command, here)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_processes_work_as_on_the_page(command):
    require_page(command, in_a_process)


def test_there_are_commands_of_every_sort():
    assert len(COMMANDS) == 5
    assert not (ROOT / "build" / "log.csv").exists()


def example():
    """The model of the page, as a program that says whether it is accepted."""
    (found,) = re.findall(r"^(    import numpy as np\n.*?)\n\n\*\*", TEXT, re.M | re.S)
    code = "\n".join(line[4:] for line in found.splitlines())
    check = "from ipvae.lava_procs.board import neuro_core_models\n"
    check += "from ipvae.lava_procs.importing import import_lava\nimport_lava()\n"
    return f"{check}{code}\nneuro_core_models.check_model(NcPoissonNeuron, 'x')\nprint('accepted')"


def test_the_model_of_the_page_is_accepted_where_an_extension_is():
    """With the stand-in for it, which Lava would have found had it been there from the start."""

    def accepted():
        sys.path.insert(0, str(STAND_IN))
        importlib.invalidate_caches()
        configs, models = (
            importlib.import_module(f"lava.magma.core.{name}")
            for name in ("run_configs", "model.nc.model")
        )
        configs.AbstractNcProcessModel = models.AbstractNcProcessModel  # type: ignore[attr-defined]
        exec(example(), {"__name__": "example"})

    status, out, err = forked(accepted)
    assert (status, out) == (0, "accepted\n"), err


@pytest.mark.long
def test_a_process_that_has_an_extension_accepts_it_too():
    status, out, err = in_a_process(["python", "-c", example()], str(STAND_IN))
    assert (status, out) == (0, "accepted\n"), err


def test_every_error_of_the_page_is_in_the_code_and_the_other_way_round():
    names = ("find", "neuro_core_models", "profile")
    source = "".join((ROOT / "lava_procs" / "board" / f"{name}.py").read_text() for name in names)
    calls = source.split("raise failed(")[1:]
    table = TEXT[TEXT.index("## 7.") : TEXT.index("## 8.")]
    rows = re.findall(r"^\| (`[^|]*`) \|", table, re.M)
    phrases = [phrase for row in rows for phrase in re.findall(r"`(.*?)`", row)]
    joined = [re.sub(r'"\s*f?"', "", call) for call in calls]
    assert len(phrases) > 20
    for phrase in phrases:
        assert any(phrase in call for call in joined) or phrase in source, phrase
    for call in joined:
        assert any(phrase in call for phrase in phrases), call[:200]
