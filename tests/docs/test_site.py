"""The site of documents and reference, as `make site` builds it, and its map llms.txt."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import ipvae

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build_site.py"
PACKAGES = re.findall(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()
MAP = (ROOT / "llms.txt").read_text()
SOME = ("network", "energy")
"""Packages that are quick to import."""
BEGINNINGS = tuple(f"ipvae.{name}" for name in SOME)


def pages_of(package):
    """Pages that the modules of a package have."""
    return {
        (Path("ipvae") / source.relative_to(ROOT)).with_suffix(".html")
        for source in (ROOT / package).rglob("*.py")
        if "/_" not in str(source.relative_to(ROOT))
    }


def require_whole(folder, packages):
    """All modules and documents have pages, no link is dead, nothing is loaded from elsewhere."""
    pages = {
        page.relative_to(folder): re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.S)
        for page in folder.rglob("*.html")
    }
    for package in packages:
        wanted = {Path("reference") / page for page in pages_of(package)}
        assert len(wanted) > 1
        assert wanted <= pages.keys(), wanted - pages.keys()
    assert {Path("index.html"), Path("docs/spec/run.html"), Path("docs/tutorial.html")} <= {*pages}
    anchors = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    for page, text in pages.items():
        assert not re.search(r'src="https?:', text), page
        for link in re.findall(r'(?:href|src)="(?![a-z]+:)([^"]+)"', text):
            target, _, anchor = unquote(link).partition("#")
            place = (folder / page.parent / target) if target else folder / page
            assert place.exists(), (page, link)
            inside = place.resolve().relative_to(folder.resolve())
            if anchor and page.parts[0] != "reference" and inside.suffix == ".html":
                assert anchor in anchors[inside], (page, link)


def test_the_site_of_some_packages_is_whole(script, tmp_path, monkeypatch, capsys):
    site = script("build_site")
    chosen = [name for name in site.modules() if name.startswith(BEGINNINGS)]
    monkeypatch.setattr(site, "modules", lambda: chosen)
    site.build(tmp_path)
    assert capsys.readouterr().out.endswith(f" documents, {len(chosen)} modules\n")
    require_whole(tmp_path, SOME)


@pytest.mark.lava
def test_every_module_is_on_the_site(script):
    pages = {Path(*name.split(".")).with_suffix(".html") for name in script("build_site").modules()}
    for package in PACKAGES:
        assert pages_of(package) <= pages


@pytest.mark.lava
@pytest.mark.long
def test_the_site_has_every_module_and_no_dead_link(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    require_whole(tmp_path, PACKAGES)


def entries():
    """Titles, paths and descriptions of llms.txt."""
    return re.findall(r"^- \[(.+?)\]\((.+?)\): (.+)$", MAP, re.M)


def test_every_link_of_the_map_exists():
    assert MAP.startswith("# ipvae-loihi\n\n> ")
    paths = [path for _, path, _ in entries()]
    assert len(paths) > 30 and len({*paths}) == len(paths)
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    assert len(re.findall(r"\]\(", MAP)) == len(paths)
    assert all(re.fullmatch(r"[^\n]{10,120}", about) for _, _, about in entries())


def test_every_document_is_in_the_map():
    documents = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/**/*.md", "docs/*.ipynb", "models/*/*.md", "hw_tests/*.md")
        for path in ROOT.glob(pattern)
    }
    assert len(documents) > 30
    assert documents - {path for _, path, _ in entries()} == set()


def test_names_of_the_map_are_public():
    assert set(re.findall(r"`ipvae\.(\w+)`", MAP)) <= set(ipvae.__all__)
