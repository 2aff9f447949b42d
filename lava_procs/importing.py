"""Import Lava late, quietly, and with one clear line where it is missing."""

import contextlib
import importlib
import io
import multiprocessing
import sys
import warnings

from ipvae.environment import reason
from ipvae.errors import BackendError

PYTHON = (3, 10)
NEEDED = (
    "lava.magma.runtime.runtime",
    "lava.magma.core.run_configs",
    *(f"lava.proc.{name}.models" for name in ("dense", "conv", "lif", "sdn")),
)
"""Parts of lava-nc that networks are made of and run with."""


def import_lava() -> None:
    """Import lava-nc, without the lines it prints.

    Raises
    ------
    BackendError
        If it is not installed or does not import here.
    """
    _import(NEEDED, "backend 'lava': lava-nc 0.10.0 does not")


def import_lava_dl() -> None:
    """Import lava-dl too, and PyTorch with it (2 s), for what trains or reads files with it.

    Raises
    ------
    BackendError
        If it is not installed or does not import here.
    """
    _import(
        (*NEEDED, "lava.lib.dl.netx.hdf5", "lava.lib.dl.slayer"),
        "lava-nc 0.10.0 and lava-dl 0.6.0 do not",
    )


def _import(modules: tuple[str, ...], what: str) -> None:
    if all(name in sys.modules for name in modules):
        return
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            # Lava sets the start method and fails if someone, joblib for one, already has.
            multiprocessing.set_start_method(None, force=True)
            for name in modules:
                importlib.import_module(name)
    except Exception as error:  # an import can fail in any way on a Python Lava does not support
        here = sys.version_info[:2]
        remedy = "install it there (pip install 'ipvae-loihi[lava]')"
        if here != PYTHON:
            remedy = "it needs Python 3.10: run 'make setup' and use .venv/bin/ipvae"
        raise BackendError(
            f"{what} import on Python {here[0]}.{here[1]} ({reason(error)}); {remedy}"
        ) from error
