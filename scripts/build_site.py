"""Build the reference of the Python API from its docstrings: python scripts/build_site.py OUT."""

import pkgutil
import sys
from pathlib import Path

import pdoc
import pdoc.render

import ipvae

FOOTER = f"ipvae-loihi {ipvae.__version__}"


def modules() -> list[str]:
    """Names of all modules; a package's __all__ would hide its submodules."""
    below = pkgutil.walk_packages(ipvae.__path__, "ipvae.")
    return ["ipvae", *sorted(module.name for module in below)]


def build(out: Path) -> None:
    """Write the pages; out/index.html lists all modules."""
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=FOOTER)
    pdoc.pdoc(*modules(), output_directory=out)
    print(f"{out / 'index.html'}: {len(modules())} modules")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]))
