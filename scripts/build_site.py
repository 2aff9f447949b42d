"""Build the documentation site: python scripts/build_site.py OUT.

The documents that llms.txt lists become pages, and `reference/` has the Python API from its
docstrings.
"""

import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc
import pdoc.render
from site_pages.documents import REFERENCE, write_documents

import ipvae

FOOTER = f"ipvae-loihi {ipvae.__version__}"
EXPECTED = (
    "The module specification .* adds a module",  # every package brings its modules too
    r"Error parsing type annotation .* for lava\.",  # inherited from Lava's classes
)


def modules() -> list[str]:
    """Names of all modules; a package's __all__ would hide its submodules."""
    below = pkgutil.walk_packages(ipvae.__path__, "ipvae.")
    return ["ipvae", *sorted(module.name for module in below)]


def build(out: Path) -> None:
    """Write the pages; out/index.html is the README."""
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=FOOTER)
    pages = write_documents(out, FOOTER)
    with warnings.catch_warnings():
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message)
        pdoc.pdoc(*modules(), output_directory=out / REFERENCE)
    print(f"{out / 'index.html'}: {len(pages)} documents, {len(modules())} modules")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]))
