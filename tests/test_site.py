"""The reference of the API, as `make site` builds it."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "build_site.py"
PACKAGES = re.findall(r"^PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()


@pytest.mark.lava
def test_the_site_has_every_module_and_no_dead_link(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {
        page.relative_to(tmp_path): re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.S)
        for page in tmp_path.rglob("*.html")
    }
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            if "/_" not in str(source.relative_to(ROOT)):
                page = (Path("ipvae") / source.relative_to(ROOT)).with_suffix(".html")
                assert page in pages, page
    for page, text in pages.items():
        assert not re.search(r'src="https?:', text), page
        for link in re.findall(r'href="([^":]+)"', text):
            target = unquote(link.partition("#")[0])
            assert not target or (tmp_path / page.parent / target).exists(), (page, link)
