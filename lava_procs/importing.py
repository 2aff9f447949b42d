"""Import Lava late, quietly, and with one clear line where it is missing."""

import contextlib
import io
import multiprocessing
import sys
import warnings

from ipvae.errors import BackendError


def import_lava() -> None:
    """Import lava-nc and lava-dl (5 s), without the lines they print.

    Raises
    ------
    BackendError
        If they are not installed or do not import here.
    """
    if "lava.lib.dl.netx.hdf5" in sys.modules:
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
            import lava.lib.dl.netx.hdf5
            import lava.lib.dl.slayer  # noqa: F401
    except Exception as error:  # an import can fail in any way on a Python Lava does not support
        raise BackendError(
            f"backend 'lava': lava-nc 0.10.0 and lava-dl 0.6.0 do not import on Python "
            f"{sys.version_info[0]}.{sys.version_info[1]} ({type(error).__name__}: {error}); "
            "they need Python 3.10: run 'make setup' and use .venv/bin/ipvae"
        ) from error
