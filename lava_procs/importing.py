"""Late import of Lava, without its output, and with a one-line error if it is missing."""

import contextlib
import importlib
import io
import multiprocessing
import sys
import warnings
from collections.abc import Callable

from ipvae.environment import reason
from ipvae.errors import BackendError
from ipvae.extras import install_lava
from ipvae.lava_procs.lava_repairs import repair_lava, repair_netx

NEEDED = (
    "lava.magma.runtime.runtime",
    "lava.magma.core.run_configs",
    *(f"lava.proc.{name}.models" for name in ("dense", "conv", "lif", "sdn")),
)
"""Parts of lava-nc that networks consist of and run with."""


def import_lava() -> None:
    """Import lava-nc, without the lines that it prints.

    Raises
    ------
    BackendError
        If it is not installed or cannot be imported.
    """
    _import(repair_lava, NEEDED, "backend 'lava': lava-nc 0.10.0 does not", "lava")


def import_lava_dl() -> None:
    """Import lava-dl with PyTorch (2 s), to train or to read files.

    Raises
    ------
    BackendError
        If it is not installed or cannot be imported.
    """
    _import(
        repair_netx,
        (*NEEDED, "lava.lib.dl.netx.hdf5", "lava.lib.dl.slayer"),
        "lava-nc 0.10.0 and lava-dl 0.6.0 do not",
        "lava-dl",
    )


def _import(repair: Callable[[], None], modules: tuple[str, ...], what: str, extra: str) -> None:
    if all(name in sys.modules for name in modules):
        return
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            # Lava sets the start method and fails if a library such as joblib already has.
            multiprocessing.set_start_method(None, force=True)
            repair()
            for name in modules:
                importlib.import_module(name)
    except Exception as error:  # an import can fail in any way on an unsupported Python
        raise BackendError(
            f"{what} import on Python {sys.version_info[0]}.{sys.version_info[1]} "
            f"({reason(error)}); install it with {install_lava(extra)}"
        ) from error
