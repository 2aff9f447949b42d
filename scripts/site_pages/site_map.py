"""The list of documents in llms.txt, which is also the navigation of the site."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAP = ROOT / "llms.txt"


@dataclass(frozen=True)
class Entry:
    """One document: its title in the navigation, and its path below the repository's root."""

    title: str
    path: str
    about: str


def sections() -> dict[str, list[Entry]]:
    """Return the entries of each section, in order."""
    found: dict[str, list[Entry]] = {}
    for line in MAP.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line[3:]] = []
        elif match := re.fullmatch(r"- \[(.+?)\]\((.+?)\): (.+)", line):
            found[list(found)[-1]].append(Entry(*match.groups()))
    return found


def page_of(path: str) -> str:
    """Return the address of a document's page below the root of the site."""
    if path == "README.md":
        return "index.html"
    return str(Path(path).with_suffix(".html"))
