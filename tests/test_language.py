"""Prose uses the field's words and plain English; docs/glossary.md has the terms."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipvae.cli.command_groups import ENTRIES

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    *("benchmarks", "chip", "cli", "emulator", "energy", "evaluation", "export", "float_models"),
    *("hw_tests", "lava_procs", "network", "report", "scripts", "tests", "train", "workflows"),
)
PACKAGE = [room for room in ROOMS if room not in ("hw_tests", "scripts", "tests")]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "hw_tests", "docs", "models")
PHRASES = (
    *(
        "leaves? (it )?away",
        "leave it out",
        "left away",
        "mend(s|ed|ing)?",
        "go(es)? on",
        "going on",
        "anew",
        "so many",
    ),
    *("all the same", "at work there", "as one that", "is none", "are none", "has not", "have not"),
    *("hears?", "heard", "hearing", "listeners?", "deaf", "nobody", "likewise", "for ever"),
    *("those of", "that of", "of ours", "of its own", "of one's own", "of their own"),
    *("(is|are|was|be) told", "tells? apart", "stands? (for|in|at|on|there|beside|alone)"),
    *("lay(s|ing)? beside", "side by side", "makes? good", "brings? along", "as it goes"),
    *("has its say", "looked? at", "seen to", "taken down", "takes? down", "the dice"),
)
"""Calques, people in machines, chains of pronouns: phrases that need a second reading."""
BANNED = re.compile(rf"\b(?!is None\b)({'|'.join(PHRASES)})\b", re.IGNORECASE)
OTHER_TEMPLATE = re.compile(r", got |\bneeded (is|are)\b")
"""Errors are of one form: found X, allowed Y; remedy."""
COMMAND = re.compile(rf"\bipvae ({'|'.join(ENTRIES)})\b")
"""A command, by its name in a shell."""
Texts = Callable[[Path], Iterator[tuple[int, str]]]
BEGINNING = re.compile(r"(What|Whether|How|Say|Tell|Why|Who|Where|Which|See to)\b")


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Comments and docstrings of a module, or lines of a page, with their line numbers."""
    text = file.read_text()
    if file.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for line, docstring in docstrings(file):
        yield from enumerate(inspect.cleandoc(docstring).splitlines(), line)


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """Strings that are statements: of modules, classes, functions and constants."""
    for node in ast.walk(ast.parse(file.read_text())):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.lineno, value.value


def messages(file: Path) -> Iterator[tuple[int, str]]:
    """Texts that a program shows or raises: constants with a space, docstrings excepted."""
    lines = {line for line, _ in docstrings(file)}
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if " " in node.value and node.lineno not in lines:
            yield node.lineno, node.value


def modules(room: str) -> list[Path]:
    """Files of a room, but for this one, which names the phrases."""
    return sorted({*(ROOT / room).rglob("*.py")} - {Path(__file__).resolve()})


def pages(name: str) -> list[Path]:
    """Page, or the pages of a folder."""
    place = ROOT / name
    return [place] if place.is_file() else sorted(place.rglob("*.md"))


def found_in(files: list[Path], texts: Texts = prose) -> list[str]:
    """Banned phrases with their places."""
    return [
        f"{file.relative_to(ROOT)}:{line}: {phrase[0]}"
        for file in files
        for line, text in texts(file)
        for phrase in BANNED.finditer(re.sub(r"`[^`]*`|^    .*", "", text))
    ]


@pytest.mark.parametrize("room", [*ROOMS, "ipvae"])
def test_prose_of_a_room_has_no_banned_phrase(room):
    files = sorted((ROOT / "ipvae").glob("*.py")) if room == "ipvae" else modules(room)
    assert files
    assert found_in(files) == []


@pytest.mark.parametrize("room", PACKAGE)
def test_messages_of_a_room_have_no_banned_phrase(room):
    assert found_in(modules(room), messages) == []


@pytest.mark.parametrize("room", PACKAGE)
def test_errors_state_what_was_found_and_what_is_allowed(room):
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in modules(room)
        for line, text in messages(file)
        if OTHER_TEMPLATE.search(text)
    ]
    assert wrong == []


@pytest.mark.parametrize("room", [room for room in PACKAGE if room != "cli"])
def test_messages_of_the_library_name_functions_and_the_command_line_names_commands(room):
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in modules(room)
        for line, text in messages(file)
        if COMMAND.search(text) and not COMMAND.fullmatch(text)  # alone it is a mark in a file
    ]
    assert wrong == []


def test_templates_of_the_report_have_no_banned_phrase():
    assert found_in(sorted((ROOT / "report").rglob("*.j2"))) == []


@pytest.mark.parametrize("name", PAGES)
def test_prose_of_a_page_has_no_banned_phrase(name):
    assert pages(name)
    assert found_in(pages(name)) == []


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "tests"])
def test_docstrings_begin_with_a_noun_or_an_imperative(room):
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for file in modules(room)
        for line, text in docstrings(file)
        if text and BEGINNING.match(text)
    ]
    assert wrong == []
