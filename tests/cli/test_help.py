# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""What the command line says of itself, and what it imports to say it."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module

import pytest
import typer

import ipvae
from ipvae.chip.limits import TARGETS
from ipvae.cli.command_groups import ENTRIES, GROUPS, Commands, first_sentence
from ipvae.cli.main import app
from ipvae.export.options import LAYOUTS
from ipvae.float_models.presets import PRESETS
from ipvae.workflows.running.backends import BACKENDS
from ipvae.workflows.running.stopping import TOLERANCES

HEAVY = ("numpy", "h5py", "numba", "torch", "scipy", "sklearn", "matplotlib", "lava", "safetensors")
LIGHT = ("check", "diff", "doctor", "export", "info", "run", "verify")
"""Commands whose modules import nothing heavy; what they run does."""


def function_of(name):
    module, function = ENTRIES[name].home.split(":")
    return getattr(import_module(f"ipvae.cli.commands.{module}"), function)


def context_of(name, **more):
    group = typer.main.get_command(app)
    parent = group.make_context("ipvae", [name, "-h"], resilient_parsing=True)
    command = Commands()[name]
    return command, {"parent": parent, **more}


def plain(text):
    return " ".join(text.split())


def test_help_shows_every_summary_whole_and_in_its_group(command):
    status, text, _ = command("--help")
    assert status == 0
    assert "..." not in text.split("COMMAND [ARGS]...", 1)[1]
    for title, entries in GROUPS.items():
        section = re.split(r"\n\n(?=\S)", text.split(f"\n{title}:\n")[1])[0]
        found = plain(section)
        for name, entry in entries.items():
            assert f"{name} {entry.summary}" in found
    assert command("-h")[1] == text


@pytest.mark.parametrize("name", ENTRIES)
def test_a_summary_is_the_first_sentence_of_the_command(name):
    assert ENTRIES[name].summary == first_sentence(function_of(name))


@pytest.mark.parametrize("name", ENTRIES)
def test_help_has_examples_that_are_taken_and_defaults(command, name):
    status, text, _ = command(name, "-h")
    assert status == 0
    assert command(name, "--help")[1] == text
    assert text.split("Examples:\n")[1].splitlines() == [
        f"  ipvae {words}" for words in ENTRIES[name].examples
    ]
    for words in ENTRIES[name].examples:
        first, *rest = shlex.split(words)
        assert first == name
        made, more = context_of(name)
        made.make_context(name, rest, **more)
    made, more = context_of(name, resilient_parsing=True)
    context = made.make_context(name, [], **more)
    for option in made.params:
        has_one = option.default not in (None, False) and not option.required
        if option.param_type_name == "option" and has_one:
            assert "[default: " in option.get_help_record(context)[1], option.name


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "report"])
def test_every_option_states_its_default_and_what_it_takes(name):
    """But for those that are required or are switches; no metavar is a type's name."""
    made, more = context_of(name, resilient_parsing=True)
    context = made.make_context(name, [], **more)
    looked_at = []
    for option in made.params:
        if option.param_type_name != "option" or option.is_flag or option.name == "help":
            continue
        words, text = option.get_help_record(context)
        assert "<" not in words, option.name
        assert option.required or "[default: " in text, option.name
        looked_at.append(option.name)
    assert len(looked_at) > 10


@pytest.mark.parametrize(
    ("name", "option", "names"),
    [
        ("train", "preset", tuple(PRESETS)),
        ("train", "device", ("cpu", "cuda", "mps")),
        ("evaluate", "inference", ("model", "lca")),
        ("evaluate", "stop", tuple(TOLERANCES)),
        ("run", "backend", BACKENDS),
        ("check", "target", tuple(TARGETS)),
        ("export", "layout", LAYOUTS),
        ("export", "inference", ("model", "lca")),
    ],
)
def test_choices_are_named_as_the_library_takes_them(name, option, names):
    made, _ = context_of(name)
    (found,) = [param for param in made.params if param.name == option]
    assert found.metavar == "|".join(names)


@pytest.mark.parametrize(
    ("name", "function", "others"),
    [
        ("run", ipvae.run, {"hold": "frame_steps"}),
        ("verify", ipvae.verify, {"hold": "frame_steps"}),
        ("check", ipvae.check, {}),
        ("export", ipvae.quantize, {}),
    ],
)
def test_defaults_are_those_of_the_library(name, function, others):
    known = inspect.signature(function).parameters
    made, _ = context_of(name)
    compared = []
    for param in made.params:
        argument = known.get(others.get(param.name, param.name))
        if argument is None or argument.default is argument.empty or param.name == "samples":
            continue
        default = tuple(param.default.split(",")) if param.name == "backends" else param.default
        assert default == argument.default, param.name
        compared.append(param.name)
    assert {"run": "timeout", "verify": "backends", "check": "target", "export": "most_loss"}[
        name
    ] in compared


@pytest.mark.parametrize(
    "words",
    [("--help",), ("--version",), ("nothing",), *((name, "-h") for name in LIGHT), ("run",)],
    ids=" ".join,
)
def test_help_and_mistakes_import_nothing_heavy(words):
    code = (
        "import sys; from ipvae.cli.main import run_command; "
        f"run_command({list(words)}); print('imported', *(m for m in {HEAVY} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ipvae ver", ["verify"]),
        ("ipvae c", ["check", "certify", "conformance", "compare", "count"]),
        ("ipvae run net.h5 --record-d", ["--record-draws"]),
        ("ipvae run net.h5 --backend lava", ["lava", "lava-stock"]),
        ("ipvae check net.h5 --target ", list(TARGETS)),
    ],
)
def test_a_shell_completes_commands_options_and_choices(words, expected):
    parts = words.split(" ")
    done = subprocess.run(
        [sys.executable, "-m", "ipvae.cli.entry"],
        env={
            **os.environ,
            "_IPVAE_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(parts) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == expected


def test_a_shell_is_given_its_script():
    words = f"{sys.executable} -m ipvae.cli.entry --show-completion; true"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "_IPVAE_COMPLETE=complete_bash" in done.stdout


def test_the_package_runs_as_the_command_does(command):
    words = [sys.executable, "-m", "ipvae", "--version"]
    found = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == command("--version")[:2]
