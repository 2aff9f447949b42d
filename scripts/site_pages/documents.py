"""Writing of the documents' pages, with navigation, and of the files to which they link."""

import html
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

from site_pages.markup import from_markdown, from_notebook, title_of
from site_pages.site_map import MAP, ROOT, page_of, sections

REFERENCE = "reference"
"""Folder of the pages that pdoc writes."""
STYLE = Path(__file__).with_name("style.css")
_LINK = re.compile(r'(?P<kind>href|src)="(?P<target>[^"]+)"')

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{top}style.css">
</head>
<body>
<nav>
{navigation}
</nav>
<main>
{body}
<footer>{footer}</footer>
</main>
</body>
</html>
"""


def write_documents(out: Path, footer: str) -> list[Path]:
    """Write a page for every document of the map; return the pages.

    Raises
    ------
    FileNotFoundError
        If a document links to something that does not exist.
    """
    entries = [entry for group in sections().values() for entry in group]
    documents = {entry.path: page_of(entry.path) for entry in entries}
    pages = []
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(STYLE, out / "style.css")
    shutil.copy(MAP, out / "llms.txt")
    for path, page in documents.items():
        source = ROOT / path
        notebook = source.suffix == ".ipynb"
        text = from_notebook(source) if notebook else from_markdown(source.read_text("utf-8"))
        place = out / page
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, out / path)  # llms.txt links to the source
        top = os.path.relpath(out, place.parent) + "/"
        place.write_text(
            _PAGE.format(
                title=html.escape(html.unescape(title_of(text)), quote=False),
                top=top,
                navigation=_navigation(page, top),
                body=_linked(text, source, out, documents),
                footer=html.escape(footer),
            ),
            encoding="utf-8",
        )
        pages.append(place)
    return pages


def _navigation(page: str, top: str) -> str:
    lines = []
    for name, entries in sections().items():
        lines.append(f"<h2>{html.escape(name)}</h2>\n<ul>")
        for entry in entries:
            to = page_of(entry.path)
            here = ' aria-current="page"' if to == page else ""
            lines.append(f'<li><a href="{top}{to}"{here}>{html.escape(entry.title)}</a></li>')
        if name == "Reference":
            lines.append(f'<li><a href="{top}{REFERENCE}/index.html">Modules</a></li>')
        lines.append("</ul>")
    return "\n".join(lines)


def _linked(body: str, source: Path, out: Path, documents: dict[str, str]) -> str:
    """Turn links to documents into links to their pages; copy other files that are linked."""

    def turned(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = (source.parent / unquote(target)).resolve()
        if path.is_dir() and (path / "README.md").exists():
            path /= "README.md"
        inside = path.relative_to(ROOT).as_posix()
        if inside.startswith("build/"):  # made by the reader
            return 'title="written by the commands of this page"'
        place = out / page_of(source.relative_to(ROOT).as_posix())
        to = out / documents.get(inside, inside)
        if path.is_dir():  # a folder of documents: their list in the navigation
            to = out / "index.html"
        elif inside not in documents:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
        address = Path(os.path.relpath(to, place.parent)).as_posix()
        return f'{match["kind"]}="{address}{"#" + anchor if anchor else ""}"'

    return _LINK.sub(turned, body)
