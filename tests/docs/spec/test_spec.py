"""docs/spec/: refusals agree with the conformance suite; short sentences, no empty cells."""

import re
from pathlib import Path

import pytest

from ipvae.workflows.implementations.rules import RULES, TAGS

ROOT = Path(__file__).resolve().parents[3]
SPEC = ROOT / "docs" / "spec"
PAGES = sorted(SPEC.rglob("*.md"))
LONGEST = 30
"""Words of a sentence."""
RFC_WORDS = re.compile(r"\b(MUST|SHOULD|MAY|SHALL)\b")


def prose(page):
    """Sentences of a page, without tables, programs and headings; inline code is one word."""
    lines = [
        line for line in page.read_text().splitlines() if not line.startswith(("    ", "|", "#"))
    ]
    text = re.sub(r"`[^`]*`", "code", "\n".join(lines))
    text = re.sub(r"\]\([^)]*\)", "]", text)
    for paragraph in re.split(r"\n\s*\n|\n- ", text):
        yield from re.split(r"(?<=[.?:;])\s+", " ".join(paragraph.split()))


def test_refusals_are_the_rules_of_the_suite():
    rows = re.findall(r"^\| (R\d+) \| (\w+) \| (.+) \|$", (SPEC / "refusals.md").read_text(), re.M)
    assert rows == [(number, rule.tag, rule.text) for number, rule in RULES.items()]
    assert list(RULES) == [f"R{i}" for i in range(1, len(RULES) + 1)]
    tags = [TAGS.index(rule.tag) for rule in RULES.values()]
    assert tags == sorted(tags) and set(tags) == {0, 1, 2, 3}


def test_every_page_is_in_the_index():
    index = (SPEC / "README.md").read_text()
    listed = set(re.findall(r"\]\(([a-z_/]+\.md)\)", index))
    assert listed == {page.relative_to(SPEC).as_posix() for page in PAGES} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sentences_are_short_and_cells_full(page):
    found = list(prose(page))
    assert found
    assert [text for text in found if len(text.split()) > LONGEST] == []
    tables = [line for line in page.read_text().splitlines() if line.startswith("|")]
    assert [line for line in tables if re.search(r"\|\s*\|", line)] == []


def test_words_of_rfc_2119_are_in_the_specification_only():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    others = [page for page in pages if SPEC not in page.parents]
    assert any(RFC_WORDS.search(page.read_text()) for page in PAGES)
    assert [page.name for page in others if RFC_WORDS.search(page.read_text())] == []


def test_no_reference_leads_to_the_pages_that_it_replaced():
    """Paths of single documents that held several of these pages."""
    old = re.compile(r"\b(arithmetic|format)\.md\b")
    files = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / "llms.txt"]
    for room in ("network", "emulator", "lava_procs", "workflows", "cli", "scripts", "hw_tests"):
        files += (ROOT / room).rglob("*.py")
    assert [str(file) for file in files if old.search(file.read_text())] == []
