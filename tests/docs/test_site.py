"""The reference of the API, as `make site` builds it."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build_site.py"
PACKAGES = re.findall(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()
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
    """Every module has a page, no link is dead, and nothing is loaded from elsewhere."""
    pages = {
        page.relative_to(folder): re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.S)
        for page in folder.rglob("*.html")
    }
    for package in packages:
        wanted = pages_of(package)
        assert len(wanted) > 1
        assert wanted <= pages.keys(), wanted - pages.keys()
    for page, text in pages.items():
        assert not re.search(r'src="https?:', text), page
        for link in re.findall(r'href="([^":]+)"', text):
            target = unquote(link.partition("#")[0])
            assert not target or (folder / page.parent / target).exists(), (page, link)


@pytest.mark.filterwarnings("ignore:The module specification")  # a package brings its modules too
def test_the_site_of_some_packages_is_whole(script, tmp_path, monkeypatch, capsys):
    site = script("build_site")
    chosen = [name for name in site.modules() if name.startswith(BEGINNINGS)]
    monkeypatch.setattr(site, "modules", lambda: chosen)
    site.build(tmp_path)
    assert capsys.readouterr().out.endswith(f"index.html: {len(chosen)} modules\n")
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
    assert done.returncode == 0, done.stderr
    require_whole(tmp_path, PACKAGES)
