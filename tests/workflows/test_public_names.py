# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The public API: every name works after every module was imported, is documented, and is lazy."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ipvae

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.lava
def test_no_public_name_is_replaced_by_a_module():
    """Importing `ipvae.x` sets the attribute x of the package: no function may be called so."""
    for module in pkgutil.walk_packages(ipvae.__path__, "ipvae."):
        if not re.search(r"\.(stand_in|tests|models)$|doctor\.child|lava_procs", module.name):
            importlib.import_module(module.name)
    for name in ipvae.__all__:
        assert callable(getattr(ipvae, name)), name
        assert not hasattr(getattr(ipvae, name), "__path__"), name


@pytest.mark.parametrize("name", ipvae.__all__)
def test_every_name_has_a_docstring(name):
    assert getattr(ipvae, name).__doc__


def test_the_table_of_names_is_the_list_of_names():
    assert sorted(name for names in ipvae._HOMES.values() for name in names) == ipvae.__all__
    assert set(ipvae.__all__) <= set(dir(ipvae))
    with pytest.raises(AttributeError, match="no attribute 'trainn'"):
        _ = ipvae.trainn


def test_importing_the_package_loads_nothing_else():
    code = (
        "import sys, ipvae; "
        "print([m for m in ('numpy', 'h5py', 'torch', 'numba', 'lava') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_type_checkers_see_the_same_names():
    source = (ROOT / "ipvae" / "__init__.py").read_text()
    block = source.split("if TYPE_CHECKING:")[1].split("__version__")[0]
    imported = re.findall(r"import (.*)", block)
    assert sorted(", ".join(imported).split(", ")) == ipvae.__all__
